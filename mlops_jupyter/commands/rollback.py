"""``rollback``: back to what a deployment served before."""

from __future__ import annotations

from .. import settings
from ..capabilities import rollouts
from ..protocols import DeploymentName, Reporter, Silent, WantedDeployment
from ..records import Deployment
from . import targets


def rollback(
    name: DeploymentName,
    *,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Deployment:
    """Let a deployment serve what it served before the last change; once more goes further back.

    It follows no alias then: what was followed is told, and how to follow it again.

    Parameters
    ----------
    name
        The deployment.
    reporter
        Where progress is told.

    Returns
    -------
    Deployment
        As it is then.

    Raises
    ------
    NotFound
        When there is no such deployment, or it has served nothing before.
    """
    place = targets.target(settings.current())
    place.get(name)
    with place.changing(name):
        earlier = place.before(name)
        wanted = WantedDeployment(
            name=name,
            versions=earlier.versions,
            why=f"rollback: {rollouts.described(earlier.versions)}",
            who=targets.who(),
            back_to=earlier.number,
        )
        found = place.apply(wanted, targets.waiting(reporter, name))
    targets.ready(reporter, name)
    notes = [f"as of {earlier.at:%Y-%m-%d %H:%M:%S} UTC: {earlier.why}"]
    if earlier.follows is not None:
        # The alias has moved on since, or there was nothing to go back from.
        again = f"mlops deploy {earlier.follows} --name {name} does again"
        notes.append(f"it does not follow {earlier.follows} now; {again}")
    return targets.with_jupyter(targets.noted(found, *notes))
