"""Answered rows as Parquet files of bounded size and age: ``START-PID.parquet``, so that the order of names is of time.

A file is there whole or not at all. Small ones are put together, the oldest go first, and a disk that is full is said
once in the log.
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..capabilities.endpoints.folder import PART_S
from .frames import Frame
from .rows import Array

_LOG = logging.getLogger(__name__)
_FLUSH_ROWS, _FLUSH_S = 20_000, 5.0
_SMALL_BYTES, _MANY, _TOGETHER = 256 * 1024, 32, 128
_TIDY_S = 30.0
_MERGED = b"mlops_merged"
KEYS = ("request_id", "row", "at", "version")
_MATRIX = 2


class Parts:
    """One folder of them, of which this process is the only writer.

    Parameters
    ----------
    folder
        Where they are; it is made with the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._most_bytes = self._keep_s = math.inf
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._since = time.monotonic()
        self._tidied = -_TIDY_S
        self._last_ms = 0
        # What began before has been put together as far as it can be.
        self._settled_ms = 0
        self._failing = False
        self._forget_merged()

    def bound(self, most_bytes: float, keep_s: float) -> None:
        """Say how much room they take at the most, and how long they are kept."""
        self._most_bytes, self._keep_s = most_bytes, keep_s
        self._tidied = -_TIDY_S

    def add(self, table: pa.Table) -> None:
        """Take rows, to be written soon."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(table)
        self._rows += table.num_rows

    def tick(self, *, now: bool = False) -> None:
        """Write what has waited long enough, or everything now, and see to it that all stays bounded."""
        moment = time.monotonic()
        due = self._rows >= _FLUSH_ROWS or moment - self._since >= _FLUSH_S or now
        try:
            if self._waiting and due:
                waiting, self._waiting, self._rows = self._waiting, [], 0
                for table in _together(waiting):
                    self._write(table)
                self._failing = False
            if moment - self._tidied >= _TIDY_S:
                self._tidied = moment
                self._remove_old()
                self._compact()
        except (OSError, pa.ArrowException) as error:
            if not self._failing:
                _LOG.warning("rows cannot be written to %s, and are left out: %s", self._folder.name, error)
            self._failing = True

    def files(self) -> list[Path]:
        """Return the files, oldest first."""
        try:
            return sorted(one for one in self._folder.iterdir() if _is_part(one.name))
        except FileNotFoundError:
            return []

    def _write(self, table: pa.Table, path: Path | None = None) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path is None:
            # No two of one name, and in order though the clock be set back within the life of this process.
            self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms + 1)
            path = self._folder / f"{self._last_ms:013d}-{os.getpid()}.parquet"
        draft = self._folder / f".{path.name}"
        try:
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:  # noqa: PTH123
                pq.write_table(table, out, compression="zstd")
            draft.replace(path)
        except (OSError, pa.ArrowException):
            draft.unlink(missing_ok=True)
            raise

    def _remove_old(self) -> None:
        oldest_s = time.time() - self._keep_s
        found = [(one, one.stat().st_size) for one in self.files()]
        total = sum(size for _, size in found)
        for one, size in found:
            # Those of several versions overlap, by a part's length at the most.
            if total <= self._most_bytes and _start(one) >= oldest_s * 1_000:
                return
            if total > self._most_bytes or _end_s(one) < oldest_s:
                one.unlink(missing_ok=True)
                total -= size

    def _compact(self) -> None:
        """Put small files together that have begun within one time."""
        small = [one for one in self.files() if _start(one) >= self._settled_ms and one.stat().st_size < _SMALL_BYTES]
        *over, last = list(_spans(small)) or [[]]
        for span in over:
            merged = self._merge(_runs(span[:_TOGETHER], 2))
            if merged and len(span) > _TOGETHER:
                return
            self._settled_ms = _start(span[-1]) + 1
        if len(last) >= _MANY:
            self._merge(_runs(last[:_TOGETHER], _MANY // 2))

    def _merge(self, runs: Iterable[Sequence[Path]]) -> bool:
        """Make one file of each run; tell whether there was any."""
        merged = False
        for run in runs:
            merged = True
            table = pa.concat_tables([pq.read_table(one).replace_schema_metadata(None) for one in run])
            first, *others = run
            metadata = {_MERGED: json.dumps([one.name for one in run]).encode()}
            path = first.with_name(f"{_start(first):013d}-{os.getpid()}.parquet")
            self._write(table.replace_schema_metadata(metadata), path)
            for one in others if first == path else run:
                one.unlink(missing_ok=True)
        return merged

    def _forget_merged(self) -> None:
        """Remove what a process that was killed had begun, or had put together and not removed."""
        if not self._folder.is_dir():
            return
        for one in self._folder.iterdir():
            if one.name.startswith("."):
                one.unlink(missing_ok=True)
        for one in self.files():
            try:
                told = (pq.read_schema(one).metadata or {}).get(_MERGED)
            except (OSError, pa.ArrowException):
                # Not whole, as after a loss of power: nobody can read it.
                one.unlink(missing_ok=True)
                continue
            for name in json.loads(told) if told else ():
                if name != one.name:
                    (self._folder / name).unlink(missing_ok=True)


def answers(frame: Frame) -> pa.Table:
    """Return what each row of a frame was answered."""
    return pa.table(_keys(frame) | {name: _arrow(values) for name, values in _free(frame.predictions).items()})


def payload(frame: Frame, chosen: Array) -> pa.Table:
    """Return rows of a frame, chosen by their numbers, with their values and answers."""
    features = dict(frame.columns)
    if frame.matrix is not None:
        features |= {name: frame.matrix[:, at] for at, name in enumerate(frame.names)}
    # A feature of an output's name gives way to it, with a line behind its own.
    asked = {f"{name}_" if name in frame.predictions else name: values for name, values in features.items()}
    told = {**_free(asked), **_free(frame.predictions)}
    table = pa.table(_keys(frame) | {name: _arrow(values) for name, values in told.items()})
    return table if len(chosen) == table.num_rows else table.take(pa.array(chosen))


def _keys(frame: Frame) -> dict[str, pa.Array]:
    ids, rows = frame.keys()
    at = pa.array(np.full(len(rows), frame.at_us, np.int64)).cast(pa.timestamp("us", "UTC"))
    return {
        "request_id": pa.array(ids, pa.string()),
        "row": pa.array(rows),
        "at": at,
        "version": pa.array([frame.version] * len(rows), pa.string()),
    }


def _free(columns: Mapping[str, Array]) -> dict[str, Array]:
    """Return columns by names that are not the keys': those get a line behind."""
    return {f"{name}_" if name in KEYS else name: values for name, values in columns.items()}


