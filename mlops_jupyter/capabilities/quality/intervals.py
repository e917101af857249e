"""95 % confidence intervals of the measures of quality."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# The 97.5 % quantile of the normal distribution.
Z = 1.959963984540054
_RESAMPLES = 1_000
_SEED = 20_261


class Interval(NamedTuple):
    """A measure and the ends of its interval; an end is ``None`` where it cannot be told."""

    value: float
    low: float | None
    high: float | None


def proportion(hits: int, trials: int) -> Interval | None:
    """Return a share with Wilson's score interval; ``None`` of nothing.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.
    """
    if trials <= 0:
        return None
    share = hits / trials
    spread = Z * Z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    # At the ends rounding would leave the share outside.
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def f1(true_positive: int, false_positive: int, false_negative: int) -> Interval | None:
    """Return F1 with an interval; ``None`` where no row is positive by label or by prediction.

    F1 = 2 J / (1 + J), where J = TP / (TP + FP + FN) is a share of those rows that are positive in either way. This
    grows with J, so the ends of J's Wilson interval give those of F1.
    """
    found = proportion(true_positive, true_positive + false_positive + false_negative)
    if found is None:
        return None
    value, low, high = (2 * share / (1 + share) for share in found if share is not None)
    return Interval(value, low, high)


def auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Interval | None:
    """Return the area under the ROC curve with DeLong's interval on the logit scale.

    ``None`` without rows of both classes. E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, "Comparing the areas under
    two or more correlated receiver operating characteristic curves", Biometrics 44 (1988) 837-845, computed from
    midranks as by X. Sun and W. Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393. Where no pair is out of order
    that variance is 0; then the end is Wilson's for as many trials as the smaller class has rows.

    Parameters
    ----------
    scores
        Shape (n,): the higher, the more likely positive.
    positive
        Shape (n,): whether a row is.
    """
    hits, misses = scores[positive], scores[~positive]
    m, n = len(hits), len(misses)
    if not m or not n:
        return None
    ranks = _midranks(np.concatenate([hits, misses]))
    of_hits = (ranks[:m] - _midranks(hits)) / n
    of_misses = 1 - (ranks[m:] - _midranks(misses)) / m
    area = float(of_hits.mean())
    if area in {0.0, 1.0}:
        least = proportion(int(area) * min(m, n), min(m, n))
        return None if least is None else Interval(area, least.low, least.high)
    if min(m, n) == 1:
        return Interval(area, None, None)
    variance = of_hits.var(ddof=1) / m + of_misses.var(ddof=1) / n
    half = Z * math.sqrt(variance) / (area * (1 - area))
    logit = math.log(area / (1 - area))
    return Interval(area, _expit(logit - half), _expit(logit + half))


def root_mean_square(count: int, squares: float, fourths: float) -> Interval | None:
    """Return the RMSE with its interval by the delta method; ``None`` of nothing.

    The mean of the squared errors is asymptotically normal with the variance of the squares over n; the root's
    standard error is that over twice the root (G. Casella, R. Berger, "Statistical Inference", 2002, section 5.5.4).

    Parameters
    ----------
    count, squares, fourths
        How many errors there are, and the sums of their second and fourth powers.
    """
    if count <= 0:
        return None
    mean = squares / count
    root = math.sqrt(mean)
    if count == 1 or root == 0:
        return Interval(root, None if count == 1 else root, None if count == 1 else root)
    error = math.sqrt(max(0.0, fourths / count - mean * mean) / (count - 1)) / (2 * root)
    return Interval(root, max(0.0, root - Z * error), root + Z * error)


def mean_absolute(count: int, total: float, squares: float) -> Interval | None:
    """Return the mean absolute error with the interval of a mean (central limit theorem); ``None`` of nothing."""
    if count <= 0:
        return None
    mean = total / count
    if count == 1:
        return Interval(mean, None, None)
    error = math.sqrt(max(0.0, squares / count - mean * mean) / (count - 1))
    return Interval(mean, max(0.0, mean - Z * error), mean + Z * error)


def averaged(confusion: NDArray[np.int64]) -> dict[str, Interval]:
    """Return precision, recall and F1 averaged over classes (macro), with percentile bootstrap intervals.

    Rows are drawn anew, which draws the cells of the confusion matrix from a multinomial distribution: B. Efron,
    R. Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. The seed is fixed: the same labels give the
    same interval.

    Parameters
    ----------
    confusion
        Shape (classes, classes): how many rows of the label i were answered j.
    """
    total = int(confusion.sum())
    random = np.random.default_rng(_SEED)
    drawn = random.multinomial(total, (confusion / total).ravel(), size=_RESAMPLES)
    values = _macro(confusion[None].astype(np.float64))
    many = _macro(drawn.reshape(_RESAMPLES, *confusion.shape).astype(np.float64))
    found = {}
    for name, value in values.items():
        low, high = np.percentile(many[name], [2.5, 97.5])
        found[name] = Interval(float(value[0]), float(low), float(high))
    return found


def _macro(confusions: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    predicted, labelled = confusions.sum(axis=1), confusions.sum(axis=2)

    def share(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
        # A class that nobody has named counts as 0, as with scikit-learn's default.
        return np.divide(above, below, out=np.zeros_like(above), where=below > 0)

    # The classes are those that occur; in a resample one may be missing, and then it does not count.
    seen = ((predicted > 0) | (labelled > 0)).sum(axis=1)
    parts = {
        "precision": share(hits, predicted),
        "recall": share(hits, labelled),
        "f1": share(2 * hits, predicted + labelled),
    }
    return {name: part.sum(axis=1) / seen for name, part in parts.items()}


def _midranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    middles = last - (counts - 1) / 2
    return np.asarray(middles[places], dtype=np.float64)


def _expit(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
