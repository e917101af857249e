"""Rates and quantiles of what an endpoint has counted, as PromQL's ``rate`` and ``histogram_quantile`` mean them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from .series_points import Readings, totals

Numbers: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]


class Spans(NamedTuple):
    """Of each instant, the rows that a window before it goes from and to.

    Attributes
    ----------
    begins, ends
        Their places; of an instant that is not `known` they mean nothing.
    known
        Whether there is a row at the instant, and an earlier one.
    fresh
        Whether there is a row at the instant.
    seconds
        The time between the two.
    """

    begins: Places
    ends: Places
    known: npt.NDArray[np.bool_]
    fresh: npt.NDArray[np.bool_]
    seconds: Numbers


def instants(since_s: float, until_s: float, step_s: float) -> Numbers:
    """Return the multiples of a step within a stretch: the same instants for whoever asks, whenever."""
    first, last = int(np.ceil(since_s / step_s)), int(np.floor(until_s / step_s))
    return np.arange(first, last + 1, dtype=np.float64) * step_s


def spans(times: Numbers, at: Numbers, window_s: float, stale_s: float) -> Spans:
    """Find the rows that are compared.

    Parameters
    ----------
    times
        When the rows were taken, rising.
    at
        The instants.
    window_s
        How far back each of them looks.
    stale_s
        How old a row may be that stands for an instant.
    """
    if not len(times):
        nothing, none = np.zeros(len(at), np.intp), np.zeros(len(at), np.bool_)
        return Spans(nothing, nothing, none, none, np.ones(len(at)))
    ends = np.searchsorted(times, at, side="right") - 1
    fresh = (ends >= 0) & (at - times[ends] <= stale_s)
    begins = np.searchsorted(times, at - window_s, side="right") - 1
    # Before the beginning of the rows, or a gap in them: from the first row within the window on.
    begins = np.where((begins < 0) | (at - window_s - times[begins] > stale_s), begins + 1, begins)
    known = fresh & (ends > begins)
    begins, ends = np.minimum(begins, len(times) - 1), np.maximum(ends, 0)
    return Spans(begins, ends, known, fresh, np.where(known, times[ends] - times[begins], 1.0))


def rates(readings: Readings, columns: Sequence[int], over: Spans) -> Numbers:
    """Return how fast counters rose, per second, of shape (instants, columns); NaN where that is not known."""
    risen = totals(readings, columns)
    if not len(risen):
        return np.full((len(over.ends), len(columns)), np.nan)
    found = (risen[over.ends] - risen[over.begins]) / over.seconds[:, np.newaxis]
    return np.where(over.known[:, np.newaxis], found, np.nan)


def levels(readings: Readings, column: int, over: Spans) -> Numbers:
    """Return what a gauge stood at, at each instant; NaN where that is not known."""
    if not len(readings.times):
        return np.full(len(over.ends), np.nan)
    return np.where(over.fresh, readings.values[over.ends, column], np.nan)


def quantile(share: float, bounds: Numbers, counts: Numbers) -> Numbers:
    """Return a quantile of each of several histograms, interpolated as ``histogram_quantile`` does.

    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile

    Parameters
    ----------
    share
        Between 0 and 1.
    bounds
        The buckets' upper bounds, rising; the last is infinite.
    counts
        Of shape (n, bounds): in each bucket and those below, or rates of that.

    Returns
    -------
    ndarray
        The n quantiles; NaN where nothing was counted.
    """
    counts = np.maximum.accumulate(counts, axis=1)
    ranks = share * counts[:, -1]
    known = counts[:, -1] > 0
    found = np.where(known, (counts[:, :-1] >= ranks[:, np.newaxis]).argmax(axis=1), 0)
    rows = np.arange(len(counts))
    beyond = known & ~(counts[:, :-1] >= ranks[:, np.newaxis]).any(axis=1)
    below = np.where(found > 0, counts[rows, found - 1], 0.0)
    begin = np.where(found > 0, bounds[found - 1], 0.0)
    inside = counts[rows, found] - below
    part = np.divide(ranks - below, inside, out=np.zeros(len(counts)), where=known & (inside > 0))
    within = begin + (bounds[found] - begin) * part
    return np.where(known, np.where(beyond, bounds[-2], within), np.nan)
