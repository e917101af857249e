"""Parquet files of an endpoint that are written one after the other, and removed while others read them."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...errors import ConfigurationError

ID, ROW, AT, VERSION, LABEL = "request_id", "row", "at", "version", "label"
KEYS = (ID, ROW, AT, VERSION)
# What lies in the folder `watch`.
ANSWERS, LABELS = "answers", "labels"
_SUFFIX = ".parquet"
_TOGETHER = 65_536


class Within(NamedTuple):
    """Rows whose value of a column is between two, both included: others need not be read."""

    column: str
    low: Any
    high: Any


def files(folder: Path) -> list[Path]:
    """Return the parts of a folder in the order of time, which is that of their names."""
    try:
        return sorted(one for one in folder.iterdir() if one.suffix == _SUFFIX and not one.name.startswith("."))
    except FileNotFoundError:
        return []


def began(file: Path) -> float:
    """Return when a part begins, in seconds of the epoch; 0 for a name that does not say."""
    digits = file.name.partition("-")[0]
    return int(digits) / 1000 if digits.isdigit() else 0.0


def tables(
    paths: Sequence[Path], columns: Collection[str] | None = None, within: Within | None = None
) -> Iterator[pa.Table]:
    """Yield what parts hold, put together to some 65,000 rows; what is gone or damaged is passed over.

    Parameters
    ----------
    paths
        The parts.
    columns
        The columns to read, those that are there; ``None`` for all.
    within
        The rows that are wanted; of the others those are left out that Parquet can tell by what it says of itself.
    """
    waiting: list[pa.Table] = []
    count = 0
    for path in paths:
        for table in _read(path, columns, within):
            if waiting and table.schema != waiting[0].schema:
                yield pa.concat_tables(waiting)
                waiting, count = [], 0
            waiting.append(table)
            count += table.num_rows
            if count >= _TOGETHER:
                yield pa.concat_tables(waiting)
                waiting, count = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _read(path: Path, columns: Collection[str] | None, within: Within | None) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            names = [name for name in file.schema_arrow.names if columns is None or name in columns]
            groups = list(range(file.num_row_groups)) if within is None else _groups(file.metadata, within)
            for batch in file.iter_batches(_TOGETHER, row_groups=groups, columns=names) if groups else ():
                yield pa.table(batch).replace_schema_metadata(None)
    except (OSError, pa.ArrowInvalid):
        # Removed since it was listed, or not whole: whoever wrote it was killed, or the disk was full.
        return


def _groups(told: Any, within: Within) -> list[int]:
    """Return the row groups that may have such values."""
    at = next((at for at in range(told.num_columns) if told.schema.column(at).path == within.column), None)
    if at is None:
        return []
    ends = [told.row_group(group).column(at).statistics for group in range(told.num_row_groups)]
    return [
        group
        for group, one in enumerate(ends)
        if one is None or not one.has_min_max or (one.min <= within.high and one.max >= within.low)
    ]


def rows(path: Path) -> int:
    """Return how many rows a part has; 0 of one that is gone or damaged."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, pa.ArrowInvalid):
        return 0


def write(folder: Path, table: pa.Table, *, start_ms: int | None = None) -> Path:
    """Write a part that comes after all that are there, whole or not at all.

    Parameters
    ----------
    folder
        Made where it is missing, for its owner only.
    table
        What it holds.
    start_ms
        The instant in its name, if it is to stand elsewhere.

    Raises
    ------
    ConfigurationError
        When it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if start_ms is None:
            # A clock may be set back; what comes later stands later all the same.
            last = files(folder)
            start_ms = max(int(time.time() * 1000), round(began(last[-1]) * 1000) + 1 if last else 0)
        path = folder / f"{start_ms:013d}-{os.getpid()}{_SUFFIX}"
        draft = folder / f".{path.name}"
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:  # noqa: PTH123
                pq.write_table(table, out, compression="zstd", row_group_size=_TOGETHER)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder}: {error.strerror or error}", "mlops doctor") from error
    return path


def hashes(table: pa.Table) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each row's request id and number within the request."""
    ids = table[ID].combine_chunks().cast(pa.string()).to_numpy(zero_copy_only=False)
    hashed = np.asarray(pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False), dtype=np.uint64)
    numbers = numbers_of(table).astype(np.uint64)
    return hashed ^ np.asarray(pd.util.hash_array(numbers), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def numbers_of(table: pa.Table) -> NDArray[np.int32]:
    """Return each row's number within its request; one that is not said is the first, 0."""
    return np.asarray(pc.fill_null(table[ROW], 0).to_numpy(), dtype=np.int32)


def values(column: Any) -> NDArray[Any]:
    """Return a column as numbers, NaN where one is missing, or as an object array of text and None."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return values(column.cast(kind.value_type))
    if pa.types.is_boolean(kind):
        return np.asarray(column.cast(pa.int8()).cast(pa.float64()).to_numpy())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64()).to_numpy())
    return np.asarray(column.cast(pa.string()).to_numpy(zero_copy_only=False), dtype=object)
