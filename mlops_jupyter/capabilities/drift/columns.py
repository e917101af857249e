"""The summary of one column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from .quantities import SKETCH_SIZE, Floats, Quantities
from .values import KINDS, NUMERIC, Kind, kind_of, names, numbers
from .words import Words


class Column:
    """What a column's values were, mergeable, in bounded memory.

    Parameters
    ----------
    kind
        What its values are; ``None`` to take it from the first that are not missing.
    counted
        Whether numbers are counted while few differ.
    size
        The size of the sketch of numbers.

    Attributes
    ----------
    rows
        How many values there were, the missing ones among them.
    missing
        How many were missing: None, NaN, NaT.
    infinite
        How many numbers were infinite.
    invalid
        How many were not of the column's kind.
    """

    __slots__ = ("_size", "counted", "infinite", "invalid", "kind", "missing", "quantities", "rows", "words")

    def __init__(self, kind: Kind | None = None, *, counted: bool = True, size: int = SKETCH_SIZE) -> None:
        self._size = size
        self.rows = self.missing = self.infinite = self.invalid = 0
        self.counted = counted
        self.kind: Kind | None = None
        self.quantities = Quantities(size=size)
        self.words = Words(size=size)
        if kind is not None:
            self._is(kind)

    @property
    def present(self) -> int:
        """How many values can be compared."""
        return self.words.count if self.kind in {"category", "text"} else self.quantities.count

    def update(self, array: NDArray[Any]) -> None:
        """Take values in, of any type that a column can have."""
        if self.kind is None:
            found = kind_of(array)
            if found is None:
                self.rows += len(array)
                self.missing += len(array)
                return
            self._is(found)
        if self.kind in NUMERIC:
            self.update_numbers(*numbers(array, self.kind))
        else:
            self.update_names(*names(array))

    def update_numbers(self, values: Floats, missing: int = 0, infinite: int = 0, invalid: int = 0) -> None:
        """Take finite numbers in, and how many were none."""
        if self.kind is None and len(values):
            self._is("number")
        self.rows += len(values) + missing + infinite + invalid
        self.missing += missing
        self.infinite += infinite
        self.invalid += invalid
        self.quantities.add(values)

    def update_names(self, counted: Mapping[str, int], missing: int = 0) -> None:
        """Take names in, each so many times, and how many were missing."""
        if self.kind is None and counted:
            self._is("category")
        before = self.words.count
        self.words.add(counted)
        self.rows += self.words.count - before + missing
        self.missing += missing

    def merge(self, other: Column) -> None:
        """Take in what another has seen; where that is of another kind, its values are counted as invalid."""
        self.rows += other.rows
        self.missing += other.missing
        if self.kind is None and other.kind is not None:
            self._is(other.kind, counted=other.counted)
        if other.kind is None:
            return
        if other.kind != self.kind and {self.kind, other.kind} != {"category", "text"}:
            self.invalid += other.rows - other.missing
            return
        self.infinite += other.infinite
        self.invalid += other.invalid
        self.quantities.merge(other.quantities)
        self.words.merge(other.words)
        if other.kind == "text":
            self.kind = "text"

    def told(self, keep: Callable[[bytes], Any]) -> dict[str, Any]:
        """Return it as plain values; ``keep`` says what stands in the place of bytes."""
        said: dict[str, Any] = {"kind": self.kind, "rows": self.rows, "missing": self.missing}
        said |= {name: getattr(self, name) for name in ("infinite", "invalid") if getattr(self, name)}
        if self.kind in NUMERIC:
            said["numbers"] = self.quantities.told(keep)
        elif self.kind is not None:
            said["words"] = self.words.told(keep)
        return said

    @classmethod
    def from_told(cls, said: Mapping[str, Any], kept: Callable[[Any], bytes]) -> Column:
        """Read what `told` has returned.

        Raises
        ------
        ValueError
            When it is something else.
        """
        try:
            kind = said["kind"]
            if kind is not None and kind not in KINDS:
                raise ValueError(f"a column is of a kind that is not known here: {kind}")
            made = cls(kind)
            made.rows, made.missing = int(said["rows"]), int(said["missing"])
            made.infinite, made.invalid = int(said.get("infinite", 0)), int(said.get("invalid", 0))
            if "numbers" in said:
                made.quantities = Quantities.from_told(said["numbers"], kept)
                made.counted = made.quantities.few is not None
            if "words" in said:
                made.words = Words.from_told(said["words"], kept)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a column cannot be read: {error!r}") from error
        return made

    def like(self, size: int = SKETCH_SIZE) -> Column:
        """Return an empty one of the same kind."""
        return Column(self.kind, counted=self.quantities.few is not None, size=size)

    def _is(self, kind: Kind, *, counted: bool | None = None) -> None:
        self.kind = kind
        self.counted = self.counted if counted is None else counted
        if kind in NUMERIC:
            self.quantities = Quantities(counted=self.counted, size=self._size)
        elif kind == "text":
            self.words = Words(only_lengths=True, size=self._size)
