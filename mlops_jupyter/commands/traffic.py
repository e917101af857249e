"""``traffic``: which version of a deployment gets which share of the requests."""

from __future__ import annotations

from .. import settings
from ..capabilities import rollouts
from ..protocols import DeploymentName, Reporter, Silent, WantedDeployment
from ..records import Deployment
from . import targets


def traffic(
    name: DeploymentName,
    *shares: str,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Deployment:
    """Share a deployment's traffic out between its versions; without shares, show them.

    A version that gets nothing is let go, a shadow that gets a share answers from now on. No request is dropped.

    Parameters
    ----------
    name
        The deployment.
    shares
        Of each version its share in percent, as 3=90 4=10; they sum to 100.
    reporter
        Where progress is told.

    Returns
    -------
    Deployment
        As it is then.

    Raises
    ------
    NotFound
        When there is no such deployment, or it does not serve such a version.
    CommandError
        When the shares do not sum to 100.
    """
    place = targets.target(settings.current())
    if not shares:
        return targets.with_jupyter(place.examine(name))
    told = rollouts.parsed_shares(place.get(name), shares)
    with place.changing(name):
        present = place.get(name)
        versions = rollouts.with_shares(name, present.versions, told)
        # Who shares the traffic out by hand does not want an alias to take it all again.
        wanted = WantedDeployment(name, versions, f"traffic {rollouts.described(versions)}", targets.who())
        found = place.apply(wanted, targets.waiting(reporter, name))
    targets.ready(reporter, name)
    if present.follows is not None:
        note = f"it follows {present.follows} no longer; mlops deploy {present.follows} --name {name} does again"
        return targets.with_jupyter(targets.noted(found, note))
    return targets.with_jupyter(found)
