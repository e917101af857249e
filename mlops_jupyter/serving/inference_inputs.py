"""The inputs of an inference request as arrays: of the JSON or of the raw bytes after it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlops_jupyter.capabilities.endpoints import Limits

from .arrays import Unfit, any_tensor, cast, check_count, check_width
from .datatypes import AS_COLUMNS, BYTES, DTYPES, LENGTH
from .failures import Failure, malformed, named, unfit
from .rows import Array
from .values import typed

_MOST_DIMENSIONS = 32


@dataclass(slots=True)
class Input:
    """One input: what the request says of it, and its values."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    content_type: str | None
    values: Array
    """Of that shape; texts and bytes are objects."""


def read_inputs(said: list[Any], raw: memoryview, limits: Limits) -> list[Input]:
    """Return all inputs, of which those with a size are in the raw bytes, one after the other."""
    inputs, at = [], 0
    for position, one in enumerate(said):
        made, at = _input(one, position, raw, at, limits)
        inputs.append(made)
    if at != len(raw):
        raise malformed("the body goes on after its last binary tensor")
    return inputs


def parameters_of(said: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    """Return the parameters of a part of a request."""
    found = said.get("parameters")
    if found is None:
        return {}
    if type(found) is not dict:
        raise malformed(f"'parameters' of {what} must be an object")
    return found


def _input(one: Any, position: int, raw: memoryview, at: int, limits: Limits) -> tuple[Input, int]:
    if type(one) is not dict or type(one.get("name")) is not str:
        raise malformed(f"input {position} must be an object with 'name', 'shape', 'datatype' and 'data'")
    what = f"input {named([one['name']])}"
    shape, datatype = one.get("shape"), one.get("datatype")
    if type(shape) is not list or not all(type(length) is int and length >= 0 for length in shape):
        raise malformed(f"{what}: 'shape' must be a list of lengths")
    if not 0 < len(shape) <= _MOST_DIMENSIONS:
        raise malformed(f"{what}: 'shape' must have 1 to {_MOST_DIMENSIONS} lengths")
    if type(datatype) is not str or (datatype not in DTYPES and datatype != BYTES):
        raise malformed(f"{what}: 'datatype' must be one of {', '.join([*DTYPES, BYTES])}")
    check_count(shape[0], limits)
    if len(shape) == 2:  # noqa: PLR2004 - a table; more dimensions are bounded by the body's size
        check_width(shape[1], limits)
    said = parameters_of(one, what)
    size = said.get("binary_data_size")
    if size is None:
        values = _of_json(one.get("data"), datatype, shape, what)
    else:
        if type(size) is not int or not 0 <= size <= len(raw) - at or "data" in one:
            raise malformed(f"{what}: 'binary_data_size' must be the number of its bytes after the JSON")
        values = _of_bytes(raw[at : at + size], datatype, shape, what)
        at += size
    content_type = said.get("content_type")
    text = content_type if type(content_type) is str else None
    return Input(one["name"], tuple(shape), datatype, text, values.reshape(shape)), at


def _of_json(data: Any, datatype: str, shape: Sequence[int], what: str) -> Array:
    """Return the values of JSON, nested or flat, as a flat array."""
    if type(data) is not list:
        raise malformed(f"{what}: 'data' must be a list")
    if datatype == "FP16":
        raise malformed(f"{what}: FP16 can only be sent as binary data")
    flat = _flat(data)
    count = math.prod(shape)
    if len(flat) != count:
        raise malformed(f"{what}: 'shape' says {count} values, and 'data' has {len(flat)}")
    try:
        return _values(flat, datatype)
    except (Failure, Unfit):
        width = count // shape[0]
        for row in range(shape[0]):
            part = flat[row * width : (row + 1) * width]
            try:
                _values(part, datatype)
            except (Failure, Unfit):
                raise unfit(f"{what}: its data must be {datatype}", value=part, row=row) from None
        raise unfit(f"{what}: its data must be {datatype}") from None


def _values(flat: list[Any], datatype: str) -> Array:
    if datatype == "UINT64":
        return cast(any_tensor(flat), DTYPES[datatype])
    return typed(flat, AS_COLUMNS[datatype])


def _flat(data: list[Any]) -> list[Any]:
    """Take nested lists apart, however uneven, level by level."""
    while any(type(value) is list for value in data):
        data = [one for value in data for one in (value if type(value) is list else (value,))]
    return data


def _of_bytes(raw: memoryview, datatype: str, shape: Sequence[int], what: str) -> Array:
    """Return the values of a binary tensor as a flat array."""
    count = math.prod(shape)
    if datatype == BYTES:
        return _of_lengths(raw, count, what)
    dtype = DTYPES[datatype]
    if len(raw) != count * dtype.itemsize:
        raise malformed(f"{what}: 'shape' says {count * dtype.itemsize} bytes, and 'binary_data_size' {len(raw)}")
    if datatype == "BOOL":
        found = np.frombuffer(raw, dtype=np.uint8)
        if found.size and found.max() > 1:
            raise malformed(f"{what}: each byte of a BOOL must be 0 or 1")
        return found.astype(np.bool_)
    return np.frombuffer(raw, dtype=dtype).copy()  # aligned, and the model's to write to


def _of_lengths(raw: memoryview, count: int, what: str) -> Array:
    if len(raw) < count * LENGTH.size:
        raise malformed(f"{what}: its binary data is too short for {count} values")
    values, at = [], 0
    for _ in range(count):
        if at + LENGTH.size > len(raw):
            raise malformed(f"{what}: its binary data ends within a value")
        (size,) = LENGTH.unpack_from(raw, at)
        at += LENGTH.size
        if at + size > len(raw):
            raise malformed(f"{what}: its binary data ends within a value")
        values.append(bytes(raw[at : at + size]))
        at += size
    if at != len(raw):
        raise malformed(f"{what}: its binary data goes on after its last value")
    return np.fromiter(values, dtype=object, count=count)


def texts_of(one: Input) -> Array:
    """Return BYTES as texts, and other types as they are."""
    if one.datatype != BYTES:
        return one.values
    made = []
    for at, value in enumerate(one.values.reshape(-1)):
        try:
            made.append(value.decode("utf-8") if type(value) is bytes else value)
        except UnicodeDecodeError:
            row = at // max(1, one.values.size // one.shape[0])
            raise unfit(f"input {named([one.name])}: must be UTF-8 text", value=value, row=row) from None
    return np.fromiter(made, dtype=object, count=len(made)).reshape(one.shape)
