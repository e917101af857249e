"""How the clock of a server of metrics stands to ours."""

from __future__ import annotations

import time

from ...protocols import MetricsQueries


def ahead_s(queries: MetricsQueries, agree_s: float) -> float:
    """Return how far a server's clock is ahead of ours; 0 where they agree.

    Its answer was true at some moment between our question and its arrival, so that a slow answer says less.

    Parameters
    ----------
    queries
        The server.
    agree_s
        What they may differ by beyond that and be taken to agree.

    Raises
    ------
    ServiceError
        When it does not answer, or refuses.
    """
    asked_s = time.time()
    theirs_s = queries.clock_s()
    told_s = time.time()
    if asked_s - agree_s < theirs_s < told_s + agree_s:
        return 0.0
    return theirs_s - (asked_s + told_s) / 2
