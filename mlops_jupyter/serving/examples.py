"""Requests that fit a model's signature, and a sentence on what it takes, for people to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from .datatypes import COLUMN_WORDS, DATATYPES, INPUT
from .rows import Array
from .schema import Schema, Tensor

_EXAMPLES: Mapping[str, Any] = {
    "boolean": True,
    "integer": 3,
    "long": 42,
    "float": 0.5,
    "double": 1.5,
    "string": "text",
    "binary": "AAEC",
    "datetime": "2026-11-26T12:00:00",
    "array": [],
    "map": {},
    "any": None,
}


def about(schema: Schema) -> str:
    """Return in a sentence what the model takes."""
    if schema.columns:
        said = ", ".join(f"{one.name} ({one.type}{'' if one.required else ', optional'})" for one in schema.columns)
        return f"Takes a table with the columns {said}."
    if schema.tensors:
        said = ", ".join(f"{one.name or 'one'} ({one.dtype.name}, {list(one.shape)})" for one in schema.tensors)
        return f"Takes tensors: {said}."
    return "The model has no signature: it takes any table or tensor."


def example_request(schema: Schema, example: str | None) -> Any:
    """Return a scoring request that fits: the stored one where it can be read."""
    if example is not None:
        try:
            return orjson.loads(example)
        except orjson.JSONDecodeError:
            pass  # it had been stored in a form of its own; one is made up
    if schema.tensors:
        made = {one.name or "": _ones(one).tolist() for one in schema.tensors}
        return {"inputs": made if schema.named else made[""]}
    names = schema.name_list if schema.named else None
    row = [_example(one.type, one.spec) for one in schema.columns] or [1.5]
    return {"dataframe_split": {**({"columns": names} if names else {}), "data": [row]}}


def _example(word: str, spec: Mapping[str, Any]) -> Any:
    if word == "object":
        return {key: _example(one["type"], one) for key, one in spec["properties"].items()}
    if word == "array":
        return [_example(spec["items"]["type"], spec["items"])]
    return _EXAMPLES[word]


def _ones(tensor: Tensor) -> Array:
    """Return the smallest tensor that fits, of ones or of texts."""
    shape = [max(length, 1) for length in tensor.shape]
    return np.ones(shape, tensor.dtype) if tensor.dtype.kind in "fiub" else np.full(shape, "text")


def example_inference(schema: Schema) -> dict[str, Any]:
    """Return an inference request that fits."""
    made: list[dict[str, Any]] = []
    for tensor in schema.tensors:
        ones = _ones(tensor)
        # FP16 has no form in JSON; a wider float will do for a narrow one.
        word = DATATYPES.get(tensor.dtype, "BYTES").replace("FP16", "FP32")
        said = {"name": tensor.name or INPUT, "shape": list(ones.shape), "datatype": word}
        made.append({**said, "data": ones.reshape(-1).tolist()})
    for column in schema.columns if schema.named else ():
        value = _example(column.type, column.spec)
        text = value if column.type in {"string", "datetime", "binary"} else json.dumps(value)
        word = COLUMN_WORDS.get(column.type, "BYTES")
        made.append({"name": column.name, "shape": [1], "datatype": word, "data": [text if word == "BYTES" else value]})
        if column.type == "binary":
            made[-1]["parameters"] = {"content_type": "base64"}
    width = len(schema.columns) or 1
    free = {"name": INPUT, "shape": [1, width], "datatype": "FP64", "data": [1.5] * width}
    return {"inputs": made or [free]}
