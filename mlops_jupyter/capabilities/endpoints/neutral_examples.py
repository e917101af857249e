"""A model's input example without the values of redacted columns, so that it may be written down and shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

# By the type that a signature names; of others, and without a signature, it is told by the value.
_TYPED: Mapping[str, Any] = {"string": "text", "datetime": "2026-01-31T12:00:00", "binary": "AA=="}
_UNNAMED = ("inputs", "instances")


def strict(example: str | None) -> str | None:
    """Return an example as JSON knows it: MLflow writes ``NaN`` where a value is missing, which no parser need read.

    Parameters
    ----------
    example
        A scoring request.

    Returns
    -------
    str or None
        The request with ``null`` in these places; as it is where nothing is to be done, or nobody can read it.
    """
    if example is None or not ("NaN" in example or "Infinity" in example):
        return example
    try:
        return json.dumps(json.loads(example, parse_constant=lambda _: None))
    except ValueError:
        return example


def neutral(example: str | None, redact: Collection[str], signature: Mapping[str, str] | None) -> str | None:
    """Return an example with a neutral value for each that a redacted column holds.

    Parameters
    ----------
    example
        A scoring request as JSON.
    redact
        The columns; one of a table without names is called by its number, from 0.
    signature
        MLflow's dict of the model's signature, which names columns and their types.

    Returns
    -------
    str or None
        The request with ``"text"``, 0, ``false`` or a fixed date in these places; ``None`` when it is no JSON, in which
        nobody can tell what is to be left out.
    """
    if example is None or not redact:
        return example
    try:
        told = json.loads(example)
    except ValueError:
        return None
    types = _types(signature)
    names = list(types)
    for key in _UNNAMED if isinstance(told, dict) else ():
        if key in told:
            told[key] = _by_place(told[key], names, redact, types)
    return json.dumps(_without(told, redact, types))


def _types(signature: Mapping[str, str] | None) -> dict[str, str]:
    try:
        inputs = json.loads((signature or {}).get("inputs") or "[]")
        return {str(one.get("name", place)): str(one["type"]) for place, one in enumerate(inputs)}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _without(told: Any, redact: Collection[str], types: Mapping[str, str]) -> Any:
    if isinstance(told, list):
        return [_without(one, redact, types) for one in told]
    if not isinstance(told, dict):
        return told
    if isinstance(told.get("columns"), list) and isinstance(told.get("data"), list):
        names = [str(one) for one in told["columns"]]
        # An index may be a column that was made one.
        kept = {key: value for key, value in told.items() if key != "index"}
        return {**kept, "data": [_row(one, names, redact, types) for one in told["data"]]}
    return {
        key: _value(value, types.get(key)) if key in redact else _without(value, redact, types)
        for key, value in told.items()
    }


def _by_place(told: Any, names: Sequence[str], redact: Collection[str], types: Mapping[str, str]) -> Any:
    """Return a list of rows without names, each value by the column of its place; anything else as it is."""
    if not isinstance(told, list) or any(isinstance(one, dict) for one in told):
        return told
    if not any(isinstance(one, list) for one in told):
        # The values of the only column.
        (only, *more) = names or ("0",)
        return [_value(one, types.get(only)) for one in told] if only in redact and not more else told
    return [_row(row, names if len(names) == len(row) else (), redact, types) for row in told]


def _row(row: Any, names: Sequence[str], redact: Collection[str], types: Mapping[str, str]) -> Any:
    if not isinstance(row, list):
        return row
    columns = names or [str(place) for place in range(len(row))]
    return [
        _value(value, types.get(name)) if name in redact else value for name, value in zip(columns, row, strict=False)
    ]


def _value(value: Any, kind: str | None) -> Any:
    if isinstance(value, list):
        return [_value(one, kind) for one in value]
    if isinstance(value, dict):
        return {key: _value(one, None) for key, one in value.items()}
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return _TYPED.get(kind or "string", "text")
    # Whether a value is missing tells as much about a person as a value may.
    return 0 if value is not None or (kind or "string") not in _TYPED else _TYPED[kind or "string"]
