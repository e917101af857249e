"""Distances between two distributions, from summaries of them.

Numbers come as weighted values in ascending order (`Quantities.weighted`), bins and categories as counts. On the same
data they are what SciPy and Evidently give, as far as a summary tells them: exact while nothing was left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .quantities import Floats

# What stands for no value in a bin, where a logarithm is taken; as Evidently does.
_NOTHING = 0.0001


class Weighted(NamedTuple):
    """Values in ascending order and how many each stands for."""

    values: Floats
    weights: Floats

    @property
    def total(self) -> float:
        """How many values there are."""
        return float(self.weights.sum())

    def below(self, at: Floats, *, or_at: bool) -> Floats:
        """Return how many values lie below each of some numbers, or at it."""
        cumulated = np.concatenate(([0.0], np.cumsum(self.weights)))
        found: Floats = cumulated[np.searchsorted(self.values, at, side="right" if or_at else "left")]
        return found


def kolmogorov_smirnov(baseline: Weighted, now: Weighted) -> float:
    """Return the largest distance between the two cumulative distributions, as ``scipy.stats.ks_2samp``."""
    at = np.union1d(baseline.values, now.values)
    apart = baseline.below(at, or_at=True) / baseline.total - now.below(at, or_at=True) / now.total
    return float(np.abs(apart).max())


def wasserstein(baseline: Weighted, now: Weighted, deviation: float) -> float:
    """Return the area between the two cumulative distributions over the baseline's standard deviation.

    That is ``scipy.stats.wasserstein_distance`` over ``numpy.std`` of the baseline, as Evidently normalises it.
    """
    at = np.union1d(baseline.values, now.values)
    apart = baseline.below(at, or_at=True) / baseline.total - now.below(at, or_at=True) / now.total
    return float((np.abs(apart[:-1]) * np.diff(at / deviation)).sum())


def spread(baseline: Weighted, deviation: float) -> float:
    """Return the integral of sqrt(F (1 - F)) over the standard deviation: what Wasserstein's threshold needs."""
    ranks = np.cumsum(baseline.weights)[:-1] / baseline.total
    return float((np.sqrt(ranks * (1 - ranks)) * np.diff(baseline.values / deviation)).sum())


def histogram(of: Weighted, edges: Floats) -> Floats:
    """Return how many values lie in each bin, the last closed at both ends, as ``numpy.histogram``."""
    below = of.below(edges, or_at=False)
    below[-1] = float(of.below(edges[-1:], or_at=True)[0])
    counts: Floats = np.diff(below)
    return counts


def sturges_edges(low: float, high: float, count: int) -> Floats:
    """Return the edges of ceil(log2(n) + 1) equal bins: ``numpy.histogram_bin_edges(…, bins="sturges")``."""
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, math.ceil(math.log2(count) + 1) + 1)


def population_stability(baseline: Floats, now: Floats) -> float:
    """Return the PSI of two rows of counts, the sum of (q - p) ln(q / p); an empty bin counts as 0.01 %."""
    shares = [_filled(counts / counts.sum()) for counts in (baseline, now)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def jensen_shannon(baseline: Floats, now: Floats) -> float:
    """Return the Jensen-Shannon distance of two rows of counts, as ``scipy.spatial.distance.jensenshannon``.

    That is the square root of the divergence with natural logarithms, at most sqrt(ln 2) = 0.83.
    """
    p, q = baseline / baseline.sum(), now / now.sum()
    middle = (p + q) / 2
    divergence = sum(float((one[one > 0] * np.log(one[one > 0] / middle[one > 0])).sum()) for one in (p, q)) / 2
    return math.sqrt(max(divergence, 0.0))


def chi_square(baseline: Floats, now: Floats) -> float:
    """Return Pearson's statistic of two rows of counts over nm / (n + m), so that it does not grow with the samples.

    Times nm / (n + m) it is the statistic of ``scipy.stats.chi2_contingency`` without correction.
    """
    n, m = float(baseline.sum()), float(now.sum())
    whole = (baseline + now) / (n + m)
    seen = whole > 0
    return float(((baseline / n - now / m)[seen] ** 2 / whole[seen]).sum())


def _filled(shares: Floats) -> Floats:
    return np.where(shares == 0, _NOTHING, shares)
