"""How numbers are distributed, in bounded memory: counted while few differ, else sketched.

The sketch is Karnin, Lang and Liberty's ("Optimal quantile approximation in streams", FOCS 2016) as Apache
DataSketches has it. Its ranks are right to some 0.35 % (`RANK_ERROR`); which values it keeps is drawn by chance, so
that two sketches of the same numbers agree within that, not to the last bit. Up to some 800 numbers it keeps all; a
small table that is compared once has a sketch as large as itself (`EXACT_ROWS`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from datasketches import kll_doubles_sketch
from numpy.typing import NDArray

SKETCH_SIZE = 800
# Of tables with so many rows and values at most, every number is kept where `sketch_size` is asked.
EXACT_ROWS, _EXACT_VALUES = 20_000, 8_000_000
# What a rank may be wrong by, with 99 % confidence.
RANK_ERROR = float(kll_doubles_sketch.get_normalized_rank_error(SKETCH_SIZE, as_pmf=False))
# And the standard deviation of the share between two numbers; 2.576 of them are 99 %.
SHARE_ERROR = float(kll_doubles_sketch.get_normalized_rank_error(SKETCH_SIZE, as_pmf=True)) / 2.576
# Up to so many different numbers each is counted.
MOST_COUNTED = 64
_LOOKED_AT, _BLOCK = 512, 65_536

Floats = NDArray[np.float64]


def sketch_size(rows: int, columns: int) -> int:
    """Return the k of sketches that keep all numbers of a table, if it is small enough."""
    is_small = rows <= EXACT_ROWS and rows * columns <= _EXACT_VALUES
    return max(SKETCH_SIZE, rows) if is_small else SKETCH_SIZE


class Quantities:
    """A mergeable summary of finite numbers.

    Parameters
    ----------
    counted
        Whether to begin by counting; without, they are sketched from the first on.
    size
        The k of the sketch: up to about so many numbers are kept as they are, beyond them a sample.

    Attributes
    ----------
    count
        How many there were.
    mean, squares
        Their mean, and the sum of the squared distances from it.
    low, high
        The smallest and the largest, NaN where there is none.
    """

    __slots__ = ("_few", "_size", "_sketch", "count", "high", "low", "mean", "squares")

    def __init__(self, *, counted: bool = True, size: int = SKETCH_SIZE) -> None:
        self._size = size
        self.count = 0
        self.mean = 0.0
        self.squares = 0.0
        self.low = self.high = math.nan
        self._few: dict[float, int] | None = {} if counted else None
        self._sketch: kll_doubles_sketch | None = None if counted else kll_doubles_sketch(size)

    @property
    def few(self) -> Mapping[float, int] | None:
        """How often each number came, ``None`` when too many differ."""
        return self._few

    @property
    def is_exact(self) -> bool:
        """Whether nothing has been left out."""
        return self._sketch is None or not self._sketch.is_estimation_mode()

    @property
    def deviation(self) -> float:
        """The standard deviation (of the population), NaN where there is none or it is beyond all numbers."""
        return math.sqrt(self.squares / self.count) if self.count and math.isfinite(self.squares) else math.nan

    def add(self, values: Floats) -> None:
        """Take numbers in; all of them have to be finite, in one piece of memory."""
        if values.size:
            with np.errstate(over="ignore", invalid="ignore"):
                mean = float(values.mean())
                apart = values - mean
                # A product of vectors would wake the threads of a library of linear algebra up.
                squares = float(np.square(apart, out=apart).sum())
            self.add_told(values, mean, squares, float(values.min()), float(values.max()))

    def add_told(self, values: Floats, mean: float, squares: float, low: float, high: float) -> None:
        """Take numbers in of which the moments and the ends are known; at least one."""
        self._told(len(values), mean, squares, low, high)
        if self._few is not None:
            if self._counts(values):
                return
            self._to_sketch()
        # The sketch takes no memory that cannot be written to.
        self._sketch.update(values if values.flags.writeable else values.copy())  # type: ignore[union-attr]

    def add_counted(self, values: Floats, counts: NDArray[np.int64]) -> None:
        """Take in different numbers, each so many times."""
        if not values.size:
            return
        total = int(counts.sum())
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float((values * (counts / total)).sum())
            squares = float((counts * (values - mean) ** 2).sum())
        self._told(total, mean, squares, float(values.min()), float(values.max()))
        if self._few is not None:
            for value, count in zip(values.tolist(), counts.tolist(), strict=True):
                self._few[value] = self._few.get(value, 0) + count
            if len(self._few) <= MOST_COUNTED:
                return
            self._to_sketch()
        else:
            self._repeat(values, counts)

    def merge(self, other: Quantities) -> None:
        """Take in what another has seen."""
        if not other.count:
            return
        if other._few is not None:
            mine = self.count, self.mean, self.squares
            values = np.fromiter(other._few, np.float64, len(other._few))
            counts = np.fromiter(other._few.values(), np.int64, len(other._few))
            self.add_counted(values, counts)
            # The other knows its moments better than they follow from counts that were read again and again.
            self.count, self.mean, self.squares = mine
            self._told(other.count, other.mean, other.squares, other.low, other.high)
            return
        self._told(other.count, other.mean, other.squares, other.low, other.high)
        if self._few is not None:
            self._to_sketch()
        self._sketch.merge(other._sketch)  # type: ignore[union-attr]

    def weighted(self) -> tuple[Floats, Floats]:
        """Return numbers in ascending order, and of each how many it stands for."""
        pairs: Any = sorted((self._few or {}).items()) if self._sketch is None else list(self._sketch)
        if not pairs:
            return np.empty(0), np.empty(0)
        both = np.array(pairs, np.float64)
        both = both[np.argsort(both[:, 0], kind="stable")]
        return np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])

    def told(self, keep: Callable[[bytes], Any]) -> dict[str, Any]:
        """Return it as plain values; ``keep`` says what stands in the place of bytes."""
        said: dict[str, Any] = {"count": self.count}
        for name in ("mean", "squares", "low", "high"):
            value = getattr(self, name)
            said[name] = value if math.isfinite(value) else None
        if self._sketch is None:
            said["few"] = [[value, count] for value, count in sorted((self._few or {}).items())]
        else:
            said["kll"] = keep(self._sketch.serialize())
        return said

    @classmethod
    def from_told(cls, said: Mapping[str, Any], kept: Callable[[Any], bytes]) -> Quantities:
        """Read what `told` has returned.

        Raises
        ------
        ValueError
            When it is something else.
        """
        try:
            made = cls()
            made.count = int(said["count"])
            known = {name: said[name] for name in ("mean", "squares", "low", "high")}
            made.mean, made.squares, made.low, made.high = (
                math.nan if value is None else float(value) for value in known.values()
            )
            if "kll" in said:
                made._few = None
                made._sketch = kll_doubles_sketch.deserialize(kept(said["kll"]))
                held = made._sketch.n
            else:
                made._few = {float(value): int(count) for value, count in said["few"]}
                held = sum(made._few.values())
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError, MemoryError) as error:
            raise ValueError(f"a sketch cannot be read: {error!r}") from error
        if held != made.count or made.count < 0:
            raise ValueError(f"a sketch cannot be read: it holds {held} numbers, and says {made.count}")
        return made

    def _told(self, count: int, mean: float, squares: float, low: float, high: float) -> None:
        """Bring moments together (Chan, Golub and LeVeque 1979)."""
        total = self.count + count
        apart = mean - self.mean
        with np.errstate(over="ignore", invalid="ignore"):
            self.squares += squares + float(np.float64(apart) * apart) * (self.count * (count / total))
            self.mean += apart * (count / total)
        if self.count:
            self.low, self.high = min(self.low, low), max(self.high, high)
        else:
            self.low, self.high = low, high
        self.count = total

    def _counts(self, values: Floats) -> bool:
        """Count numbers, unless too many differ."""
        few: dict[float, int] = self._few  # type: ignore[assignment]
        if len(values) > _LOOKED_AT and len(np.unique(values[:_LOOKED_AT])) > MOST_COUNTED:
            return False
        found, counts = np.unique(values, return_counts=True)
        if len(found) > MOST_COUNTED or len(few.keys() | set(found.tolist())) > MOST_COUNTED:
            return False
        for value, count in zip(found.tolist(), counts.tolist(), strict=True):
            few[value] = few.get(value, 0) + count
        return True

    def _to_sketch(self) -> None:
        few, self._few = self._few or {}, None
        self._sketch = kll_doubles_sketch(self._size)
        self._repeat(np.fromiter(few, np.float64, len(few)), np.fromiter(few.values(), np.int64, len(few)))

    def _repeat(self, values: Floats, counts: NDArray[np.int64]) -> None:
        """Give the sketch numbers as often as they came, some at a time."""
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        for start in range(0, total, _BLOCK):
            at = np.arange(start, min(start + _BLOCK, total))
            self._sketch.update(values[np.searchsorted(ends, at, side="right")])  # type: ignore[union-attr]
