"""``logs``: what an endpoint's processes write."""

from __future__ import annotations

from typing import Annotated

from .. import settings
from ..errors import CommandError
from ..protocols import DeploymentName, Reporter, Short, Silent
from ..records import LogLines
from . import targets


def logs(
    name: DeploymentName,
    *,
    lines: Annotated[int, Short("-n")] = 50,
    follow: Annotated[bool, Short("-f")] = False,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> LogLines | None:
    """Show the last lines of an endpoint's log.

    Parameters
    ----------
    name
        The deployment.
    lines
        How many.
    follow
        Go on with those that come, until the endpoint ends or this is interrupted.
    reporter
        Where lines are shown that are followed.

    Returns
    -------
    LogLines
        The lines; nothing when they were followed, and shown as they came.

    Raises
    ------
    NotFound
        When there is no such deployment.
    """
    if lines < (0 if follow else 1):
        raise CommandError(f"--lines must be at least {0 if follow else 1}, not {lines}", "--lines 100")
    place = targets.target(settings.current())
    path = place.get(name).log or ""
    for some in place.log_lines(name, lines, follow=follow):
        found = LogLines(name, some, path)
        if not follow:
            return found
        if some:
            reporter.part(found)
        if reporter.cancelled():
            break
    return None
