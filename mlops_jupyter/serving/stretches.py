"""Rows that were answered, copied into arrays that are there already until they are sent.

Nothing of a request is kept alive but its id: objects that live on for a while would cost the garbage collector more
than copying costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .batching import Whole, Work
from .frames import Frame
from .observed import only_output, told_column, without
from .rows import Array, Rows
from .schema import Schema

if TYPE_CHECKING:
    from .routing import Version

# The rows that are copied into one array, as far as they fit into so many bytes.
_ROOM, _LEAST_ROOM, _ROOM_BYTES = 1_024, 256, 1024 * 1024
# Types of columns whose values are one thing each.
_PLAIN = frozenset({"boolean", "integer", "long", "float", "double", "string", "datetime"})


class Stretch:
    """Rows of one version and one number for each, that came one after another.

    Parameters
    ----------
    version
        Who answers.
    at_us
        When the first of them was, in microseconds of the epoch.
    rows, said
        The first rows and answers, which say of which types they are; they are not taken yet.
    """

    __slots__ = ("_place", "at_us", "count", "counts", "ids", "said", "size", "version")

    def __init__(self, version: Version, at_us: int, rows: Rows, said: Array) -> None:
        self.version, self.at_us = version, at_us
        room, self._place = self._made(rows)
        self.said: Array = np.empty(room, said.dtype)
        self.ids: list[bytes] = []
        self.counts: list[int] = []
        self.count = 0
        self.size = sum(one.nbytes for one in self._place) + self.said.nbytes

    def fits(self, rows: Rows, said: Array) -> bool:
        """Tell whether rows and answers are of the types of those before."""
        return said.dtype == self.said.dtype

    def add(self, batch: Sequence[Work], rows: Rows, said: Array) -> bool:
        """Copy rows and answers that fit; ``False`` when there is no room for them any more."""
        start = self.count
        end = start + rows.count
        if end > len(self.said):
            return False
        self._copy(slice(start, end), rows)
        self.said[start:end] = said
        self.count = end
        if len(batch) == 1:
            self.ids.append(batch[0].request_id)
            self.counts.append(rows.count)
        else:
            self.ids += [one.request_id for one in batch]
            self.counts += [one.rows.count for one in batch]
        return True

    def frame(self, redact: frozenset[str]) -> Frame:
        """Return it as a message."""
        planned, output = self.version.planned, only_output(self.version.schema)
        names, matrix, columns = self._features(redact)
        return Frame(
            model=planned.model or "",
            version=planned.version,
            at_us=self.at_us,
            ids=b"\n".join(self.ids),
            counts=self.counts,
            starts=(),
            names=names,
            matrix=matrix,
            columns=columns,
            predictions={} if output in redact else {output: self.said[: self.count]},
        )

    def _made(self, rows: Rows) -> tuple[int, list[Array]]:
        """Return how many rows there is room for, and the room."""
        raise NotImplementedError

    def _copy(self, where: slice, rows: Rows) -> None:
        raise NotImplementedError

    def _features(self, redact: frozenset[str]) -> tuple[tuple[str, ...], Array | None, dict[str, Array]]:
        raise NotImplementedError


class NumbersStretch(Stretch):
    """Rows of numbers of one type, which are one array: what most endpoints are asked."""

    __slots__ = ()

    def _made(self, rows: Rows) -> tuple[int, list[Array]]:
        kind, width = self.version.schema.matrix, len(self.version.schema.names)
        room = _room(width * (8 if kind is None else kind.itemsize))
        return room, [np.empty((room, width), kind)]

    def _copy(self, where: slice, rows: Rows) -> None:
        self._place[0][where] = rows.matrix

    def _features(self, redact: frozenset[str]) -> tuple[tuple[str, ...], Array | None, dict[str, Array]]:
        return *without(self.version.schema.names, self._place[0][: self.count], redact), {}


class ColumnsStretch(Stretch):
    """Rows of columns of several types, an array each."""

    __slots__ = ("_names", "_types")

    def _made(self, rows: Rows) -> tuple[int, list[Array]]:
        columns = dict(rows.columns or {})
        self._names = list(columns)
        self._types = [values.dtype for values in columns.values()]
        room = _room(sum(values.itemsize for values in columns.values()))
        return room, [np.empty(room, values.dtype) for values in columns.values()]

    def fits(self, rows: Rows, said: Array) -> bool:
        """Tell whether rows and answers are of the types of those before."""
        columns = rows.columns
        if said.dtype != self.said.dtype or columns is None or list(columns) != self._names:
            return False
        return [values.dtype for values in columns.values()] == self._types

    def _copy(self, where: slice, rows: Rows) -> None:
        for place, values in zip(self._place, (rows.columns or {}).values(), strict=True):
            place[where] = values

    def _features(self, redact: frozenset[str]) -> tuple[tuple[str, ...], Array | None, dict[str, Array]]:
        told = {
            name: told_column(values[: self.count], self.version.schema, name)
            for name, values in zip(self._names, self._place, strict=True)
            if name not in redact
        }
        columns = {name: values for name, values in told.items() if values is not None}
        return tuple(columns), None, columns


def kind_of(version: Version, whole: Whole) -> type[Stretch] | None:
    """Return what rows and answers are copied into, ``None`` where they are of no kind that is copied."""
    if whole is None:
        return None
    rows, said = whole
    if not (
        type(said) is np.ndarray
        and said.ndim == 1
        and said.dtype.kind in "fiub"
        and len(said) == rows.count <= _LEAST_ROOM
        # The signature's own names: whoever has made these rows has checked them by it. A tensor has none.
        and rows.names is version.schema.names
    ):
        return None
    schema = version.schema
    if rows.matrix is not None:
        # A tensor has no type of columns, which NumPy takes for float64.
        return NumbersStretch if schema.matrix is not None and rows.matrix.dtype == schema.matrix else None
    return ColumnsStretch if rows.columns and is_plain(schema) else None


def is_plain(schema: Schema) -> bool:
    """Tell whether each value of a row is one thing: no list, no image, no bytes."""
    return schema.types <= _PLAIN and bool(schema.types)


def _room(row_bytes: int) -> int:
    return max(_LEAST_ROOM, min(_ROOM, _ROOM_BYTES // max(row_bytes, 1)))
