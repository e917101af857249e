"""What labels say of a canary and of the version beside it, apart for each share of the traffic.

While a share is kept both answer at the same times. Over several shares they do not: of a canary that got 10 % and then
50 % most answers are late ones, of the other version most are early, and a world that changes for both would look like
a worse canary. So shares are compared one by one, and put together by how many labels the canary has in each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...records import Quality
from .evidence import Window, of_means

# Labels and wrong ones of a version, a share each.
Counts = Sequence[Sequence[int]]
# With fewer labels of a share a mean error and its spread are not known.
_FEWEST_OF_SHARE = 20
_Z = 1.96


class Wrong(NamedTuple):
    """How often answers were wrong.

    Attributes
    ----------
    labels, beside_labels
        How many labels there are of the canary, and beside it.
    share, beside
        The share of wrong answers of either, as if both had answered when the canary has.
    """

    labels: int
    beside_labels: int
    share: float
    beside: float


class Off(NamedTuple):
    """How far numbers were off.

    Attributes
    ----------
    labels, beside_labels
        How many labels there are of the canary, and beside it.
    mean, beside
        The mean absolute error of either, as if both had answered when the canary has.
    log_value
        The logarithm of the e-value against errors that are no larger than is tolerated.
    """

    labels: int
    beside_labels: int
    mean: float
    beside: float
    log_value: float


def counts(qualities: Sequence[Quality | None]) -> list[list[int]]:
    """Return labels and wrong ones of a version, a share each."""
    return [_counts(one) for one in qualities]


def weighed(before: Mapping[str, Counts], now: Mapping[str, Counts]) -> tuple[dict[str, Counts], list[Window]]:
    """Return what labels have been weighed by now, and what has come since.

    Labels of one version alone are weighed when some of the other have come.
    """
    known: dict[str, list[Sequence[int]]] = {"canary": [], "main": []}
    windows = []
    for share, (ours, theirs) in enumerate(zip(now["canary"], now["main"], strict=True)):
        old = [_of_share(before.get(name, ()), share) for name in known]
        more = [
            [max(0, after - one) for one, after in zip(was, has, strict=True)]
            for was, has in zip(old, (ours, theirs), strict=True)
        ]
        both = all(one[0] for one in more)
        for name, was, has in zip(known, old, (ours, theirs), strict=True):
            known[name].append(list(has if both else was))
        if both:
            windows.append(Window(more[0][1], more[0][0], more[1][1], more[1][0]))
    return dict(known), windows


def wrong(labels: Mapping[str, Counts]) -> Wrong | None:
    """Return how often answers were wrong, ``None`` where there are no labels of both in any share."""
    pairs = [
        (ours, theirs)
        for ours, theirs in zip(labels.get("canary", ()), labels.get("main", ()), strict=True)
        if ours[0] and theirs[0]
    ]
    total = sum(ours[0] for ours, _ in pairs)
    if not total:
        return None
    return Wrong(
        total,
        sum(theirs[0] for _, theirs in pairs),
        sum(ours[1] for ours, _ in pairs) / total,
        sum(ours[0] * theirs[1] / theirs[0] for ours, theirs in pairs) / total,
    )


def off(ours: Sequence[Quality | None], theirs: Sequence[Quality | None], tolerated: float, fewest: int) -> Off | None:
    """Compare the errors of numbers.

    Parameters
    ----------
    ours, theirs
        The quality of the canary and of the version beside it, a share each.
    tolerated
        How many times as large errors are still no reason to roll back.
    fewest
        With fewer labels nothing is said.
    """
    pairs = [
        (mine, other)
        for mine, other in zip(map(_error, ours), map(_error, theirs), strict=True)
        if mine is not None and other is not None
    ]
    labels, beside = (sum(pair[at].labels for pair in pairs) for at in (0, 1))
    if min(labels, beside) < fewest:
        return None
    weights = [mine.labels / labels for mine, _ in pairs]
    mean, mean_beside = (
        sum(weight * pair[at].value for weight, pair in zip(weights, pairs, strict=True)) for at in (0, 1)
    )
    error = math.hypot(
        *(
            weight * part
            for weight, (mine, other) in zip(weights, pairs, strict=True)
            for part in (_spread(mine), tolerated * _spread(other))
        )
    )
    least = math.sqrt(
        sum(
            weight * (_spread(mine) ** 2 * mine.labels + _spread(other) ** 2 * other.labels)
            for weight, (mine, other) in zip(weights, pairs, strict=True)
        )
        / fewest
    )
    return Off(labels, beside, mean, mean_beside, of_means(mean - tolerated * mean_beside, error, least))


def _counts(quality: Quality | None) -> list[int]:
    accuracy = metric(quality, "accuracy")
    if accuracy is None or accuracy.value is None:
        return [0, 0]
    return [accuracy.labels, round((1 - accuracy.value) * accuracy.labels)]


def _of_share(known: Counts, share: int) -> Sequence[int]:
    return known[share] if share < len(known) else (0, 0)


def _error(quality: Quality | None) -> Any:
    found = metric(quality, "mae")
    if found is None or found.value is None or found.high is None or found.labels < _FEWEST_OF_SHARE:
        return None
    return found


def _spread(error: Any) -> float:
    """Return the standard error of a mean error; its interval's lower end may have been cut at 0."""
    return float(error.high - error.value) / _Z


def metric(quality: Quality | None, name: str) -> Any:
    """Return a measure by its name, ``None`` where it is not known."""
    return None if quality is None else next((one for one in quality.metrics if one.name == name), None)
