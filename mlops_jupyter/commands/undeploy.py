"""``undeploy``: an endpoint is no more."""

from __future__ import annotations

from .. import settings
from ..protocols import DeploymentName, Reporter, Silent
from ..records import Undeployed
from . import targets


def undeploy(
    name: DeploymentName,
    *,
    target: str = targets.LOCAL,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Undeployed:
    """End an endpoint, when it has answered what is open, and remove all that it has left.

    Parameters
    ----------
    name
        The deployment.
    target
        Where it runs.
    reporter
        Where progress is told.

    Returns
    -------
    Undeployed
        What it was.

    Raises
    ------
    NotFound
        When there is no such deployment.
    """
    place = targets.target(settings.current(), target)
    place.get(name)
    reporter.progress(f"{name} answers what is open", 0, 1)
    was = place.remove(name)
    reporter.progress(f"{name} has ended", 1, 1)
    return Undeployed(name, was.target, was.status)
