"""The bins or categories over which two columns are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from .distances import Weighted, histogram, sturges_edges
from .quantities import Floats, Quantities
from .words import Words

OTHERS = "(others)"
# Up to so many different numbers in the baseline each is a cell of its own; as Evidently has it.
MOST_VALUES = 20
# Below this many expected in the smaller sample a category is counted among the others (Cochran 1954).
_LEAST_EXPECTED = 5
# But for one that the smaller sample has so many of: where fewer than five are expected, chance gives 20 or more once
# in three million times (Poisson). It was frequent there, and is not in the other, which may be far larger.
_NO_CHANCE = 20


class Cells(NamedTuple):
    """Two rows of counts over the same bins or categories; numbers in bins have no names."""

    names: tuple[str, ...]
    baseline: Floats
    now: Floats


def of_words(baseline: Words, now: Words) -> Cells:
    """Count by category; the rare ones, and what is only in the tail of the baseline, together."""
    known: dict[str, tuple[int, int]] = {
        name: (count, now.counts.get(name, 0)) for name, count in baseline.counts.items()
    }
    # What the baseline has no count of is new for certain where it is more frequent than what that may have forgotten.
    forgotten = max(baseline.lost / max(baseline.count, 1), now.lost / max(now.count, 1))
    for name, count in now.counts.items():
        if name not in known and count > 2 * forgotten * now.count:
            known[name] = (0, count)
    return _pooled(known.items(), (baseline.count, now.count))


def of_values(baseline: Quantities, now: Quantities) -> Cells | None:
    """Count by value, where there are few in the baseline; ``None`` where there are not."""
    if baseline.few is None or len(baseline.few) > MOST_VALUES:
        return None
    later: Mapping[float, float] = now.few if now.few is not None else dict(zip(*_listed(now), strict=True))
    values = set(baseline.few)
    if now.few is not None:
        values |= set(now.few)
    cells = [(f"{value:g}", (baseline.few.get(value, 0), later.get(value, 0))) for value in sorted(values)]
    return _pooled(cells, (baseline.count, now.count))


def of_bins(baseline: Weighted, now: Weighted, ends: tuple[float, float]) -> Cells:
    """Count by bins of equal width over both; ``ends`` are the smallest and the largest number of all."""
    edges = sturges_edges(*ends, round(baseline.total + now.total))
    return Cells((), histogram(baseline, edges), histogram(now, edges))


def _listed(quantities: Quantities) -> tuple[list[float], list[float]]:
    values, weights = quantities.weighted()
    found, where = np.unique(values, return_inverse=True)
    return found.tolist(), np.bincount(where, weights).tolist()


def _pooled(cells: Iterable[tuple[str, tuple[float, float]]], sizes: tuple[int, int]) -> Cells:
    """Return the cells that are frequent enough, and one for all others where there are any."""
    names: list[str] = []
    counts: list[tuple[float, float]] = []
    least = _LEAST_EXPECTED * sum(sizes) / max(min(sizes), 1)
    smaller = int(sizes[1] < sizes[0])
    for name, both in cells:
        if sum(both) >= least or both[smaller] >= _NO_CHANCE:
            names.append(name)
            counts.append(both)
    first, second = (np.array([both[side] for both in counts], np.float64) for side in (0, 1))
    rest = sizes[0] - first.sum(), sizes[1] - second.sum()
    if any(rest):
        names.append(OTHERS)
        first, second = np.append(first, rest[0]), np.append(second, rest[1])
    return Cells(tuple(names), first, second)
