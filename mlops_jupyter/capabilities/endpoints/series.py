"""The endpoint's own history: what it had counted, second after second, in one file of bounded size.

One process writes, any number read meanwhile. Every second is kept for a quarter of an hour, every ten for six hours,
every minute for a week: of each longer step the last row is kept. Counts are kept as they were told, so that rates and
quantiles of any stretch can be had from any two rows.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import ConfigurationError
from .series_points import Key, Readings, flattened, packed, table, unpacked


class Tier(NamedTuple):
    """How finely a stretch of the past is kept."""

    step_s: int
    kept_s: int


TIERS = (Tier(1, 15 * 60), Tier(10, 6 * 3_600), Tier(60, 7 * 86_400))

# Of one instant. More is not kept.
_MOST_VALUES = 8_192
_PRUNED_EVERY = 60
_MOST_APART_S = 5.0
_BUSY_S = 2.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS layouts (id INTEGER PRIMARY KEY, keys TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS points (
    step INTEGER NOT NULL, at INTEGER NOT NULL, layout INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (step, at)
) WITHOUT ROWID;
"""
# Raised with every change of what the tables mean; a file of another number is set aside.
_FORMAT = 1


class SeriesFile:
    """The history of one endpoint.

    Parameters
    ----------
    path
        The file; the first `append` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing: _Writing | None = None

    def begin(self, since_s: float, first_s: float) -> None:
        """Keep that everything stood at zero when an endpoint started, before its first snapshot; only once.

        What was counted until then is else taken for what had always been.

        Parameters
        ----------
        since_s, first_s
            When it started, and when the snapshot was taken, as seconds since the epoch.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        # Rows that are further apart than one stands for an instant are not compared.
        at_s = max(since_s, first_s - _MOST_APART_S)
        self._mending(lambda writing: writing.begin(round(since_s * 1_000), round(at_s * 1_000)))

    def append(self, at_s: float, snapshot: Mapping[str, Any]) -> None:
        """Keep a snapshot; of one process at a time.

        What is kept of later instants is dropped: the clock was wrong then. A damaged file is set aside, and another
        begun.

        Parameters
        ----------
        at_s
            When it was taken, as seconds since the epoch.
        snapshot
            As of `metrics_text.merged`, with levels.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        self._mending(lambda writing: writing.append(round(at_s * 1_000), snapshot))

    def read(self, since_s: float, until_s: float) -> Readings:
        """Return what was counted from one instant to another, as finely as it is kept.

        Raises
        ------
        ConfigurationError
            When the file is damaged, or cannot be read.
        """
        if not self.path.exists():
            return table(())
        try:
            with contextlib.closing(_reading(self.path)) as database:
                return table(_rows(database, since_s, until_s))
        except (sqlite3.DatabaseError, ValueError) as error:
            raise ConfigurationError(
                f"the history {self.path} cannot be read: {error}", "the endpoint begins another when it starts anew"
            ) from error

    def close(self) -> None:
        """Close the file, after writing."""
        if self._writing is not None:
            self._writing.database.close()
            self._writing = None

    def _mending(self, write: Callable[[_Writing], None]) -> None:
        """Write, into another file when this one is damaged."""
        try:
            write(self._opened())
        except sqlite3.DatabaseError as error:
            self.close()
            if not _is_damage(error):
                raise OSError(f"cannot write {self.path}: {error}") from error
            self._set_aside()
            write(self._opened())

    def _opened(self) -> _Writing:
        if self._writing is None:
            self._writing = _Writing(self.path)
        return self._writing

    def _set_aside(self) -> None:
        self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
        for end in ("-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)


class _Writing:
    """The file, open for writing."""

    def __init__(self, path: Path) -> None:
        self._last_ms: int | None = None
        self._appended = 0
        self._layouts: dict[tuple[Key, ...], int] = {}
        # Made here, so that nobody else may read it at any time.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self.database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self.database.close()
            raise

    def begin(self, since_ms: int, at_ms: int) -> None:
        if self._last_ms is not None and self._last_ms >= since_ms:
            return
        with self._changing(()):
            # A row without numbers; in each step, else the coarser ones would lose it.
            row = (at_ms, self._layout(()), packed(np.empty(0)))
            for tier in TIERS:
                self.database.execute("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", (tier.step_s, *row))
        self._last_ms = at_ms

    def append(self, at_ms: int, snapshot: Mapping[str, Any]) -> None:
        keys, values = flattened(snapshot)
        keys, values = keys[:_MOST_VALUES], values[:_MOST_VALUES]
        with self._changing(keys):
            self._keep(at_ms, self._layout(keys), packed(values))
        self._last_ms = at_ms
        self._appended += 1

    @contextlib.contextmanager
    def _changing(self, keys: tuple[Key, ...]) -> Iterator[None]:
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.database.execute("COMMIT")
        except BaseException:
            self._layouts.pop(keys, None)
            with contextlib.suppress(sqlite3.Error):
                self.database.execute("ROLLBACK")
            raise

    def _prepare(self) -> None:
        (found,) = self.database.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = self.database.execute("PRAGMA user_version").fetchone()
        if found != "ok" or version not in {0, _FORMAT}:
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = NORMAL")
        self.database.executescript(_SCHEMA)
        self.database.execute(f"PRAGMA user_version = {_FORMAT}")
        self.database.execute("DELETE FROM layouts WHERE id NOT IN (SELECT DISTINCT layout FROM points)")
        self._layouts = {
            _keys(text): number for number, text in self.database.execute("SELECT id, keys FROM layouts").fetchall()
        }
        self._last_ms = self._newest()

    def _keep(self, at_ms: int, layout: int, data: bytes) -> None:
        last = self._last_ms
        if last is not None and at_ms <= last:
            self.database.execute("DELETE FROM points WHERE at >= ?", (at_ms,))
            last = self._newest()
        finest, *coarser = TIERS
        for tier in coarser:
            # A row at the very end of a step belongs to it.
            if last is not None and (last - 1) // (tier.step_s * 1_000) != (at_ms - 1) // (tier.step_s * 1_000):
                self.database.execute(
                    "INSERT OR REPLACE INTO points SELECT ?, at, layout, data FROM points WHERE step = ? AND at = ?",
                    (tier.step_s, finest.step_s, last),
                )
        self.database.execute("INSERT INTO points VALUES (?, ?, ?, ?)", (finest.step_s, at_ms, layout, data))
        if self._appended % _PRUNED_EVERY == 0:
            self._prune()

    def _prune(self) -> None:
        # By number, not by age: a clock that leaps does not empty the file.
        for tier in TIERS:
            self.database.execute(
                "DELETE FROM points WHERE step = ? AND at <= "
                "(SELECT at FROM points WHERE step = ? ORDER BY at DESC LIMIT 1 OFFSET ?)",
                (tier.step_s, tier.step_s, tier.kept_s // tier.step_s),
            )

    def _layout(self, keys: tuple[Key, ...]) -> int:
        known = self._layouts.get(keys)
        if known is None:
            done = self.database.execute("INSERT INTO layouts (keys) VALUES (?)", (json.dumps(keys),))
            known = self._layouts[keys] = int(done.lastrowid or 0)
        return known

    def _newest(self) -> int | None:
        (newest,) = self.database.execute("SELECT max(at) FROM points WHERE step = ?", (TIERS[0].step_s,)).fetchone()
        return None if newest is None else int(newest)


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None)


def _rows(
    database: sqlite3.Connection, since_s: float, until_s: float
) -> Iterator[tuple[float, tuple[Key, ...], np.ndarray[Any, np.dtype[np.float64]]]]:
    # One transaction: a layout that a row names is there.
    database.execute("BEGIN")
    if database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'points'").fetchone() == (0,):
        return
    layouts = {number: _keys(text) for number, text in database.execute("SELECT id, keys FROM layouts")}
    # A row that is kept in several steps is the same in each.
    found = database.execute(
        "SELECT at, layout, data FROM points WHERE step IN (1, 10, 60) AND at >= ? AND at <= ? GROUP BY at ORDER BY at",
        (round(since_s * 1_000), round(until_s * 1_000)),
    )
    for at, layout, data in found:
        yield at / 1_000, layouts[layout], unpacked(data)


def _keys(text: str) -> tuple[Key, ...]:
    return tuple(map(tuple, json.loads(text)))


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
