"""The labels that an endpoint's user has given, as Parquet files; the last one of a row counts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from . import parts
from .parts import AT, ID, LABEL, ROW

# Of so many labels the index is in memory at a time; of more there are several passes over the answers.
AT_ONCE = 500_000
# What is kept of labels at the most; the oldest go first.
_MOST_BYTES = 512 * 1024 * 1024
_COUNTS = ".counts.json"
_FILE_ROWS = 1_000_000
# So many small files are put together.
_SMALL_ROWS, _MANY = 20_000, 64


class Index(NamedTuple):
    """Some labels, found by request id and row.

    Attributes
    ----------
    ids, rows
        Whose each label is; shape (n,).
    labels
        The labels as truth values, numbers or text, or as objects of several of these kinds; shape (n,).
    repeated
        How many more there were, of rows that have a later one.
    places
        Finds a hash's place.
    unsaid
        How many labels of each row did not say the row, and so are taken for the first's; shape (n,).
    silent
        Whether the one that counts did not; shape (n,).
    """

    ids: Any
    rows: NDArray[np.int32]
    labels: NDArray[Any]
    repeated: int
    places: pd.Index
    unsaid: NDArray[np.int64]
    silent: NDArray[np.bool_]

    def find(self, answers: pa.Table) -> NDArray[np.int64]:
        """Return of each answered row the place of its label, -1 for none."""
        found = np.asarray(self.places.get_indexer(parts.hashes(answers)), dtype=np.int64)
        hits = np.flatnonzero(found >= 0)
        if len(hits):
            # Two ids may have one hash.
            there = found[hits]
            ids = answers[ID].combine_chunks().cast(pa.string()).take(pa.array(hits))
            same = self.ids.take(pa.array(there)).to_numpy(zero_copy_only=False) == ids.to_numpy(zero_copy_only=False)
            same &= self.rows[there] == parts.numbers_of(answers)[hits]
            found[hits[~same]] = -1
        return found


class Labels:
    """The labels of one endpoint.

    Parameters
    ----------
    folder
        Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, batches: Iterable[pa.Table]) -> list[Path]:
        """Keep labels, and return the files that hold them; of what cannot be read to its end nothing is kept.

        Raises
        ------
        ConfigurationError
            When they cannot be written.
        """
        written: list[Path] = []
        waiting: list[pa.Table] = []
        try:
            for batch in batches:
                if waiting and batch.schema != waiting[0].schema:
                    written.append(self._write(waiting))
                    waiting = []
                waiting.append(batch)
                if sum(one.num_rows for one in waiting) >= _FILE_ROWS:
                    written.append(self._write(waiting))
                    waiting = []
            if any(one.num_rows for one in waiting):
                written.append(self._write(waiting))
        except BaseException:
            for file in written:
                file.unlink(missing_ok=True)
            raise
        self._bound()
        return written

    def indexes(self, files: Sequence[Path] | None = None) -> Iterator[Index]:
        """Yield the labels of some files, or of all, a part of them at a time."""
        if files is None:
            files = parts.files(self.folder)
        total = sum(map(parts.rows, files))
        passes = max(1, -(-total // AT_ONCE))
        for number in range(passes):
            yield _index(files, number, passes)

    def before(self, written: Sequence[Path]) -> list[Path]:
        """Return the files that are older than some."""
        first = min(written, default=None)
        return [] if first is None else [file for file in parts.files(self.folder) if file < first]

    def count(self, **results: int) -> None:
        """Count what became of labels, by result; counts only grow, whatever is removed later."""
        with self._counts_file() as file:
            counts = _counts(file.read())
            for result, more in results.items():
                counts[result] = counts.get(result, 0) + more
            file.seek(0)
            file.truncate()
            file.write(json.dumps(counts).encode())

    def counted(self) -> dict[str, int]:
        """Return what has been counted."""
        with self._counts_file() as file:
            return _counts(file.read())

    @contextlib.contextmanager
    def _counts_file(self) -> Iterator[Any]:
        handle = os.open(self.folder / _COUNTS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(handle, "r+b") as file:  # noqa: PTH123 -- a file that is open already
            # Whoever is given labels counts: a worker, a terminal, a notebook.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def compact(self) -> None:
        """Put many small files together into one; whoever reads meanwhile finds each label once or twice."""
        small = [file for file in parts.files(self.folder) if parts.rows(file) < _SMALL_ROWS]
        # Only neighbours: the order of files is the order in which labels were given.
        runs: list[list[Path]] = [[]]
        for file in parts.files(self.folder):
            if file in small:
                runs[-1].append(file)
            elif runs[-1]:
                runs.append([])
        for run in runs:
            # The last ones may still be asked about by whoever has written them.
            run = run[:-_MANY]  # noqa: PLW2901
            if len(run) < _MANY:
                continue
            for table, group in _by_schema(run):
                if len(group) > 1:
                    # The newest name: an earlier label must not come after a later one.
                    with contextlib.suppress(FileNotFoundError):
                        made = parts.write(self.folder, table, start_ms=round(parts.began(group[-1]) * 1000))
                        for file in group:
                            if file != made:
                                file.unlink(missing_ok=True)

    def _write(self, batches: list[pa.Table]) -> Path:
        table = pa.concat_tables(batches)
        # By id, so that Parquet can say where an id may be; labels of one row stay in the order of giving.
        table = table.take(pc.sort_indices(table, [(ID, "ascending")]))
        now = pa.array([datetime.now(UTC)] * table.num_rows, pa.timestamp("us", tz="UTC"))
        return parts.write(self.folder, table.append_column(AT, now))

    def _bound(self) -> None:
        sizes = []
        for file in parts.files(self.folder):
            with contextlib.suppress(FileNotFoundError):
                sizes.append((file, file.stat().st_size))
        over = sum(size for _, size in sizes) - _MOST_BYTES
        for file, size in sizes:
            if over <= 0:
                break
            file.unlink(missing_ok=True)
            over -= size


def _counts(text: bytes) -> dict[str, int]:
    try:
        return {str(result): int(count) for result, count in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError):
        # New, or a machine went off while it was written: it begins anew, as a counter may.
        return {}


def _by_schema(run: list[Path]) -> Iterator[tuple[pa.Table, list[Path]]]:
    group: list[Path] = []
    tables: list[pa.Table] = []
    for file in run:
        read = list(parts.tables([file]))
        if tables and read and read[0].schema != tables[0].schema:
            yield pa.concat_tables(tables), group
            group, tables = [], []
        group.append(file)
        tables += read
    if tables:
        yield pa.concat_tables(tables), group


def _index(files: Sequence[Path], number: int, passes: int) -> Index:
    """Index those labels whose hash falls to one of the passes; of one row the last counts."""
    ids, rows, labels, hashed, unsaid = [], [], [], [], []
    for file in files:
        for table in parts.tables([file], (ID, ROW, LABEL)):
            silent = table[ROW].is_null().to_numpy()
            keys = parts.hashes(table)
            mine = np.flatnonzero(keys % np.uint64(passes) == number) if passes > 1 else np.arange(len(keys))
            taken = table.take(pa.array(mine))
            hashed.append(keys[mine])
            unsaid.append(silent[mine])
            ids.append(taken[ID].combine_chunks())
            rows.append(parts.numbers_of(taken))
            labels.append(_labels(taken[LABEL]))
    if not hashed:
        none = np.zeros(0, np.int64)
        return Index(
            pa.array([], pa.string()), none.astype(np.int32), none, 0, pd.Index([], dtype="uint64"), none, none > 0
        )
    keys = np.concatenate(hashed)
    order = pd.Series(keys)
    last = np.flatnonzero(~order.duplicated(keep="last").to_numpy())
    texts = pa.chunked_array([one.combine_chunks() if hasattr(one, "combine_chunks") else one for one in ids])
    return Index(
        ids=texts.combine_chunks().take(pa.array(last)),
        rows=np.concatenate(rows)[last],
        labels=_together(labels)[last],
        repeated=len(keys) - len(last),
        places=pd.Index(keys[last]),
        unsaid=_unsaid(keys, np.concatenate(unsaid), last),
        silent=np.concatenate(unsaid)[last],
    )


def _unsaid(keys: NDArray[np.uint64], silent: NDArray[np.bool_], last: NDArray[np.intp]) -> NDArray[np.int64]:
    if not silent.any():
        return np.zeros(len(last), dtype=np.int64)
    counts = pd.Series(keys[silent]).value_counts()
    return np.asarray(counts.reindex(keys[last], fill_value=0), dtype=np.int64)


def _labels(column: Any) -> NDArray[Any]:
    if pa.types.is_boolean(column.type):
        # Beside answers of text they are words, beside numbers 0 and 1.
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)
    return parts.values(column)


def _together(labels: list[NDArray[Any]]) -> NDArray[Any]:
    """Return labels of several files as one array: of truth values, of numbers, or else of objects of several kinds."""
    if len({one.dtype for one in labels}) == 1:
        return np.concatenate(labels)
    if any(one.dtype == object for one in labels):
        return np.concatenate([one.astype(object) for one in labels])
    return np.concatenate([one.astype(np.float64) for one in labels])


def words(values: NDArray[Any]) -> NDArray[np.object_]:
    """Return values as a text says them: 1 for 1.0."""

    def said(value: Any) -> str:
        if isinstance(value, str | bool):
            return str(value)
        return str(int(value)) if float(value).is_integer() else repr(float(value))

    return np.asarray([said(one) for one in values.tolist()], dtype=object)