def _arrow(values: Array) -> pa.Array:
    if values.ndim == _MATRIX:
        return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(values).reshape(-1)), values.shape[1])
    if values.dtype != object:
        return pa.array(np.ascontiguousarray(values))
    plain = values.tolist()
    try:
        return pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # values of several kinds
        return pa.array([None if one is None else str(one) for one in plain], pa.string())


def _together(tables: Sequence[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables of one form as one."""
    forms: list[tuple[pa.Schema, list[pa.Table]]] = []
    for table in tables:
        known = next((each for schema, each in forms if schema.equals(table.schema)), None)
        if known is None:
            forms.append((table.schema, [table]))
        else:
            known.append(table)
    for _, each in forms:
        yield pa.concat_tables(each).combine_chunks()


def _spans(files: Iterable[Path]) -> Iterator[list[Path]]:
    """Yield files in their order, apart where they begin too late to be one part with the first."""
    span: list[Path] = []
    for one in files:
        if span and _start(one) - _start(span[0]) > (PART_S - _FLUSH_S) * 1_000:
            yield span
            span = []
        span.append(one)
    if span:
        yield span


def _runs(small: Sequence[Path], least: int) -> Iterator[list[Path]]:
    """Yield files that are to be one: so many of one form."""
    if len(small) < least:
        return
    forms: list[tuple[pa.Schema, list[Path]]] = []
    for one in small:
        schema = pq.read_schema(one).remove_metadata()
        known = next((each for other, each in forms if other.equals(schema)), None)
        if known is None:
            forms.append((schema, [one]))
        else:
            known.append(one)
    for _, run in forms:
        if len(run) >= least:
            yield run


def _is_part(name: str) -> bool:
    return name.endswith(".parquet") and not name.startswith(".")


def _start(part: Path) -> int:
    digits = part.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def _end_s(part: Path) -> float:
    """Return when the last row of a part was answered, in seconds of the epoch, else when the part begins."""
    try:
        told = pq.read_metadata(part)
        at = told.schema.names.index("at")
        ends = [told.row_group(group).column(at).statistics for group in range(told.num_row_groups)]
        return max(float(one.max.timestamp()) for one in ends)
    except (OSError, pa.ArrowException, ValueError, AttributeError):
        return _start(part) / 1_000
