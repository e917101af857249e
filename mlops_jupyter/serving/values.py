"""Values of a column, as a request has them: checked against its type and made one array.

JSON has one kind of number, so an integer will do for a float, and a float without a fraction for an integer. Nothing
else is converted: no text to a number, no truth value to a number, no fraction cut off, no number that does not fit.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .failures import INVALID, Failure, malformed, named, unfit
from .rows import Array
from .schema import DTYPES, Column, Parameter, Schema

Values = Sequence[Any]

FLOATS = frozenset({float, int, type(None)})
_INTEGERS = frozenset({int})
_TEXTS = frozenset({str, type(None)})
# What numpy reads as pandas does; other forms are pandas' to read (tables.moments).
_ISO = re.compile(
    r"(?:1[789]|2[01])\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?)?",
    re.ASCII,
)
_LONG = np.iinfo(np.int64)


def typed(values: Values, column: Column, *, base64_text: bool = True) -> Array:
    """Return a column's values as one array of its type.

    Parameters
    ----------
    values
        What JSON had.
    column
        What they must be.
    base64_text
        Whether binary data comes as base64, as in tables, or as plain text, as in tensors.

    Raises
    ------
    Failure
        When one is of another type: with the column's name and the row's number.
    """
    if column.type == "binary" and not base64_text:
        return _objects([_plain(value, column, row) for row, value in enumerate(values)])
    return _BY_TYPE[column.type](values, column)


def tables() -> Any:
    """Return the module that needs pandas, loaded when the first request does.

    pandas and pyarrow take half a second and 77 MB to import. A worker that is sent numbers as JSON never needs them,
    so that it starts sooner and stays smaller.
    """
    return importlib.import_module(".tables", __package__)


def numbers(values: Values, column: Column) -> Array:
    """Return values as floats; null means missing."""
    if not FLOATS.issuperset(map(type, values)):
        raise _culprit(values, column, lambda value: type(value) in FLOATS, "must be a number")
    found: Array = np.array(values, dtype=np.float64)
    if found.dtype == column.dtype:
        return found
    with np.errstate(over="ignore"):  # a float64 beyond float32 is infinite in MLflow too
        return found.astype(column.dtype)


def _integers(values: Values, column: Column) -> Array:
    if not _INTEGERS.issuperset(map(type, values)):

        def is_whole(value: object) -> bool:
            return type(value) is int or (type(value) is float and value.is_integer())

        if not all(map(is_whole, values)):
            raise _culprit(values, column, is_whole, "must be an integer")
        values = [int(value) for value in values]
    try:
        return np.array(values, dtype=column.dtype)  # which fails for what is beyond it
    except OverflowError:
        limits = np.iinfo(column.dtype)
        what = f"is beyond {column.dtype.name}"
        raise _culprit(values, column, lambda value: limits.min <= value <= limits.max, what) from None


def _booleans(values: Values, column: Column) -> Array:
    if not all(type(value) is bool for value in values):
        raise _culprit(values, column, lambda value: type(value) is bool, "must be true or false")
    return np.array(values, dtype=np.bool_)


def _texts(values: Values, column: Column) -> Array:
    if not _TEXTS.issuperset(map(type, values)):
        raise _culprit(values, column, lambda value: type(value) in _TEXTS, "must be a text")
    return _objects(values)


def _moments(values: Values, column: Column) -> Array:
    what = "must be a date or time without a time zone, as text"
    if not _TEXTS.issuperset(map(type, values)):
        raise _culprit(values, column, lambda value: type(value) in _TEXTS, what)
    if all(value is None or _ISO.fullmatch(value) for value in values):
        try:
            return np.array(values, dtype="datetime64[ns]")
        except ValueError:
            raise _culprit(values, column, _is_moment, what) from None
    found: Array = tables().moments(values, column)
    return found


def _is_moment(value: object) -> bool:
    try:
        np.array([value], dtype="datetime64[ns]")
    except ValueError:
        return False
    return True


def _binaries(values: Values, column: Column) -> Array:
    return _objects([_binary(value, column, row) for row, value in enumerate(values)])


def _binary(value: object, column: Column, row: int) -> bytes:
    if type(value) is str:
        try:
            return base64.b64decode("".join(value.split()), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise unfit(f"column {named([column.name])}: must be base64 text", value=value, row=row, columns=(column.name,))


def _plain(value: object, column: Column, row: int) -> bytes:
    if type(value) is str and value.isascii():
        return value.encode("ascii")
    raise unfit(f"column {named([column.name])}: must be ASCII text", value=value, row=row, columns=(column.name,))


def _nested(values: Values, column: Column) -> Array:
    made = []
    for row, value in enumerate(values):
        try:
            made.append(_of_spec(value, column.spec, required=column.required))
        except _Other as other:
            message = f"column {named([column.name])}{other.where}: must be {other.wanted}"
            raise unfit(message, value=value, row=row, columns=(column.name,)) from None
    return _objects(made)


class _Other(Exception):
    """A value that is not what its place in a nested type says."""

    def __init__(self, wanted: str, where: str = "") -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.where = where


def _of_spec(value: Any, spec: Mapping[str, Any], *, required: bool) -> Any:
    word: str = spec["type"]
    if word == "any" or (value is None and not required):
        return value
    if word in _HOLDERS:
        holder, wanted = _HOLDERS[word]
        if not isinstance(value, holder):
            raise _Other(wanted)
        if word == "object":
            return _of_object(value, spec["properties"])
        if word == "map":
            return {key: _of_spec(one, spec["values"], required=required) for key, one in value.items()}
        return _of_array(value, spec["items"], required=required)
    if value is None:
        raise _Other(f"of type {word}")
    made = _scalars([value], word)
    return made.tolist()[0] if word in _PLAIN else made[0]


def _of_array(values: list[Any], items: Mapping[str, Any], *, required: bool) -> list[Any]:
    if items["type"] in _PLAIN:  # all at once: lists of numbers are long
        plain: list[Any] = _scalars(values, items["type"]).tolist()
        return plain
    return [_of_spec(one, items, required=required) for one in values]


def _scalars(values: Values, word: str) -> Array:
    try:
        return typed(values, Column("", word, DTYPES[word]))
    except Failure:
        raise _Other(f"of type {word}") from None


def _of_object(value: Any, properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    if type(value) is not dict:
        raise _Other("an object")
    lacking = [name for name, spec in properties.items() if spec.get("required", True) and name not in value]
    if lacking or not value.keys() <= properties.keys():
        raise _Other("an object with all of its properties and no others")
    made = {}
    for name, one in value.items():
        spec = properties[name]
        try:
            made[name] = _of_spec(one, spec, required=spec.get("required", True))
        except _Other as other:
            raise _Other(other.wanted, f".{name}{other.where}") from None
    return made


def parameters(said: object, schema: Schema) -> Mapping[str, Any] | None:
    """Return a call's parameters, with the defaults of those that are not said; ``None`` where nothing was said.

    What the signature does not declare is left out, as MLflow does.
    """
    if said is None or not schema.parameters:
        return None
    if type(said) is not dict:
        raise malformed("'params' must be an object")
    if not said:
        return None
    return {one.name: _parameter(said[one.name], one) if one.name in said else one.default for one in schema.parameters}


def _parameter(value: Any, wanted: Parameter) -> Any:
    if wanted.is_list:
        if type(value) is list:
            return [_scalar(one, wanted) for one in value]
        raise Failure(400, INVALID, f"parameter {named([wanted.name])} must be a list")
    if wanted.type == "object":
        try:
            _of_object(value, wanted.spec["properties"])
        except _Other as other:
            message = f"parameter {named([wanted.name])}{other.where}: must be {other.wanted}"
            raise Failure(400, INVALID, message) from None
        return value
    return _scalar(value, wanted)


def _scalar(value: Any, wanted: Parameter) -> Any:
    kind = type(value)
    if value is None:
        return None
    if wanted.type == "datetime" and kind is str:
        try:
            made = np.datetime64(value).item()
        except ValueError:
            made = None
        if isinstance(made, dt.date):
            return made
    elif kind in _PARAMETERS.get(wanted.type, ()):
        return float(value) if wanted.type in {"float", "double"} else value
    message = f"parameter {named([wanted.name])} must be of type {wanted.type}"
    raise Failure(400, INVALID, message, verbose=f"{message}; it is {str(value)[:200]!r}")


def free(values: Values) -> Array:
    """Return values of a column that no signature speaks of, with the type that pandas would see."""
    kinds = set(map(type, values))
    if kinds == {bool}:
        return np.array(values, dtype=np.bool_)
    if kinds == {int} and all(_LONG.min <= value <= _LONG.max for value in values):
        return np.array(values, dtype=np.int64)
    if kinds <= FLOATS and kinds & {int, float}:
        return np.array(values, dtype=np.float64)
    return _objects(values)


def _objects(values: Values) -> Array:
    return np.fromiter(values, dtype=object, count=len(values))


def _culprit(values: Values, column: Column, fits: Callable[[Any], bool], what: str) -> Failure:
    row, value = next((row, value) for row, value in enumerate(values) if not fits(value))
    what = f"is missing, and {what}" if value is None else what
    return unfit(f"column {named([column.name])}: {what}", value=value, row=row, columns=(column.name,))


_BY_TYPE: Mapping[str, Callable[[Values, Column], Array]] = {
    "boolean": _booleans,
    "integer": _integers,
    "long": _integers,
    "float": numbers,
    "double": numbers,
    "string": _texts,
    "binary": _binaries,
    "datetime": _moments,
    "array": _nested,
    "object": _nested,
    "map": _nested,
    "any": _nested,
}
_PARAMETERS: Mapping[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (float, int),
    "double": (float, int),
    "string": (str,),
}
_HOLDERS: Mapping[str, tuple[type[Any], str]] = {
    "array": (list, "a list"),
    "map": (dict, "an object"),
    "object": (dict, "an object"),
}
_PLAIN = frozenset({"boolean", "integer", "long", "float", "double"})
