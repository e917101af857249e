"""JSON of any kind as scoring requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from ...errors import CommandError
from ...protocols import ScoringBody
from .cutting import JSON, Portion, cut

SHAPES = {"dataframe_split", "dataframe_records", "instances", "inputs"}
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class Takes(NamedTuple):
    """What is known of a model's signature, and of what its endpoint takes at once.

    Attributes
    ----------
    columns
        The names of its columns; empty for tensors, and when they are not known.
    rows
        Whether the first axis of what it takes is its rows; ``None`` when that is not known.
    nested
        Whether a value of a column may be a list.
    portion
        How much goes into one request.
    """

    columns: tuple[str, ...] = ()
    rows: bool | None = None
    nested: bool = False
    portion: Portion = Portion()


def encoded(request: Any) -> bytes:
    """Return a request as JSON.

    Raises
    ------
    CommandError
        When something in it cannot be said in JSON.
    """
    try:
        return orjson.dumps(request, default=_plain, option=_OPTIONS)
    except TypeError as error:
        raise CommandError(f"the data cannot be sent: {error}", "give numbers, text, booleans and dates") from error


def _plain(value: Any) -> Any:
    """Return what JSON has no words for: dates as ISO 8601, what is missing as null."""
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return None if text == "NaT" else text
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is in it")


def split(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> bytes:
    """Return a table as a request."""
    return encoded({"dataframe_split": {"columns": [str(name) for name in names], "data": rows}})


def of_table(names: Sequence[Any], rows: Sequence[Sequence[Any]], takes: Takes) -> Iterator[ScoringBody]:
    """Yield a table as requests."""
    return cut(len(rows), lambda first, last: split(names, rows[first:last]), takes.portion)


def of_records(rows: Sequence[Mapping[str, Any]], takes: Takes) -> Iterator[ScoringBody]:
    """Yield rows that name their values as requests."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return cut(
        len(rows),
        lambda first, last: split(names, [[row.get(name) for name in names] for row in rows[first:last]]),
        takes.portion,
    )


def of_request(request: Mapping[str, Any], takes: Takes) -> Iterator[ScoringBody]:
    """Yield a request, of exactly one of the four shapes, as one or more."""
    (shape,) = SHAPES & request.keys()
    rows, part = _rows(shape, request[shape], takes)
    if part is None:
        return iter([ScoringBody(encoded(request), JSON)])
    return cut(rows, lambda first, last: encoded({**request, shape: part(first, last)}), takes.portion)


def of_tensor(values: Any, takes: Takes) -> Iterator[ScoringBody]:
    """Yield an array, or lists in lists, as requests."""
    rows = _length(values, takes)
    if rows is None:
        return iter([ScoringBody(_tensor(values), JSON)])
    return cut(rows, lambda first, last: _tensor(values[first:last]), takes.portion)


def _tensor(values: Any) -> bytes:
    return encoded({"inputs": values.tolist() if hasattr(values, "tolist") else values})


def _length(values: Any, takes: Takes) -> int | None:
    """Return how many rows a tensor has; ``None`` for one that may be a row itself, where nobody has said."""
    if takes.rows is False or getattr(values, "shape", None) == ():
        return None
    axes = len(values.shape) if hasattr(values, "shape") else 1 + bool(values and isinstance(values[0], list | dict))
    return len(values) if takes.rows or axes > 1 else None


_Part = Callable[[int, int], Any]


def _rows(shape: str, data: Any, takes: Takes) -> tuple[int, _Part | None]:
    """Return how many rows there are, and what returns some; ``None`` for data that is not to be cut."""
    if shape == "dataframe_split":
        return _split_rows(data)
    if isinstance(data, list):
        rows = len(data) if shape == "dataframe_records" else _length(data, takes)
        return (0, None) if rows is None else (rows, lambda first, last: data[first:last])
    if isinstance(data, dict) and not takes.nested and takes.rows is not False:
        lengths = {len(one) if isinstance(one, list) else -1 for one in data.values()}
        if len(lengths) == 1 and -1 not in lengths:
            return lengths.pop(), lambda first, last: {name: one[first:last] for name, one in data.items()}
    return 0, None


def _split_rows(data: Any) -> tuple[int, _Part | None]:
    if not isinstance(data, dict) or not isinstance(data.get("data"), list):
        return 0, None
    rows, index = data["data"], data.get("index")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        # Which is for the endpoint to say.
        return 0, None

    def part(first: int, last: int) -> dict[str, Any]:
        more = {} if index is None else {"index": index[first:last]}
        return {**data, "data": rows[first:last], **more}

    return len(rows), part
