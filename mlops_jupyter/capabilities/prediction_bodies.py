"""Tables, arrays and files as scoring requests, and the answers in the kind that the data had."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..errors import CommandError, ConfigurationError, NotFound

JSON = "application/json"
_CONTENT_TYPES = {".json": JSON, ".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}
_SHAPES = {"dataframe_split", "dataframe_records", "instances", "inputs"}
# Of one request; what is more goes in several.
_ROWS = 10_000
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class Body(NamedTuple):
    """One scoring request."""

    content: bytes
    content_type: str


class Asked(NamedTuple):
    """What is to be sent, and how all answers together look like what was given."""

    bodies: Iterator[Body]
    like: Callable[[list[Any]], Any]


def asked(data: Any, columns: Sequence[str]) -> Asked:
    """Return data as requests.

    Parameters
    ----------
    data
        A pandas DataFrame or Series, a NumPy array, a list, a dict, JSON text, or a file of CSV, JSON or Parquet.
    columns
        The names of the columns that the model takes, for data without names; empty when they are not known.

    Raises
    ------
    CommandError
        When it is nothing that can be sent.
    NotFound
        When it names a file that is not there.
    ConfigurationError
        When it names a file that is empty or cannot be read.
    """
    kind = type(data).__name__
    if isinstance(data, str | Path):
        return Asked(iter([_text(data)]), list)
    if kind == "DataFrame" and hasattr(data, "columns"):
        return _frame(data)
    if kind == "Series" and hasattr(data, "index"):
        return _series(data, columns)
    if hasattr(data, "__array__") or isinstance(data, list | tuple):
        return _array(data, columns)
    if isinstance(data, Mapping):
        return _mapping(data)
    raise CommandError(
        f"a {kind} cannot be sent to an endpoint", "give a DataFrame, an array, a list, a dict, JSON or a file"
    )


def _text(given: str | Path) -> Body:
    text = str(given)
    if isinstance(given, str) and given.lstrip()[:1] in {"{", "["}:
        return Body(_wrapped(_parsed(text, "the data", CommandError)), JSON)
    path = Path(text).expanduser()
    kind = _CONTENT_TYPES.get(path.suffix.lower())
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {text}", "give JSON text, or a file of CSV, JSON or Parquet") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read {text}: {error.strerror}", "check the path") from error
    if kind is None:
        raise CommandError(f"{text} is no CSV, JSON or Parquet by its name", "call it .csv, .json or .parquet")
    if not content or content.isspace():
        raise ConfigurationError(f"{text} is empty", "give a file of CSV, JSON or Parquet with rows")
    return Body(_wrapped(_parsed(content, text, ConfigurationError)) if kind == JSON else content, kind)


def _parsed(text: str | bytes, what: str, wrong: type[CommandError | ConfigurationError]) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise wrong(f"{what} is not valid JSON: {error}", "give a scoring request, or a list of rows") from error


def _wrapped(told: Any) -> bytes:
    """Return a scoring request, of which plain rows are not one yet."""
    if isinstance(told, dict) and len(_SHAPES & told.keys()) == 1:
        return orjson.dumps(told)
    if isinstance(told, dict) and told and all(isinstance(one, list) for one in told.values()):
        # Columns, as a dict in Python.
        return next(_mapping(told).bodies).content
    if isinstance(told, dict):
        return _records([told])
    if isinstance(told, list) and all(isinstance(one, dict) for one in told):
        return _records(told)
    return orjson.dumps({"inputs": told})


def _records(rows: Sequence[Mapping[str, Any]]) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _split(names, [[row.get(name) for name in names] for row in rows])


def _split(names: Sequence[Any], rows: Sequence[Sequence[Any]]) -> bytes:
    told = {"dataframe_split": {"columns": [str(name) for name in names], "data": rows}}
    try:
        return orjson.dumps(told, default=_plain, option=_OPTIONS)
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


def _frame(frame: Any) -> Asked:
    names = list(frame.columns)

    def bodies() -> Iterator[Body]:
        for start in range(0, max(1, len(frame)), _ROWS):
            part = frame.iloc[start : start + _ROWS]
            columns = [part.iloc[:, place].astype(object).tolist() for place in range(len(names))]
            yield Body(_split(names, list(zip(*columns, strict=True))), JSON)

    def like(values: list[Any]) -> Any:
        # A model may give one answer for many rows.
        index = frame.index if len(values) == len(frame) else None
        if values and all(isinstance(one, dict) for one in values):
            return type(frame)(values, index=index)
        if values and all(isinstance(one, list) for one in values):
            return type(frame)(values, index=index)
        return type(frame)({"prediction": values}, index=index)

    return Asked(bodies(), like)


def _series(series: Any, columns: Sequence[str]) -> Asked:
    if columns and set(columns) == {str(one) for one in series.index}:
        # One row, as a DataFrame gives it.
        body = Body(_split(list(series.index), [series.astype(object).tolist()]), JSON)
        return Asked(iter([body]), lambda values: type(series)(values, name="prediction"))
    name = columns[0] if len(columns) == 1 else series.name if series.name is not None else "0"
    rows = [[one] for one in series.astype(object).tolist()]
    body = Body(_split([name], rows), JSON)
    return Asked(iter([body]), lambda values: type(series)(values, index=series.index, name="prediction"))


def _array(data: Any, columns: Sequence[str]) -> Asked:
    rows = data.tolist() if hasattr(data, "tolist") else list(data)
    if isinstance(data, list | tuple) and rows and all(isinstance(one, Mapping) for one in rows):
        return Asked(iter([Body(_records(rows), JSON)]), list)
    if columns and rows and not isinstance(rows[0], list | tuple) and len(rows) == len(columns):
        rows = [rows]
    if columns and rows and all(isinstance(one, list | tuple) and len(one) == len(columns) for one in rows):
        parts = [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]
        bodies = [Body(_split(columns, part), JSON) for part in parts]
    else:
        bodies = [Body(orjson.dumps({"inputs": rows}, default=_plain, option=_OPTIONS), JSON)]
    if isinstance(data, list | tuple):
        return Asked(iter(bodies), list)
    return Asked(iter(bodies), _as_array)


def _as_array(values: list[Any]) -> Any:
    # Whoever has given an array has it; the others are spared the import.
    numpy = import_module("numpy")
    return numpy.asarray([math.nan if one is None else one for one in values])


def _mapping(data: Mapping[str, Any]) -> Asked:
    if len(_SHAPES & data.keys()) == 1:
        body = orjson.dumps(dict(data), default=_plain, option=_OPTIONS)
        return Asked(iter([Body(body, JSON)]), lambda values: {"predictions": values})
    several = {name: _several(value) for name, value in data.items()}
    lengths = {len(value) for value in several.values() if value is not None}
    if not lengths:
        return Asked(iter([Body(_records([data]), JSON)]), lambda values: {"predictions": values})
    if len(lengths) > 1 or None in several.values():
        raise CommandError("the columns of the data are not of one length", "give a value each, or a list each")
    rows = list(zip(*(value or () for value in several.values()), strict=True))
    return Asked(iter([Body(_split(list(data), rows), JSON)]), lambda values: {"predictions": values})


def _several(value: Any) -> list[Any] | None:
    if isinstance(value, list | tuple):
        return list(value)
    return list(value.tolist()) if hasattr(value, "__len__") and hasattr(value, "tolist") else None
