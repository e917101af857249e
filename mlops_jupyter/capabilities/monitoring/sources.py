"""Where curves come from: an endpoint's own history, or a server of metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from ...errors import MlopsError, NotFound
from ...protocols import MetricsQueries
from ..endpoints.series import SeriesFile
from ..endpoints.series_rates import Numbers, instants
from . import clocks, from_history, from_queries
from .curves import Curves, Grain, grain

# How soon a server that failed is asked again, and one that answers for the time between its scrapes.
_RETRY_S, _LOOK_AGAIN_S = 5.0, 60.0
# Clocks that differ by less are taken to agree.
_SAME_CLOCK_S = 2.0


class Seen(NamedTuple):
    """Curves, how closely they were looked at, and sentences that the user should read."""

    grain: Grain
    curves: Curves
    notes: tuple[str, ...] = ()


class CurveSource(Protocol):
    """Where curves come from."""

    def curves(self, range_s: float, after_s: float | None) -> Seen:
        """Return the curves from ``range_s`` ago up to now, without the instants up to ``after_s``.

        Raises `MlopsError` when they cannot be had.
        """


class OwnHistory:
    """The history that an endpoint keeps.

    Parameters
    ----------
    file
        Where it keeps it.
    """

    def __init__(self, file: SeriesFile) -> None:
        self._file = file

    def curves(self, range_s: float, after_s: float | None) -> Seen:
        """Return the curves.

        Raises
        ------
        ConfigurationError
            When the file is damaged.
        """
        closely = grain(range_s)
        times = _wanted(time.time(), range_s, after_s, closely)
        if not len(times):
            return Seen(closely, Curves(times, {}))
        first_s = float(times[0]) - closely.window_s - closely.stale_s
        return Seen(closely, from_history.curves(self._file.read(first_s, float(times[-1])), times, closely))


class AskedServer:
    """A server of metrics that scrapes an endpoint. One that fails is left alone for a while.

    Parameters
    ----------
    queries
        The server.
    name
        The deployment.
    now
        A clock that only goes forwards, in seconds.
    """

    def __init__(self, queries: MetricsQueries, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self._queries, self._name, self._now = queries, name, now
        self._failed: tuple[float, MlopsError] | None = None
        self._looked_s = float("-inf")
        self._scrape_s: float | None = None
        self._ahead_s = 0.0

    def curves(self, range_s: float, after_s: float | None) -> Seen:
        """Return the curves.

        Raises
        ------
        ServiceError
            When the server does not answer, or refuses.
        NotFound
            When it has not scraped the endpoint lately.
        """
        if self._failed is not None and self._now() - self._failed[0] < _RETRY_S:
            raise self._failed[1]
        try:
            found = self._asked(range_s, after_s)
        except MlopsError as error:
            self._failed = self._now(), error
            raise
        self._failed = None
        return found

    def _asked(self, range_s: float, after_s: float | None) -> Seen:
        if self._now() - self._looked_s > _LOOK_AGAIN_S:
            self._look()
        if self._scrape_s is None:
            raise self._unknown()
        closely = grain(range_s, self._scrape_s)
        times = _wanted(time.time(), range_s, after_s, closely)
        curves = from_queries.curves(self._queries, self._name, times, closely, self._ahead_s)
        return Seen(closely, curves, self._notes())

    def _unknown(self) -> NotFound:
        """Return why nothing is known: the server has begun, or cannot get in, or has not been told of the endpoint."""
        reached = from_queries.reached(self._queries, self._name)
        if reached is None:
            return NotFound(
                f"the metrics server has not scraped {self._name} in the last minutes",
                f"wait for two scrapes if it has just started; else: mlops export prometheus {self._name}",
            )
        if reached:
            return NotFound(f"the metrics server has scraped {self._name} only once so far", "wait for its next scrape")
        return NotFound(f"the metrics server cannot scrape {self._name}", "its page /targets says why")

    def _look(self) -> None:
        """Learn how often the server scrapes, and how its clock stands to ours."""
        self._ahead_s = clocks.ahead_s(self._queries, _SAME_CLOCK_S)
        self._scrape_s = from_queries.scrape_s(self._queries, self._name, time.time() + self._ahead_s)
        # An endpoint that is not scraped yet may be in a moment.
        self._looked_s = self._now() if self._scrape_s is not None else float("-inf")

    def _notes(self) -> tuple[str, ...]:
        if not self._ahead_s:
            return ()
        where = "ahead of" if self._ahead_s > 0 else "behind"
        return (f"the metrics server's clock is {abs(self._ahead_s):.0f} s {where} this machine's; times are ours",)


def _wanted(now_s: float, range_s: float, after_s: float | None, closely: Grain) -> Numbers:
    first_s = now_s - range_s
    if after_s is not None:
        first_s = max(first_s, after_s + closely.step_s / 2)
    return instants(first_s, now_s, closely.step_s) if first_s <= now_s else np.empty(0)
