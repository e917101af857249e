"""``deployments``: what is deployed, and how it is."""

from __future__ import annotations

from .. import settings
from ..protocols import DeploymentName
from ..records import Deployment, Deployments
from . import targets


def deployments(name: DeploymentName = "", *, target: str = targets.LOCAL) -> Deployment | Deployments:
    """List deployments, or show one: address, versions and their shares, restarts, how to ask it.

    Parameters
    ----------
    name
        The one to show; else all are listed.
    target
        Where they run.

    Returns
    -------
    Deployment or Deployments
        The one, or all.

    Raises
    ------
    NotFound
        When there is no such deployment.
    """
    place = targets.target(settings.current(), target)
    if name:
        return targets.with_jupyter(place.examine(name))
    found = tuple(map(targets.with_jupyter, place.all()))
    return Deployments(found, tuple(note for one in found for note in one.notes))
