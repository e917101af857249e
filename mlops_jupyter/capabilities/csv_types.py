"""Types of CSV's columns, of which the beginning of a file says less than all of it."""

from __future__ import annotations

import pyarrow as pa


def later(kind: pa.DataType) -> pa.DataType:
    """Return the type that takes what may come after a beginning: other numbers after whole ones, all after nothing."""
    if pa.types.is_integer(kind):
        return pa.float64()
    return pa.string() if pa.types.is_null(kind) else kind
