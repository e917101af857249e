"""The writing side: one process's part of a run's journal."""

from __future__ import annotations

import errno
import fcntl
import json
import mmap
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import CommandError, Unavailable
from . import slots
from .series import Series

# As MLflow checks a metric's name (mlflow.utils.validation).
_NAME = re.compile(r"[/\w.\- :]{1,250}")
# How long the first point that finds the disk full waits for what is being shipped to make room.
_ROOM_WAIT_S = 2.0
_LOUD_BYTES = 256 * 1024 * 1024

_pack = slots.SLOT.pack_into


class JournalWriter:
    """Appends to a run's journal; any thread may, and a forked process gets segments of its own.

    Parameters
    ----------
    folder
        The run's folder.
    wake
        Called when a segment is full: whoever ships should not wait for more.
    tell
        Told in a sentence when points cannot be kept, and when what waits to be shipped grows large.
    """

    def __init__(self, folder: Path, wake: Callable[[], None], tell: Callable[[str], None]) -> None:
        self.dropped = 0
        self._folder = folder
        self._wake = wake
        self._tell = tell
        self._loud = _LOUD_BYTES
        self._full_since: float | None = None
        self._alive: int | None = None
        self._begin()
        _writers.add(self)

    def _begin(self) -> None:
        # Re-entrant: a signal handler may log while the thread that it interrupts does.
        self._lock = threading.RLock()
        self._name = f"{os.getpid()}x{time.time_ns():x}"
        self._segment = -1
        self._map: Any = None
        self._at = self._end = 0
        self._keys: dict[str, int] = {}
        self.series: dict[str, Series] = {}

    def point(self, name: str, value: float, step: int, time_ms: int) -> None:
        """Append one point; it is kept once this returns. ``step`` must fit 64 bits.

        Raises
        ------
        CommandError
            When no store of MLflow's would take the name.
        Unavailable
            When the folder is gone or cannot be written.
        """
        with self._lock:
            key = self._keys.get(name)
            if key is None or self._at >= self._end:
                key = self._introduce(name)
                if key is None:
                    self.dropped += 1
                    return
            at = self._at
            try:
                _pack(self._map, at, step, time_ms, value, key, slots.POINT, 1)
            finally:
                # An interrupt arrives after the call above, never within: the slot is taken.
                self._at = at + slots.SIZE
            self.series[name].add(step, time_ms, value)

    def entry(self, data: Mapping[str, Any]) -> bool:
        """Append anything else, as a JSON object; tell whether there was room."""
        blob = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        with self._lock:
            if not self._room(_span(blob)):
                return False
            self._append(blob, 0, slots.ENTRY)
            return True

    def position(self) -> tuple[str, int, int]:
        """Return this process's name in the journal, the segment being written, and how many of its slots are."""
        return self._name, self._segment, self._at // slots.SIZE

    def close(self) -> None:
        """Give memory and lock back; what is appended later goes into a segment of its own."""
        with self._lock:
            if self._alive is not None:
                os.close(self._alive)
                self._alive = None
            if self._map is not None:
                self._map.close()
            self._map, self._at, self._end, self._keys = None, 0, 0, {}

    def continue_in_child(self) -> None:
        """Begin segments of a forked child's own; the mapping is the parent's, which goes on writing into it."""
        self._begin()
        self._alive = None

    def _introduce(self, name: str) -> int | None:
        """Make room for a point, in a segment whose list of names has this one; ``None`` without room."""
        if not _NAME.fullmatch(name):
            raise CommandError(
                f"no store takes a metric called {name[:60]!r}",
                "use up to 250 letters, digits, spaces and / _ . - :",
            )
        blob = name.encode()
        if len(self._keys) >= slots.KEYS:
            self._end = self._at
        if not self._room(_span(blob) + slots.SIZE):
            return None
        key = self._keys.get(name)
        if key is None:
            key = len(self._keys)
            self._append(blob, key, slots.NAME)
            self._keys[name] = key
            self.series.setdefault(name, Series())
        return key

    def _append(self, blob: bytes, key: int, kind: int) -> None:
        at = self._at
        body = at + slots.SIZE
        self._map[body : body + len(blob)] = blob
        try:
            _pack(self._map, at, len(blob), 0, 0.0, key, kind, 1)
        finally:
            self._at = at + _span(blob)

    def _room(self, needed: int) -> bool:
        """See to it that so many bytes fit into the segment; a new one at need."""
        if self._at + needed <= self._end:
            return True
        size = min(slots.FIRST_SEGMENT * slots.GROWTH ** (self._segment + 1), slots.LARGEST_SEGMENT)
        made = self._allocate(max(size, -(-needed // mmap.PAGESIZE) * mmap.PAGESIZE))
        if made is None:
            return False
        if self._map is not None:
            self._map.close()
        self._map, self._at, self._end, self._keys = made, 0, len(made), {}
        self._wake()
        self._speak_up()
        return True

    def _allocate(self, size: int) -> mmap.mmap | None:
        # A disk found full is not asked anew at every point.
        if self._full_since is not None and time.monotonic() - self._full_since < _ROOM_WAIT_S:
            return None
        deadline = time.monotonic() + (_ROOM_WAIT_S if self._full_since is None else 0)
        made = self._new_file(size)
        while made is None and time.monotonic() < deadline:
            self._wake()
            # Shipping gives segments back; there is no event for it.
            time.sleep(0.05)
            made = self._new_file(max(mmap.PAGESIZE * 4, size // slots.GROWTH))
        if made is None:
            if self._full_since is None:
                self._tell(f"the disk that holds {self._folder.parent} is full: metrics are dropped until it has room")
            self._full_since = time.monotonic()
        else:
            self._full_since = None
        return made

    def _new_file(self, size: int) -> mmap.mmap | None:
        path = self._folder / f"{self._name}-{self._segment + 1}.seg"
        new = path.with_suffix(".new")
        try:
            if self._alive is None:
                self._alive = hold(self._folder / f"{self._name}.alive")
            file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Without the room set aside now, a disk that is full later would kill the process (SIGBUS).
                os.posix_fallocate(file, 0, size)
                made = mmap.mmap(file, size)
                new.rename(path)
            except OSError:
                new.unlink()
                raise
            finally:
                os.close(file)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                return None
            raise Unavailable("journal", f"cannot write to {self._folder}: {error.strerror}", "mlops doctor") from error
        self._segment += 1
        return made

    def _speak_up(self) -> None:
        if self._segment < self._loud // slots.LARGEST_SEGMENT:
            return
        kept = sum(file.stat().st_size for file in self._folder.glob("*.seg"))
        if kept >= self._loud:
            self._tell(f"{kept >> 20} MB of metrics wait in {self._folder} for a store that does not take them")
            self._loud = kept * 2


def hold(path: Path) -> int:
    """Lock a file for as long as this process lives; return its descriptor, to close when it is done before.

    The lock is the process's own (fcntl, not flock): a forked child does not hold it, and the system gives it back
    however the process ends.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


_writers: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _continue_in_child() -> None:
    for writer in list(_writers):
        writer.continue_in_child()


os.register_at_fork(after_in_child=_continue_in_child)


def _span(blob: bytes) -> int:
    """Return how many bytes of a segment a blob takes, its slot included."""
    return (1 + slots.slots_of(len(blob))) * slots.SIZE
