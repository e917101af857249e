"""Records as JSON in a file, and back: for one process to tell another."""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

Record = TypeVar("Record")


def to_json(record: object) -> str:
    """Return a record as one line of JSON. Instants are ISO 8601, NaN and the infinities are words."""
    return json.dumps(_plain(record), ensure_ascii=False, allow_nan=False)


def from_json(kind: type[Record], text: str | bytes) -> Record:
    """Return the record that JSON holds; what is not a field of it is passed over.

    Raises
    ------
    ValueError
        When it is no such record.
    """
    try:
        return typing.cast("Record", _read(kind, json.loads(text)))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no {kind.__name__}: {error}") from error


def of_versions(kind: type[Record], folder: Path) -> dict[str, Record]:
    """Return the records that a folder holds, one a version as ``VERSION.json``; what is damaged is passed over."""
    found = {}
    for file in sorted(folder.glob("[!.]*.json")) if folder.is_dir() else ():
        try:
            found[unquote(file.stem)] = from_json(kind, file.read_bytes())
        except (OSError, ValueError):
            continue
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _read(kind: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {types.UnionType, typing.Union}:
        rest = next(one for one in arguments if one is not type(None))
        return None if value is None and type(None) in arguments else _read(rest, value)
    if origin is tuple:
        return tuple(_read(arguments[0], one) for one in _of(value, list))
    if origin is Mapping:
        return {name: _read(arguments[1], one) for name, one in _of(value, dict).items()}
    return _record(kind, value) if is_dataclass(kind) else _single(kind, value)


def _single(kind: Any, value: Any) -> Any:
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is float:
        return float(value)
    return _of(value, kind) if isinstance(kind, type) else value


def _record(kind: Any, value: Any) -> Any:
    told = {}
    for field in fields(kind):
        if field.name in value:
            told[field.name] = _read(_hints(kind)[field.name], value[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise KeyError(field.name)
    return kind(**told)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _of(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} belongs")
    return value
