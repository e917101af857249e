"""A model's answer as the outputs of an inference response: in JSON, or as raw bytes after it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from .datatypes import BYTES, DATATYPES, DTYPES, LENGTH, OUTPUT
from .failures import INTERNAL, Failure
from .rows import Array
from .scoring import plain_value, written


def outputs_of(predictions: Any) -> dict[str, Array]:
    """Return a model's answer as arrays by name: those of a table or an object, else one."""
    pandas = sys.modules.get("pandas")  # who answers with a table has loaded it
    if pandas is not None and isinstance(predictions, pandas.DataFrame):
        return {str(name): predictions.iloc[:, at].to_numpy() for at, name in enumerate(predictions.columns)}
    if pandas is not None and isinstance(predictions, pandas.Series):
        return {OUTPUT: predictions.to_numpy()}
    if isinstance(predictions, Mapping):
        return {str(name): _array(values) for name, values in predictions.items()}
    return {OUTPUT: _array(predictions)}


def _array(values: Any) -> Array:
    if isinstance(values, np.ndarray):
        return values if values.ndim else values.reshape(1)
    if not isinstance(values, list | tuple):
        values = [values]
    try:
        return np.array(values)
    except (ValueError, OverflowError):
        return np.fromiter(values, dtype=object, count=len(values))


def written_output(name: str, values: Array, raw: list[bytes], *, is_binary: bool) -> dict[str, Any]:
    """Return what the JSON says of an output; binary data is put at the end of ``raw``."""
    word = DATATYPES.get(values.dtype.newbyteorder("=")) if values.dtype.kind in "fiub" else BYTES
    if word is None:
        values, word = values.astype(np.float64), "FP64"  # of numpy's wider floats
    made: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": word}
    if word == BYTES:
        texts = [_text(value) for value in values.reshape(-1).tolist()]
        if not is_binary:
            made["data"] = [text if isinstance(text, str) else text.decode("utf-8", "replace") for text in texts]
            return made
        parts = [wire(text) for text in texts]
        data = b"".join(one for part in parts for one in (LENGTH.pack(len(part)), part))
    elif is_binary:
        data = np.ascontiguousarray(values, dtype=DTYPES[word]).tobytes()
    else:
        if word == "FP16":
            made["datatype"] = "FP32"  # FP16 has no form in JSON
        made["data"] = values.reshape(-1).tolist()
        return made
    made["parameters"] = {"binary_data_size": len(data)}
    raw.append(data)
    return made


def wire(text: str | bytes | None) -> bytes:
    """Return a text as the bytes that are sent."""
    return text if isinstance(text, bytes) else (text or "").encode("utf-8", "surrogatepass")


def _text(value: Any) -> str | bytes:
    """Return a value of an output that is no number as text; what has a structure as JSON."""
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, dict | list | tuple | bool | int | float) or value is None:
        return written(value).decode()
    try:
        return str(plain_value(value))
    except TypeError:
        raise Failure(500, INTERNAL, "the model's answer holds what this protocol has no type for") from None
