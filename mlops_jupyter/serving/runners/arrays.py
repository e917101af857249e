"""Models that take an array as well as MLflow's DataFrame, given it where the answer is proved to be the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rows import Array, Rows
from ..schema import Schema
from .frames import given

# So many rows at once, and so far apart, are tried before an array takes the place of a DataFrame.
_COUNTS = (1, 1, 2, 3, 8, 33, 300)
_SPREADS = (1.0, 100.0)
_TABLE = 2


class ArrayRunner:
    """A model of a table of numbers.

    Parameters
    ----------
    own
        MLflow's way: what the model answers to a DataFrame, or to an array without names.
    short
        What it answers to an array.
    width
        The number of columns that it was trained on.
    schema
        What its signature says.
    table
        What is to be done with a DataFrame before the model is given it.
    """

    def __init__(
        self,
        own: Callable[[Any], Any],
        short: Callable[[Array], Any],
        width: int,
        schema: Schema,
        table: Callable[[Any], Any] | None = None,
    ) -> None:
        self._own = own
        self._table = table
        self._schema = schema
        self._width = width
        self._short: Callable[[Array], Any] | None = None
        self._names: tuple[str, ...] = ()
        self._dtype: np.dtype[Any] = np.dtype(np.float64)
        sample = self.sample(schema)
        if table is None and sample is not None and sample.matrix is not None:
            self._names, self._dtype = sample.names, sample.matrix.dtype
            if _proven(own, short, sample):
                self._short = short

    @property
    def is_short(self) -> bool:
        """Whether arrays take the place of DataFrames."""
        return self._short is not None

    def predict(self, rows: Rows) -> Any:
        """Return what the model answers."""
        matrix = rows.matrix
        if (
            self._short is not None
            and matrix is not None
            and matrix.ndim == _TABLE
            and matrix.shape[1] == self._width
            and matrix.dtype == self._dtype
            and rows.names == self._names
        ):
            return self._short(matrix)
        told = given(rows)
        return self._own(told if self._table is None else self._table(told))

    def sample(self, schema: Schema) -> Rows | None:
        """Return a row of the right width, for a model that was stored without an example."""
        if schema.tensors:
            (tensor, *more) = schema.tensors
            if more or schema.named or tensor.shape not in {(-1, self._width), (-1, -1)}:
                return None
            return Rows(1, (), np.zeros((1, self._width), tensor.dtype))
        if not schema.is_free and (schema.matrix is None or len(schema.columns) != self._width):
            return None
        dtype = schema.matrix if schema.matrix is not None else np.dtype(np.float64)
        return Rows(1, schema.names, np.zeros((1, self._width), dtype))

    def close(self) -> None:
        """Let go of the model's short cut; the model goes with this object."""
        self._short = None


def _proven(own: Callable[[Any], Any], short: Callable[[Array], Any], sample: Rows) -> bool:
    """Tell whether an array gets the answer that a DataFrame gets, to the last digit, also where values are missing."""
    if sample.matrix is None or sample.matrix.dtype.kind not in "fiu":
        return False
    random = np.random.default_rng(0)
    dtype = sample.matrix.dtype
    shares = (0.0, 0.3) if dtype.kind == "f" else (0.0,)
    for count in _COUNTS:
        for spread in _SPREADS:
            for share in shares:
                values = spread * random.standard_normal((count, sample.matrix.shape[1]))
                values[random.random(values.shape) < share] = np.nan
                matrix = (np.abs(values) if dtype.kind == "u" else values).astype(dtype)
                if not _same(own, short, Rows(count, sample.names, matrix)):
                    return False
    return True


def _same(own: Callable[[Any], Any], short: Callable[[Array], Any], rows: Rows) -> bool:
    assert rows.matrix is not None  # noqa: S101 -- the caller has made it
    try:
        one, other = own(given(rows)), short(rows.matrix)
    except Exception:  # noqa: BLE001 -- a model may refuse made-up rows in any way; it is left to MLflow's way then
        return False
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray) or one.dtype != other.dtype:
        return False
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
