"""The datatypes of the Open Inference Protocol, beside numpy's and MLflow's."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from .schema import Column

DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES = {dtype: word for word, dtype in DTYPES.items()}
COLUMN_WORDS = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
}
BYTES = "BYTES"
LENGTH = struct.Struct("<I")
_OBJECT = np.dtype(object)
# What JSON's values must be for each datatype.
AS_COLUMNS = {word: Column("", "long", dtype) for word, dtype in DTYPES.items()} | {
    "BOOL": Column("", "boolean", DTYPES["BOOL"]),
    "FP32": Column("", "double", DTYPES["FP32"]),
    "FP64": Column("", "double", DTYPES["FP64"]),
    "BYTES": Column("", "string", _OBJECT),
}

OUTPUT = "output-1"
"""The name of an answer that has none: MLServer's."""

INPUT = "input-1"
"""The name of a tensor that has none."""


def word_of(said: str) -> str:
    """Return the datatype of what numpy calls so."""
    try:
        return word_for(np.dtype(said))
    except TypeError:
        return BYTES


def word_for(dtype: np.dtype[Any]) -> str:
    """Return the datatype of an array's type."""
    return DATATYPES.get(dtype, BYTES)
