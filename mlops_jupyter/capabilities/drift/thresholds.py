"""From where on a distance is drift: more than chance explains in samples of these sizes, and enough to matter.

Each method's threshold is the larger of two. One is what two samples from one and the same distribution exceed with
the probability ``alpha`` at most, for n and m values; with v = 1/n + 1/m:

- KS: sqrt(ln(2 / alpha) / 2) * sqrt(v), Smirnov's limit (1939) in its one-term form, which is an upper bound; and
  the error of a sketch's ranks, where one has left values out.
- PSI: chi2(bins - 1; alpha) * v (Yurdakul and Naranjo, "Statistical properties of the population stability
  index", Journal of Risk Model Validation 14(4), 2020).
- Chi-square: chi2(bins - 1; alpha) * v, as its distance is Pearson's statistic times v.
- Jensen-Shannon: sqrt(chi2(bins - 1; alpha) * v / 8), because the divergence is an eighth of that statistic in
  second order (Lin, IEEE Transactions on Information Theory 37(1), 1991; Menéndez et al. 1997).
- Wasserstein, over the baseline's standard deviation s: sqrt(v) * (sqrt(2 / pi) * I / s + sqrt(2 ln(1 / alpha))),
  where I is the integral of sqrt(F (1 - F)): the mean of the limit's L1 norm (del Barrio, Giné and Matrán, Annals of
  Probability 27(2), 1999) and how far it lies above that (Borell, and Tsirelson, Ibragimov and Sudakov), whose
  largest variance is s squared.

Where a sketch has left values out, the bins' shares are not sharp, and v is larger by as much.

The other is the least distance that is worth a look, so that a large sample does not alarm on nothing. ``alpha`` is
the chance of a false alarm of a whole report, shared evenly by all that it compares (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import NormalDist

from ...records import DriftMethod

# Jensen-Shannon's is what KS has of two categories, or a little more: a share from 50 to 57 %.
LEAST: Mapping[DriftMethod, float] = {
    "ks": 0.05,
    "psi": 0.1,
    "jensen_shannon": 0.05,
    "wasserstein": 0.1,
    "chi_square": 0.1,
}
# With fewer values than this no distance says anything.
LEAST_ROWS = 30
LEAST_MISSING = 0.01
# In place of a feature's name.
EVERY = "*"
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Thresholds:
    """How drift is told from chance.

    Attributes
    ----------
    false_alarms
        The chance that a report of data without drift shows any.
    least
        The least distance that matters, by method.
    least_rows
        How many values either side needs.
    least_missing
        The least difference of the shares of missing values that matters.
    fixed
        Thresholds that were set, by feature; ``*`` for all.
    method
        The method by which drift is told; ``None`` for KS of numbers and Jensen-Shannon of categories.
    """

    false_alarms: float = 0.001
    least: Mapping[DriftMethod, float] = field(default_factory=lambda: dict(LEAST))
    least_rows: int = LEAST_ROWS
    least_missing: float = LEAST_MISSING
    fixed: Mapping[str, float] = field(default_factory=dict)
    method: DriftMethod | None = None

    def fixed_for(self, feature: str) -> float | None:
        """Return the threshold that was set for a feature."""
        return self.fixed.get(feature, self.fixed.get(EVERY))


def by_chance(
    method: DriftMethod, alpha: float, sizes: tuple[int, int], *, bins: int = 0, spread: float = 0.0, error: float = 0.0
) -> float:
    """Return what chance alone exceeds with the probability ``alpha`` at most.

    Parameters
    ----------
    method
        What the distance is.
    alpha
        The probability.
    sizes
        How many values either side has.
    bins
        How many bins or categories are compared.
    spread
        Of Wasserstein, the integral of sqrt(F (1 - F)) over the standard deviation.
    error
        What sketches that have left values out are wrong by: of KS, in ranks; of Wasserstein, that over the range of
        the values, in deviations; of the methods over bins, what they add to 1/n + 1/m (`of_bins`).
    """
    share = 1 / sizes[0] + 1 / sizes[1]
    if method == "ks":
        return math.sqrt(math.log(2 / alpha) / 2 * share) + error
    if method == "wasserstein":
        return math.sqrt(share) * (math.sqrt(2 / math.pi) * spread + math.sqrt(2 * math.log(1 / alpha))) + error
    chance = chi_square_limit(alpha, max(bins - 1, 1)) * (share + error)
    return math.sqrt(chance / 8) if method == "jensen_shannon" else chance


@lru_cache(maxsize=256)
def chi_square_limit(alpha: float, freedom: int) -> float:
    """Return what a chi-square variable exceeds with the probability ``alpha``."""
    low, high = 0.0, 2.0 * freedom + 10.0
    while _chi_square_beyond(high, freedom) > alpha:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _chi_square_beyond(middle, freedom) > alpha else (low, middle)
    return high


def _chi_square_beyond(value: float, freedom: int) -> float:
    """Return the probability beyond a value, by the finite series for whole degrees of freedom."""
    half = value / 2
    if freedom % 2:
        total, term, step = math.erfc(math.sqrt(half)), math.exp(-half) * math.sqrt(half / math.pi) * 2, 0.5
    else:
        total, term, step = 0.0, math.exp(-half), 0.0
    for at in range(1, freedom // 2 + 1):
        total += term
        term *= half / (at + step)
    return total


def of_bins(shares: Iterable[float], error: float) -> float:
    """Return what unsharp shares add to 1/n + 1/m in a sum of squares over shares, on average of the bins.

    Parameters
    ----------
    shares
        The bins' shares.
    error
        The standard deviation of each; no share is wrong by more than itself.
    """
    seen = [share for share in shares if share > 0]
    return sum(min(error * error / share, share) for share in seen) / max(len(seen) - 1, 1)


def differ_by_chance(shares: tuple[float, float], sizes: tuple[int, int], alpha: float) -> bool:
    """Tell whether two shares may be one: the two-proportion z test with Yates's continuity correction."""
    whole = sum(share * size for share, size in zip(shares, sizes, strict=True)) / sum(sizes)
    spread = 1 / sizes[0] + 1 / sizes[1]
    apart = abs(shares[0] - shares[1]) - spread / 2
    deviation = math.sqrt(whole * (1 - whole) * spread)
    return apart <= 0 or apart <= _NORMAL.inv_cdf(1 - alpha / 2) * deviation
