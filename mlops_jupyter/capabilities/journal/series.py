"""What stays in memory of one metric while its run is open."""

from __future__ import annotations

from math import inf, isfinite

from ...records import MetricPoint

# Points kept of each metric for its picture, at the most.
_KEPT = 512

_Point = tuple[int, int, float]


class Series:
    """How many points a metric has, its last one, and a picture of all: of each stretch the lowest and the highest.

    A stretch is one point as long as there are few, and doubles whenever there are too many.
    """

    __slots__ = ("_falls", "_high", "_highest", "_low", "_lowest", "_points", "_seen", "_stretch", "count", "newest")

    def __init__(self) -> None:
        self.count = 0
        self.newest: _Point = (0, 0, 0.0)
        self._points: list[_Point] = []
        self._stretch = 1
        self._seen = 0
        self._falls = False
        self._low = self._high = self.newest
        self._lowest, self._highest = inf, -inf

    def add(self, step: int, time_ms: int, value: float) -> None:
        """Take one more point."""
        self.newest = point = (step, time_ms, value)
        self.count += 1
        if self._stretch == 1:
            self._points.append(point)
            if len(self._points) >= _KEPT:
                self._halve()
            return
        if self._seen == 0:
            self._low = self._high = point
            self._lowest, self._highest = (value, value) if isfinite(value) else (inf, -inf)
        elif value < self._lowest:
            if isfinite(value):
                self._low, self._lowest, self._falls = point, value, True
                if value > self._highest:
                    self._high, self._highest = point, value
        elif value > self._highest and isfinite(value):
            self._high, self._highest, self._falls = point, value, False
        self._seen += 1
        if self._seen == self._stretch:
            self._seen = 0
            self._points += self._stretched()
            if len(self._points) >= _KEPT:
                self._halve()

    def points(self) -> tuple[MetricPoint, ...]:
        """Return the points kept, in the order logged; the newest is among them."""
        kept = list(self._points)
        if self._seen:
            kept += self._stretched()
        if self.count and (not kept or kept[-1] is not self.newest):
            kept.append(self.newest)
        return tuple(MetricPoint(*point) for point in kept)

    def _stretched(self) -> list[_Point]:
        """Return the lowest and the highest point of the present stretch, in the order logged."""
        if self._low is self._high:
            return [self._low]
        return [self._high, self._low] if self._falls else [self._low, self._high]

    def _halve(self) -> None:
        points = self._points
        self._points = [point for at in range(0, len(points), 4) for point in _extremes(points[at : at + 4])]
        # From single points on, four become two: a stretch then is two points wide, and holds two of them.
        self._stretch = max(4, self._stretch * 2)


def _extremes(points: list[_Point]) -> list[_Point]:
    """Return the lowest and the highest of some points, in the order logged."""
    # What is not finite stands for a stretch that has nothing else: it has no place in a picture.
    places = [at for at, point in enumerate(points) if isfinite(point[2])] or [0]
    low = min(places, key=lambda at: points[at][2])
    high = max(places, key=lambda at: points[at][2])
    return [points[at] for at in sorted({low, high})]
