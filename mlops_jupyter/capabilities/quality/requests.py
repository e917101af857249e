"""Of labels that do not say their row: which requests had several rows, so that it cannot be told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import parts
from .labels import Index
from .parts import ID, ROW, Within


def of_labels(ids: Any) -> tuple[NDArray[np.intp], Index]:
    """Return of each label, by its request's id, the place of that in a second index, of requests."""
    codes, names = pd.factorize(ids.to_numpy(zero_copy_only=False))
    table = named(pa.array(names, pa.string()))
    none = np.zeros(len(names), dtype=np.int64)
    places = pd.Index(parts.hashes(table))
    return codes, Index(
        table[ID].combine_chunks(), none.astype(np.int32), none.astype(np.float64), 0, places, none, none > 0
    )


def named(ids: Any) -> pa.Table:
    """Return requests as an index of them finds them: each by its first row."""
    return pa.table({ID: ids, ROW: np.zeros(len(ids), dtype=np.int32)})


def mark(found: NDArray[np.bool_], index: Index, table: pa.Table) -> None:
    """Mark in place what of an index is in a table."""
    places = index.find(table)
    found[places[places >= 0]] = True


def doubtful(files: Sequence[Path], index: Index) -> NDArray[np.bool_]:
    """Tell which labels say no row although their request had several.

    They were given before that was known, else they would have been refused.

    Parameters
    ----------
    files
        The answers.
    index
        The labels.

    Returns
    -------
    numpy.ndarray
        Of shape (labels,).
    """
    found = np.zeros(len(index.rows), dtype=np.bool_)
    silent = np.flatnonzero(index.silent)
    if not len(silent):
        return found
    codes, requests = of_labels(index.ids.take(pa.array(silent)))
    several = np.zeros(len(requests.rows), dtype=np.bool_)
    for table in parts.tables(files, (ID, ROW), Within(ROW, 1, 1)):
        # A request of several rows has one that is the second.
        mark(several, requests, named(table[ID].filter(pc.equal(table[ROW], 1))))
    found[silent] = several[codes]
    return found
