"""Points as the live chart sends them: columns of numbers, 18 bytes a point.

The other half is ``labextension/src/live_chart/wire.ts``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Points: TypeAlias = npt.NDArray[Any]
Places: TypeAlias = npt.NDArray[np.intp]

# A slot of the journal: struct "<qqdHB4xB".
SLOT = np.dtype(
    {
        "names": ["step", "time_ms", "value", "key"],
        "formats": ["<i8", "<i8", "<f8", "<u2"],
        "offsets": [0, 8, 16, 24],
        "itemsize": 32,
    }
)
# A point of the chart: seconds count from the first point of its run, so that runs can be laid over one another.
POINT = np.dtype([("series", "<u2"), ("seconds", "<f4"), ("step", "<i8"), ("value", "<f8")])


def packed(points: Points) -> tuple[int | None, bytes]:
    """Return what the steps count from and the columns; steps too far apart for that are whole, and 22 bytes a point.

    Parameters
    ----------
    points
        An array of `POINT`.
    """
    steps = points["step"]
    low, high = (int(steps.min()), int(steps.max())) if len(points) else (0, 0)
    narrow = high - low < 2**31
    counted = (steps - low).astype("<i4") if narrow else steps.astype("<f8")
    columns = (points["value"], counted, points["seconds"], points["series"])
    return low if narrow else None, b"".join([column.tobytes() for column in columns])


def thinned(points: Points, at_most: int) -> Points:
    """Return the points with at most so many of each series left, in order: ends, extremes and gaps stay.

    Parameters
    ----------
    points
        An array of `POINT`.
    at_most
        How many of a series may be left; one that has no more keeps them all.
    """
    if len(points) <= at_most:
        return points
    kept = []
    for series in np.unique(points["series"]):
        places = np.flatnonzero(points["series"] == series)
        kept.append(places if len(places) <= at_most else places[_telling(points["value"][places], at_most)])
    return points[np.sort(np.concatenate(kept))]


def _telling(values: npt.NDArray[np.float64], at_most: int) -> Places:
    """Return the places of the ends and, of each stretch, of the lowest, the highest and the first missing value."""
    finite = np.isfinite(values)
    stretches = max(1, (at_most - 2) // (2 if finite.all() else 3))
    size = -(-len(values) // stretches)
    # The last stretch is filled up with the last value.
    table = np.minimum(np.arange(-(-len(values) // size) * size), len(values) - 1).reshape(-1, size)
    whole = finite[table]
    found = [np.array([0, len(values) - 1])]
    some, gaps = np.asarray(whole.any(axis=1)), np.asarray(~whole.all(axis=1))
    found.append(_picked(table, np.where(whole, values[table], np.inf).argmin(axis=1), some))
    found.append(_picked(table, np.where(whole, values[table], -np.inf).argmax(axis=1), some))
    found.append(_picked(table, whole.argmin(axis=1), gaps))
    return np.unique(np.concatenate(found))


def _picked(table: Places, columns: Places, rows: npt.NDArray[np.bool_]) -> Places:
    return table[np.flatnonzero(rows), columns[rows]]


def joined(parts: Iterable[Points]) -> Points:
    """Return several arrays of `POINT` as one."""
    found = [part for part in parts if len(part)]
    return found[0] if len(found) == 1 else np.concatenate(found) if found else np.empty(0, POINT)
