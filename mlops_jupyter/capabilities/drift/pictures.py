"""Two distributions for a picture."""

from __future__ import annotations

import numpy as np

from ...records import Distribution
from .cells import OTHERS, Cells
from .distances import Weighted, histogram

_BINS, _MOST_NAMES = 24, 20
# Beyond this many times the width of the middle 98 %, values are shown in the outermost bin.
_REACH = 0.5


def of_numbers(baseline: Weighted, now: Weighted) -> Distribution:
    """Show numbers over bins of equal width; the outermost hold what lies far beyond."""
    ends = [_middle(one) for one in (baseline, now)]
    least, most = min(one[0] for one in ends), max(one[1] for one in ends)
    reach = _REACH * (most - least)
    low = max(min(baseline.values[0], now.values[0]), least - reach)
    high = min(max(baseline.values[-1], now.values[-1]), most + reach)
    if not low < high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    shares = []
    for one in (baseline, now):
        within = Weighted(one.values.clip(low, high), one.weights)
        shares.append(tuple((histogram(within, edges) / one.total).tolist()))
    return Distribution(edges=tuple(edges.tolist()), names=(), baseline=shares[0], now=shares[1])


def of_cells(cells: Cells) -> Distribution:
    """Show categories, the frequent ones first, or numbers of which there are few."""
    named = list(zip(cells.names, cells.baseline.tolist(), cells.now.tolist(), strict=True))
    totals = float(cells.baseline.sum()), float(cells.now.sum())
    shown = [one for one in named if one[0] != OTHERS]
    if len(shown) > _MOST_NAMES:
        by_share = sorted(shown, key=lambda one: -max(one[1] / totals[0], one[2] / totals[1]))
        shown = by_share[: _MOST_NAMES - 1]
    rest = totals[0] - sum(one[1] for one in shown), totals[1] - sum(one[2] for one in shown)
    if any(rest):
        shown.append((OTHERS, *rest))
    return Distribution(
        edges=(),
        names=tuple(one[0] for one in shown),
        baseline=tuple(one[1] / totals[0] for one in shown),
        now=tuple(one[2] / totals[1] for one in shown),
    )


def _middle(of: Weighted) -> tuple[float, float]:
    ranks = np.cumsum(of.weights) / of.total
    at = np.searchsorted(ranks, (0.01, 0.99)).clip(0, len(of.values) - 1)
    return float(of.values[at[0]]), float(of.values[at[1]])
