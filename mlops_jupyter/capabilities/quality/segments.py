"""Some of the rows, by a column's value: ``plan=premium``, ``age>=30``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ...errors import NotFound
from .. import conditions
from ..conditions import Condition
from .parts import KEYS

_MOST = 12
_QUARTILES = (0.25, 0.5, 0.75)


class Segment(Condition):
    """A condition on logged rows."""

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Tell of each row whether it belongs to the segment; one whose value is missing does not.

        Raises
        ------
        NotFound
            When the rows have no such column.
        CommandError
            When the value is none for the column.
        """
        return np.asarray(self.holds(column_of(table, self.column)), dtype=np.bool_)


def parsed(text: str) -> Segment:
    """Return the segment that a text names.

    Raises
    ------
    CommandError
        When it names none.
    """
    return Segment(*conditions.parsed(text))


def column_of(table: pa.Table, name: str) -> Any:
    """Return a column of logged rows.

    Raises
    ------
    NotFound
        When there is none of the name.
    """
    if name in table.column_names and name not in KEYS:
        return table[name]
    there = ", ".join(one for one in table.column_names if one not in KEYS)
    raise NotFound(f"the logged rows have no column {name}; they have {there}", "a redacted column is not logged")


class Division:
    """How a column's values fall into segments: few values each their own, many numbers their quarters.

    Parameters
    ----------
    column
        Its name.
    seen
        Values that decide: numbers with NaN, or text with None, where one is missing; shape (n,).
    """

    def __init__(self, column: str, seen: NDArray[Any]) -> None:
        self._column = column
        self._cuts: NDArray[np.float64] | None = None
        self._texts = seen.dtype == object
        there = seen[~pd.isna(seen)]
        if self._texts:
            names, counts = np.unique(there.astype(str), return_counts=True)
            self._values: NDArray[Any] = np.sort(names[np.argsort(-counts, kind="stable")[:_MOST]])
            return
        self._values = np.unique(there)
        if len(self._values) > _MOST:
            self._cuts = np.unique(np.quantile(there, _QUARTILES))

    def names(self, values: NDArray[Any]) -> NDArray[np.object_]:
        """Return of each value the name of its segment; ``None`` where it is missing, or a rarer one of many texts."""
        found = np.full(len(values), None, dtype=object)
        there = np.flatnonzero(~pd.isna(values))
        if self._texts != (values.dtype == object) or not len(self._values):
            return found
        given = values[there].astype(str) if self._texts else values[there]
        if self._cuts is not None:
            found[there] = self._quarters(self._cuts)[np.searchsorted(self._cuts, given, side="left")]
            return found
        places = np.minimum(np.searchsorted(self._values, given), len(self._values) - 1)
        known = self._values[places] == given
        found[there[known]] = self._each()[places[known]]
        return found

    def listed(self) -> list[str]:
        """Return the names of all segments in the order of their values."""
        found = self._each() if self._cuts is None else self._quarters(self._cuts)
        return [str(one) for one in found.tolist()]

    def _each(self) -> NDArray[np.object_]:
        named = [f"{self._column}={one if self._texts else f'{one:g}'}" for one in self._values.tolist()]
        return np.asarray(named, dtype=object)

    def _quarters(self, cuts: NDArray[np.float64]) -> NDArray[np.object_]:
        ends = [f"{one:g}" for one in cuts.tolist()]
        between = [f"{low}<{self._column}<={high}" for low, high in pairwise(ends)]
        return np.asarray([f"{self._column}<={ends[0]}", *between, f"{self._column}>{ends[-1]}"], dtype=object)
