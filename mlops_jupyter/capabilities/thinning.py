"""Fewer points of a metric that draw the same line: ends, peaks and dips stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..records import MetricPoint

FEWEST = 2


def thin(points: Sequence[MetricPoint], at_most: int) -> tuple[MetricPoint, ...]:
    """Return some of the points, in their order: the first, the last, and the extremes between them.

    The points between are cut into stretches of equal length. Of each stretch the lowest and the highest finite
    value stay, and, where any value is not finite, the first such one: a gap stays a gap. What is few enough
    already is returned whole.

    Parameters
    ----------
    points
        The points, in the order logged.
    at_most
        How many may be left, 2 or more; extremes have room from 4 on, with gaps from 5 on.
    """
    if at_most < FEWEST:
        raise ValueError(f"a line needs its two ends, {at_most} points cannot hold them")
    count = len(points)
    if count <= at_most:
        return tuple(points)
    gaps = any(not math.isfinite(point.value) for point in points)
    stretches = (at_most - FEWEST) // (3 if gaps else 2)
    kept = [0]
    for stretch in range(stretches):
        start = 1 + stretch * (count - 2) // stretches
        kept += _telling(points, start, 1 + (stretch + 1) * (count - 2) // stretches)
    return (*(points[place] for place in kept), points[-1])


def _telling(points: Sequence[MetricPoint], start: int, end: int) -> list[int]:
    """Return the places of a stretch's lowest, highest and first missing value, in order."""
    places = range(start, end)
    finite = [place for place in places if math.isfinite(points[place].value)]
    found: set[int] = set()
    if finite:
        found.add(min(finite, key=lambda place: points[place].value))
        found.add(max(finite, key=lambda place: points[place].value))
    if len(finite) < len(places):
        found.add(next(place for place in places if not math.isfinite(points[place].value)))
    return sorted(found)
