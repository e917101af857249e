"""Curves from a server of metrics, asked in PromQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...protocols import MetricsQueries, QueriedSeries
from .curves import CurveKey, Curves, Grain, Numbers
from .expressions import EXPRESSIONS, selector

_SHOWN = (
    *("requests", "errors", "rows", "p50", "p95", "p99", "in_flight", "queued"),
    *("drift", "prediction_drift", "performance", "model_errors"),
)
_LOOKED_BACK_S, _GLANCE_S = 300.0, 1.0


def curves(queries: MetricsQueries, name: str, times: Numbers, grain: Grain, ahead_s: float = 0.0) -> Curves:
    """Ask what a deployment did at some instants.

    Parameters
    ----------
    queries
        The server.
    name
        The deployment.
    times
        The instants, a step apart.
    grain
        The step, and how far each instant looks back.
    ahead_s
        How far the server's clock is ahead of ours.

    Raises
    ------
    ServiceError
        When it does not answer, or refuses.
    """
    return Curves(times, dict(_curves(queries, name, times, grain, ahead_s)) if len(times) else {})


def scrape_s(queries: MetricsQueries, name: str, now_s: float) -> float | None:
    """Return the time between two scrapes of a deployment; ``None`` when it has not been scraped twice lately.

    Parameters
    ----------
    queries
        The server.
    name
        The deployment.
    now_s
        The server's present.

    Raises
    ------
    ServiceError
        When it does not answer, or refuses.
    """
    expression = EXPRESSIONS["scraped_at"].promql(selector(name), "")
    found = queries.query_range(expression, now_s - _LOOKED_BACK_S, now_s, _GLANCE_S)
    moments = sorted({moment for series in found for moment in series.values})
    if len(moments) < 2:  # noqa: PLR2004 -- two have one time between them
        return None
    # Configured are whole seconds as a rule; scrapes are some milliseconds early or late.
    return max(1.0, float(np.rint(np.median(np.diff(moments)))))


def reached(queries: MetricsQueries, name: str) -> bool | None:
    """Return whether the last scrape of a deployment went well; ``None`` when there was none."""
    found = [value for series in queries.query(f"up{{{selector(name)}}}") for value in series.values]
    return any(value == 1.0 for value in found) if found else None


def _curves(
    queries: MetricsQueries, name: str, times: Numbers, grain: Grain, ahead_s: float
) -> Iterator[tuple[CurveKey, Numbers]]:
    first, last = float(times[0]) + ahead_s, float(times[-1]) + ahead_s
    window = f"{max(1, round(grain.window_s * 1_000))}ms"

    def ask(what: str) -> tuple[QueriedSeries, ...]:
        return queries.query_range(EXPRESSIONS[what].promql(selector(name), window), first, last, grain.step_s)

    # All at once: a server that takes seconds for each would else be read for the better part of a minute.
    with ThreadPoolExecutor(len(_SHOWN), thread_name_prefix="mlops-curves") as asking:
        answers = list(asking.map(ask, _SHOWN))
    for what, answer in zip(_SHOWN, answers, strict=True):
        for series in answer:
            values = np.full(len(times), np.nan)
            places = np.rint((np.array(series.times) - first) / grain.step_s).astype(int)
            values[places] = series.values
            version, *more = (series.labels.get(label, "") for label in EXPRESSIONS[what].labels or ("",))
            yield CurveKey(what, version, *more), values
