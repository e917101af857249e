"""Where an axis has its ticks, and what they say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

_ROUND = (1.0, 2.0, 5.0, 10.0)
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_SUFFIX_FROM, _SUFFIX_TO, _PLAIN_FROM = 1e4, 1e15, 1e-3


class Scale(NamedTuple):
    """Maps the values from ``low`` to ``high`` onto the pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        # By halves: the widest range of floats is wider than a float.
        width = self.high / 2 - self.low / 2
        share = (value / 2 - self.low / 2) / width if width else 0.5
        return self.start + share * (self.end - self.start)


class Ticks(NamedTuple):
    """The round values of an axis, and their words."""

    values: tuple[float, ...]
    labels: tuple[str, ...]


def padded(low: float, high: float) -> tuple[float, float]:
    """Return a range that has a width: a constant line runs through the middle."""
    if low < high:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return max(low - room, -1.7e308), min(high + room, 1.7e308)


def ticks(low: float, high: float, most: int, *, whole: bool = False) -> Ticks:
    """Return at most so many round values within a range; ``whole`` numbers only, if asked."""
    rough = (high / most) - (low / most)
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 0.0
    if not power or not math.isfinite(power):
        return _ends(low, high)
    step = next(power * factor for factor in _ROUND if power * factor >= rough * 0.999)
    if whole:
        step = max(1.0, step)
    if not math.isfinite(low / step) or not math.isfinite(high / step):
        return _ends(low, high)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = tuple(count * step for count in range(first, min(last, first + most) + 1))
    labels = _labels(values, step)
    return Ticks(values, labels) if len(set(labels)) == len(labels) > 0 else _ends(low, high)


def _ends(low: float, high: float) -> Ticks:
    """Return the ends alone, where nothing round lies between them."""
    values = (low,) if low == high else (low, high)
    return Ticks(values, tuple(f"{value:.6g}" for value in values))


def _labels(values: Sequence[float], step: float) -> tuple[str, ...]:
    """Write the ticks of an axis alike: as many digits as tell them apart, no more."""
    biggest = max((abs(value) for value in values), default=0.0)
    if _SUFFIX_FROM <= biggest < _SUFFIX_TO:
        unit, suffix = next((unit, suffix) for unit, suffix in _SUFFIXES if biggest >= unit)
        return tuple(_plain(value / unit, step / unit) + (suffix if value else "") for value in values)
    if biggest == 0 or _PLAIN_FROM <= biggest < _SUFFIX_FROM:
        return tuple(_plain(value, step) for value in values)
    digits = max(0, math.floor(math.log10(biggest)) - math.floor(math.log10(step) + 1e-9))
    return tuple(_scientific(value, digits) for value in values)


def _plain(value: float, step: float) -> str:
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value:.{min(decimals, 12)}f}"


def _scientific(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    mantissa, _, exponent = f"{value:.{min(digits, 9)}e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
