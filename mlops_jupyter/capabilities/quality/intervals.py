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
    placed = _placements(scores, positive)
    if placed is None:
        return None
    of_hits, of_misses = placed
    area, m, n = float(of_hits.mean()), len(of_hits), len(of_misses)
    if area in {0.0, 1.0}:
        return _of_no_spread(area, min(m, n))
    if min(m, n) == 1:
        return Interval(area, None, None)
    return _on_logits(area, of_hits.var(ddof=1) / m + of_misses.var(ddof=1) / n)


def mean_auc(scores: NDArray[np.float64], of_classes: NDArray[np.bool_]) -> Interval | None:
    """Return the mean of the areas under the ROC curves of each class beside all others, with an interval.

    Classes without a row, and one that has all of them, have no area and are left out; ``None`` when none is left. The
    mean's variance is the sum of the squares of what each row adds to it, by DeLong's components of each area (the
    infinitesimal jackknife: B. Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982, chapter 6), as
    the areas share their rows.

    Parameters
    ----------
    scores
        Shape (n, classes): the higher, the more likely the class.
    of_classes
        Shape (n, classes): whether a row is of the class.
    """
    areas, smallest = [], len(scores)
    added = np.zeros(len(scores))
    for each, positive in zip(scores.T, of_classes.T, strict=True):
        placed = _placements(each, positive)
        if placed is None:
            continue
        area = float(placed[0].mean())
        areas.append(area)
        smallest = min(smallest, *map(len, placed))
        added[positive] += (placed[0] - area) / len(placed[0])
        added[~positive] += (placed[1] - area) / len(placed[1])
    if not areas:
        return None
    mean = sum(areas) / len(areas)
    if mean in {0.0, 1.0}:
        return _of_no_spread(mean, smallest)
    if smallest == 1:
        return Interval(mean, None, None)
    return _on_logits(mean, float((added**2).sum()) / len(areas) ** 2)


def _placements(
    scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return DeLong's components: of each positive the share of the others that lie below it, and the other way."""
    hits, misses = scores[positive], scores[~positive]
    m, n = len(hits), len(misses)
    if not m or not n:
        return None
    ranks = _midranks(np.concatenate([hits, misses]))
    return (ranks[:m] - _midranks(hits)) / n, 1 - (ranks[m:] - _midranks(misses)) / m


def _of_no_spread(area: float, rows: int) -> Interval | None:
    least = proportion(int(area) * rows, rows)
    return None if least is None else Interval(area, least.low, least.high)


def _on_logits(area: float, variance: float) -> Interval:
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
