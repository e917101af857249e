"""Rows of what an endpoint was asked that have values unlike those of the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..drift import Baseline
from . import parts
from .logged import said

# What the column is called that names a row's anomalies.
COLUMN = "anomalies"


class Anomalies(NamedTuple):
    """What is unlike the baseline.

    Attributes
    ----------
    bounds
        Of numbers, between what the usual ones lie.
    names
        Of categories of which the baseline knows all, these.
    """

    bounds: Mapping[str, tuple[float, float]]
    names: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, baseline: Baseline) -> Anomalies:
        """Return what is unlike a baseline."""
        known = baseline.features
        low, high = baseline.bounds()
        ends = zip(known.names, low.tolist(), high.tolist(), strict=True)
        bounds = {name: (least, most) for name, least, most in ends if known.columns[name].kind == "number"}
        names = {
            name: frozenset(column.words.counts)
            for name, column in known.columns.items()
            if column.kind == "category" and column.words.counts and not column.words.tail
        }
        return cls(bounds, names)

    def words(self) -> str:
        """Return which rows these are."""
        return "a value is unlike the baseline"

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Tell which rows have such a value."""
        found = np.zeros(table.num_rows, dtype=np.bool_)
        for _, one in self._masks(table):
            found |= one
        return found

    def features(self, table: pa.Table) -> list[str]:
        """Return of each row the features whose values are such."""
        found: list[list[str]] = [[] for _ in range(table.num_rows)]
        for name, mask in self._masks(table):
            for row in np.flatnonzero(mask).tolist():
                found[row].append(name)
        return [", ".join(names) for names in found]

    def _masks(self, table: pa.Table) -> Iterator[tuple[str, NDArray[np.bool_]]]:
        """Yield each feature that is logged, and which of its values are such; one that is missing is none."""
        for name in table.column_names:
            if name in self.bounds:
                values = parts.values(table[name])
                if values.dtype != object:
                    low, high = self.bounds[name]
                    yield name, (values < low) | (values > high)
            elif name in self.names:
                yield name, ~np.isin(_names(table[name]), [*self.names[name], ""])


def _names(column: Any) -> NDArray[Any]:
    """Return the categories of a column, nothing for one that is missing."""
    values = parts.values(column)
    missing = np.asarray([one is None for one in values]) if values.dtype == object else np.isnan(values)
    truths = pa.types.is_boolean(column.type)
    return np.where(missing, "", said(values.astype(bool) if truths else values, categories=True))
