"""Requests and their answers as messages for the watcher."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .batching import Whole, Work
from .failures import Failure
from .frames import Frame
from .rows import Array, Rows
from .schema import Schema

if TYPE_CHECKING:
    from .routing import Version

# Of longer rows, images and the like, only the answers are looked at.
_MOST_ROW_BYTES = 64 * 1024
# Of wider answers, too: they are none of a class or two.
_MOST_OUTPUTS = 64
# What no sketch is made of: bytes, and objects of several forms.
_OPAQUE = frozenset({"binary", "object", "map", "any"})
# A table of two axes; more make an embedding of each row.
_TABLE = 2


class Piece(NamedTuple):
    """Rows that were given to a model at once, of one request or of several.

    Attributes
    ----------
    rows
        What was asked.
    ids, counts
        The ids of the requests, and how many of the rows each had.
    start
        The number of the first row within its request, of which there is one if it is not 0.
    said
        What the model said of all rows.
    """

    rows: Rows
    ids: list[bytes]
    counts: list[int]
    start: int
    said: Any


def pieces(batch: Sequence[Work], found: Sequence[Any], whole: Whole) -> list[Piece]:
    """Return what was asked and answered, without what failed."""
    if whole is not None:
        return [Piece(whole[0], [one.request_id for one in batch], [one.rows.count for one in batch], 0, whole[1])]
    return [
        Piece(work.rows, [work.request_id], [work.rows.count], 0, said)
        for work, said in zip(batch, found, strict=True)
        if type(said) is not Failure
    ]


class Held:
    """What one version was asked and answered at one time.

    Parameters
    ----------
    version
        Who answered.
    at_us
        When, in microseconds of the epoch.
    told
        What was asked and answered.
    """

    __slots__ = ("at_us", "count", "pieces", "size", "version")

    def __init__(self, version: Version, at_us: int, told: list[Piece]) -> None:
        self.version = version
        self.at_us = at_us
        self.pieces = told
        self.count = 0
        self.size = 0
        for rows, _, _, _, _ in told:
            self.count += rows.count
            self.size += rows.matrix.nbytes if rows.matrix is not None else 64 * rows.count * len(rows.names)

    def cut(self, most: int) -> list[Held]:
        """Return it in parts of so many rows at the most, where a request has more."""
        parts = []
        for rows, ids, counts, _, said in self.pieces:
            if len(ids) > 1:
                parts.append(Held(self.version, self.at_us, [Piece(rows, ids, counts, 0, said)]))
                continue
            for start in range(0, rows.count, most):
                end = min(start + most, rows.count)
                piece = Piece(
                    _sliced(rows, start, end), ids, [end - start], start, _sliced_answer(said, start, end, rows.count)
                )
                parts.append(Held(self.version, self.at_us, [piece]))
        return parts


def frames_of(held: Sequence[Held], redact: frozenset[str]) -> Iterator[Frame]:
    """Make messages of what was held, one for each stretch of rows that fit together.

    Parameters
    ----------
    held
        What there is, in the order of time.
    redact
        Columns that must not leave this process.
    """
    by_version: dict[int, list[Held]] = {}
    for one in held:
        by_version.setdefault(id(one.version), []).append(one)
    for each in by_version.values():
        told = [piece for one in each for piece in one.pieces]
        for _, group in groupby(told, _form):
            yield _frame(each[0], list(group), redact)


def _form(piece: Piece) -> tuple[Any, ...]:
    """Return what two pieces must have in common to be told together."""
    rows, said = piece.rows, piece.said
    asked: Any
    if rows.matrix is not None:
        asked = rows.matrix.dtype, rows.matrix.shape[1:]
    else:
        asked = tuple((name, values.dtype, values.shape[1:]) for name, values in (rows.columns or {}).items())
    shape = getattr(said, "shape", None)
    names = tuple(said) if isinstance(said, dict) else tuple(getattr(said, "columns", ()))
    return rows.names, asked, type(said), None if shape is None else shape[1:], names


def _frame(first: Held, told: list[Piece], redact: frozenset[str]) -> Frame:
    planned, schema = first.version.planned, first.version.schema
    names, matrix, columns = _features([one.rows for one in told], schema, redact)
    answers = _predictions([one.said for one in told], sum(one.rows.count for one in told), schema, redact)
    return Frame(
        model=planned.model or "",
        version=planned.version,
        at_us=first.at_us,
        ids=b"\n".join([each for one in told for each in one.ids]),
        counts=[each for one in told for each in one.counts],
        starts=[one.start for one in told for _ in one.ids] if any(one.start for one in told) else (),
        names=names,
        matrix=matrix,
        columns=columns,
        predictions=answers,
    )


def _features(
    parts: list[Rows], schema: Schema, redact: frozenset[str]
) -> tuple[tuple[str, ...], Array | None, dict[str, Array]]:
    rows = parts[0]
    if rows.matrix is not None and rows.matrix.ndim == _TABLE and rows.matrix.dtype.kind in "fiu":
        if rows.matrix.nbytes > rows.count * _MOST_ROW_BYTES:
            return (), None, {}
        matrix = _concatenated([one.matrix for one in parts if one.matrix is not None])
        return *without(rows.names or tuple(map(str, range(matrix.shape[1]))), matrix, redact), {}
    if rows.matrix is not None:
        found = {"input": _concatenated([one.matrix for one in parts if one.matrix is not None])}
    else:
        found = {
            name: _concatenated([one.columns[name] for one in parts if one.columns is not None])
            for name in rows.columns or ()
        }
    told = {name: told_column(values, schema, name) for name, values in found.items() if name not in redact}
    columns = {name: values for name, values in told.items() if values is not None}
    return tuple(columns), None, columns


def without(names: tuple[str, ...], matrix: Array, redact: frozenset[str]) -> tuple[tuple[str, ...], Array]:
    """Return a table without some of its columns."""
    if redact.isdisjoint(names):
        return names, matrix
    kept = [at for at, name in enumerate(names) if name not in redact]
    return tuple(names[at] for at in kept), np.ascontiguousarray(matrix[:, kept])


def told_column(values: Array, schema: Schema, name: str) -> Array | None:
    """Return a column as it is told; ``None`` for what no sketch is made of."""
    if not len(values) or values.nbytes > len(values) * _MOST_ROW_BYTES:
        return None
    declared = schema.known.get(name)
    if declared is not None and declared.type in _OPAQUE:
        return None
    if values.ndim > 1:
        return values.reshape(len(values), -1) if values.dtype.kind in "fiu" else None
    if declared is not None and declared.type == "array":
        return _embedding(values)
    if values.dtype.kind in "SU":
        return values.astype(object) if values.dtype.kind == "U" else None
    return values if values.dtype.kind in "fiubMO" else None


def _embedding(values: Array) -> Array | None:
    try:
        made: Array = np.array(values.tolist(), dtype=np.float64)
    except (ValueError, TypeError):  # of several lengths, missing, or no numbers
        return None
    return made.reshape(len(made), -1)


def _predictions(said: list[Any], count: int, schema: Schema, redact: frozenset[str]) -> dict[str, Array]:
    """Return the answers by the output's name: ``prediction`` for one without, numbered where a row has several.

    Who redacts an output names it as the signature does, or one of its numbers.
    """
    first = said[0]
    if isinstance(first, dict):
        found = {str(name): _joined_answers([one[name] for one in said]) for name in first}
    elif hasattr(first, "iloc") and getattr(first, "ndim", 1) > 1:
        found = {str(name): _joined_answers([one[name] for one in said]) for name in first.columns}
    else:
        found = {only_output(schema): _joined_answers(said)}
    told = {}
    for name, values in found.items():
        if name in redact or values is None or len(values) != count:
            continue
        flat = values.reshape(count, -1) if values.size else values
        if flat.ndim == 1 or flat.shape[1] == 1:
            told[name] = flat.reshape(count)
        elif flat.shape[1] <= _MOST_OUTPUTS:
            told |= {f"{name}_{at}": np.ascontiguousarray(flat[:, at]) for at in range(flat.shape[1])}
    kept = list(told.items())[:_MOST_OUTPUTS]
    return {name: values for name, values in kept if values.dtype.kind in "fiubMO" and name not in redact}


def only_output(schema: Schema) -> str:
    """Return the name of the answers of one number a row."""
    name = schema.outputs[0][0] if len(schema.outputs) == 1 else None
    return name or "prediction"


def _joined_answers(said: list[Any]) -> Array | None:
    parts = []
    for one in said:
        values = one.to_numpy() if hasattr(one, "to_numpy") else one
        if not isinstance(values, np.ndarray):
            try:
                values = np.array(values)
            except (ValueError, OverflowError):
                return None
        if not values.ndim:
            return None
        parts.append(values.astype(object) if values.dtype.kind == "U" else values)
    try:
        return _concatenated(parts)
    except (ValueError, TypeError):  # lists of other lengths from one request to the next, or of other kinds
        return None


def _concatenated(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _sliced(rows: Rows, start: int, end: int) -> Rows:
    matrix = None if rows.matrix is None else rows.matrix[start:end]
    columns = None if rows.columns is None else {name: each[start:end] for name, each in rows.columns.items()}
    return Rows(end - start, rows.names, matrix, columns)


def _sliced_answer(said: Any, start: int, end: int, count: int) -> Any:
    if isinstance(said, dict):
        return {name: _sliced_answer(each, start, end, count) for name, each in said.items()}
    if not hasattr(said, "__len__") or len(said) != count:
        # One answer for many rows.
        return said
    return getattr(said, "iloc", said)[start:end]
