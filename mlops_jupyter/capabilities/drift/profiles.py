"""The summary of a table: one of each column."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from .columns import Column
from .quantities import SKETCH_SIZE
from .values import NUMERIC, Kind

_MAGIC = b"MLOPSKP1"
_LENGTH = struct.Struct("<I")
_BLOCK = 65_536


class Profile:
    """Summaries of named columns: mergeable, of bounded memory whatever number of rows there were.

    Parameters
    ----------
    kinds
        What the values of known columns are, in their order; ``None`` to tell by the first values. Other columns are
        taken in as they come.
    size
        The size of the sketches of numbers.

    Attributes
    ----------
    rows
        How many rows there were.
    columns
        The summary of each column by its name.
    """

    __slots__ = ("_size", "columns", "rows")

    def __init__(self, kinds: Mapping[str, Kind | None] | None = None, *, size: int = SKETCH_SIZE) -> None:
        self._size = size
        self.rows = 0
        self.columns: dict[str, Column] = {name: Column(kind, size=size) for name, kind in (kinds or {}).items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self.columns)

    def column(self, name: str) -> Column:
        """Return the summary of a column, a new one for one that has none."""
        found = self.columns.get(name)
        if found is None:
            found = self.columns[name] = Column(size=self._size)
        return found

    def update(self, columns: Mapping[str, NDArray[Any]], count: int) -> None:
        """Take rows in, column by column.

        Parameters
        ----------
        columns
            Arrays of numbers, truth values, dates, or objects (texts, None, lists), with ``count`` values each; arrays
            of two dimensions are embeddings. A column that is not among them is not counted as missing: these rows
            do not have it.
        count
            How many rows there are.
        """
        self.rows += count
        for name, array in columns.items():
            self.column(name).update(np.asanyarray(array))

    def update_matrix(self, names: Sequence[str], matrix: NDArray[Any]) -> None:
        """Take rows in that are all numbers: the fast path.

        Parameters
        ----------
        names
            The columns' names.
        matrix
            The rows, of the shape (n, columns).
        """
        self.rows += len(matrix)
        for start in range(0, len(matrix), _BLOCK):
            self._block(names, matrix[start : start + _BLOCK])

    def _block(self, names: Sequence[str], matrix: NDArray[Any]) -> None:
        # One pass over all columns at once: a request of few rows has no time for one each.
        columns = np.ascontiguousarray(matrix.T, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            means = columns.mean(axis=1)
            squares = np.square(columns - means[:, None]).sum(axis=1)
        plain: Any = np.isfinite(columns).all(axis=1)
        lows, highs = columns.min(axis=1).tolist(), columns.max(axis=1).tolist()
        told = zip(names, columns, plain, means.tolist(), squares.tolist(), lows, highs, strict=True)
        for name, values, is_plain, mean, square, low, high in told:
            column = self.column(name)
            if is_plain and column.kind in NUMERIC:
                column.rows += len(values)
                column.quantities.add_told(values, mean, square, low, high)
            else:
                column.update(values)

    def merge(self, other: Profile) -> None:
        """Take in what another has seen."""
        self.rows += other.rows
        for name, column in other.columns.items():
            self.column(name).merge(column)

    def like(self, names: Iterable[str] | None = None, *, size: int = SKETCH_SIZE) -> Profile:
        """Return an empty one of the same kinds, of these columns only if they are given."""
        made = Profile(size=size)
        for name in self.columns if names is None else names:
            made.columns[name] = self.columns[name].like(size) if name in self.columns else Column(size=size)
        return made

    def only(self, names: Iterable[str]) -> Profile:
        """Return the part of some columns; it shares them."""
        made = Profile()
        made.rows = self.rows
        made.columns = {name: self.columns[name] for name in names}
        return made

    def told(self, keep: Any) -> dict[str, Any]:
        """Return it as plain values; ``keep`` says what stands in the place of bytes."""
        return {"rows": self.rows, "columns": [[name, one.told(keep)] for name, one in self.columns.items()]}

    @classmethod
    def from_told(cls, said: Mapping[str, Any], kept: Any) -> Profile:
        """Read what `told` has returned.

        Raises
        ------
        ValueError
            When it is something else.
        """
        made = cls()
        try:
            made.rows = int(said["rows"])
            for name, column in said["columns"]:
                made.columns[str(name)] = Column.from_told(column, kept)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a profile cannot be read: {error!r}") from error
        return made

    def to_bytes(self) -> bytes:
        """Return it as bytes: a line of JSON and the sketches behind it."""
        pieces: list[bytes] = []

        def keep(piece: bytes) -> list[int]:
            start = sum(map(len, pieces))
            pieces.append(piece)
            return [start, start + len(piece)]

        head = orjson.dumps(self.told(keep))
        return b"".join((_MAGIC, _LENGTH.pack(len(head)), head, *pieces))

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Read what `to_bytes` has written.

        Raises
        ------
        ValueError
            When it is something else, or not whole.
        """
        start = len(_MAGIC) + _LENGTH.size
        if not data.startswith(_MAGIC) or len(data) < start:
            raise ValueError("these bytes are no profile of this release")
        (length,) = _LENGTH.unpack_from(data, len(_MAGIC))
        try:
            said = orjson.loads(data[start : start + length])
        except orjson.JSONDecodeError as error:
            raise ValueError(f"a profile cannot be read: {error}") from error
        rest = data[start + length :]
        return cls.from_told(said, lambda place: _piece(rest, place))


def _piece(rest: bytes, place: Any) -> bytes:
    begin, end = place
    if not 0 <= begin <= end <= len(rest):
        raise ValueError("a profile is not whole")
    return rest[begin:end]
