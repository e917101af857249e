"""The writing side: one process's part of a run's journal."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import mmap
import os
import posixpath
import re
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import CommandError, Unavailable
from ...records import Subject
from . import slots
from .listing import files_of
from .locks import Hold
from .series import Series

# As MLflow checks a metric's name (mlflow.utils.validation).
_NAME = re.compile(r"[/\w.\- :]{1,250}")
# How long the first point that finds the disk full waits for what is being shipped to make room.
_ROOM_WAIT_S = 2.0
_LOUD_BYTES = 256 * 1024 * 1024

# Of each segment, kept for how the run ended: a full disk must not make a run that has ended look like one that died.
_RESERVED = 8 * slots.SIZE

_pack, _SLOT = slots.SLOT.pack_into, slots.SIZE


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
        self._alive: Hold | None = None
        self._begin()
        _writers.add(self)

    def _begin(self) -> None:
        # Re-entrant: a signal handler may log while the thread that it interrupts does.
        self._lock = threading.RLock()
        self._name = f"{os.getpid()}x{time.time_ns():x}"
        self._segment = -1
        self._map: Any = None
        # Where the next slot goes, up to where, and up to where with the room kept for the run's end.
        self._at = self._end = self._limit = 0
        # How far the last segment was written when it was closed.
        self._closed_at = 0
        self._keys: dict[str, int] = {}
        self._next_key = 0
        self._files = itertools.count()
        self.series: dict[str, Series] = {}

    def point(self, name: str, value: float, step: int, time_ms: int, subject: Subject | None = None) -> None:
        """Append one point, of a logged model or dataset if it is of one; it is kept once this returns.

        Raises
        ------
        CommandError
            When no store of MLflow's would take the name, or step or time do not fit 64 bits.
        Unavailable
            When the folder is gone or cannot be written.
        """
        with self._lock:
            keys = self._keys
            label = name if subject is None else f"{name}\0{json.dumps(subject)}"
            key = keys.get(label)
            # A signal's handler may log as well, after any call here, and begin the next segment.
            while key is None or self._at >= self._end or keys is not self._keys:
                if not self._introduce(name, label):
                    self.dropped += 1
                    return
                keys = self._keys
                key = keys.get(label)
            # Nothing interrupts from the test above until the slot is written: a handler finds the place taken, and
            # an exception that it raises leaves a whole slot.
            at = self._at
            self._at = at + _SLOT
            try:
                _pack(self._map, at, step, time_ms, value, key, slots.POINT, 1)
            except struct.error as unfit:
                self._at = at
                raise CommandError(
                    f"step {step!r} and time {time_ms!r} of the metric {name} must be whole numbers of 64 bits",
                    "count steps from 0",
                ) from unfit
            self.series[name].add(step, time_ms, value)

    def entry(self, data: Mapping[str, Any], *, last: bool = False) -> bool:
        """Append anything else, as a JSON object; tell whether there was room.

        ``last`` marks what a run must not end without: room for it is set aside in each segment.
        """
        # Half a surrogate pair, as in the name of a file that is no UTF-8, is text to no store.
        blob = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
        length, span = len(blob), _span(blob)
        with self._lock:
            while self._at + span > (self._limit if last else self._end):
                if not self._room(span):
                    return False
            at = self._at
            self._at = at + span
            self._map[at + _SLOT : at + _SLOT + length] = blob
            _pack(self._map, at, length, 0, 0.0, 0, slots.ENTRY, 1)
            return True

    def position(self) -> tuple[str, int, int]:
        """Return this process's name in the journal, the segment being written, and how many of its slots are."""
        return self._name, self._segment, (self._closed_at if self._map is None else self._at) // slots.SIZE

    def close(self) -> None:
        """Give memory and lock back; what is appended later goes into a segment of its own."""
        with self._lock:
            if self._alive is not None:
                self._alive.give_back()
                self._alive = None
            if self._map is not None:
                self._map.close()
                self._closed_at = self._at
            self._map, self._at, self._end, self._limit = None, 0, 0, 0
            self._keys, self._next_key, self.series = {}, 0, {}

    def continue_in_child(self) -> None:
        """Begin segments of a forked child's own; the mapping is the parent's, which goes on writing into it."""
        self._begin()
        self._alive = None

    def _introduce(self, name: str, label: str) -> bool:
        """Make room for a point, in a segment whose list of names has this one; tell whether there was any."""
        check_name(name)
        blob = label.encode()
        length, span = len(blob), _span(blob)
        if name not in self.series:
            self.series[name] = Series()
        while self._at + span + _SLOT > self._end or self._next_key >= slots.KEYS:
            if not self._room(span + _SLOT):
                return False
        keys, at, key = self._keys, self._at, self._next_key
        if label in keys:
            return True
        self._at, self._next_key = at + span, key + 1
        self._map[at + _SLOT : at + _SLOT + length] = blob
        _pack(self._map, at, length, 0, 0.0, key, slots.NAME, 1)
        keys[label] = key
        return True

    def _room(self, needed: int) -> bool:
        """Begin a segment that so many bytes fit into, and the run's end; tell whether the disk had room for it."""
        needed += _RESERVED
        size = min(slots.FIRST_SEGMENT * slots.GROWTH ** (self._segment + 1), slots.LARGEST_SEGMENT)
        made = self._allocate(size, -(-needed // mmap.PAGESIZE) * mmap.PAGESIZE)
        if not made:
            return False
        self._wake()
        self._speak_up()
        return True

    def _allocate(self, size: int, needed: int) -> bool:
        # A disk found full is not asked anew at every point.
        if self._full_since is not None and time.monotonic() - self._full_since < _ROOM_WAIT_S:
            return False
        deadline = time.monotonic() + (_ROOM_WAIT_S if self._full_since is None else 0)
        made = self._new_file(max(size, needed))
        while not made and time.monotonic() < deadline:
            self._wake()
            # Shipping gives segments back; there is no event for it.
            time.sleep(0.05)
            made = self._new_file(max(mmap.PAGESIZE * 4, size // slots.GROWTH, needed))
        if made:
            self._full_since = None
            return True
        if self._full_since is None:
            self._tell(f"the disk that holds {self._folder.parent} is full: metrics are dropped until it has room")
        self._full_since = time.monotonic()
        return False

    def _new_file(self, size: int) -> bool:
        """Begin the next segment; tell whether the disk had room."""
        try:
            if self._alive is None:
                self._alive = Hold(self._folder / f"{self._name}.alive")
            # An interrupt may have come between a segment's getting its name and its being written to.
            begun = self._segment
            number = begun + 1
            while os.path.exists(path := f"{self._folder}/{self._name}-{number}.seg"):  # noqa: PTH110
                number += 1
            new = f"{path}.{next(self._files)}.new"
            file = os.open(new, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                # Without the room set aside now, a disk that is full later would kill the process (SIGBUS).
                os.posix_fallocate(file, 0, size)
                made = mmap.mmap(file, size)
                if self._segment == begun:
                    # Whoever reads leaves a segment for good once the next is there.
                    self._end = self._limit = self._at
                    os.rename(new, path)  # noqa: PTH104 -- a Path's own code could be interrupted here
                # Else a signal's handler has begun a segment meanwhile.
                if self._segment == begun:
                    self._segment, self._map, self._at = number, made, 0
                    self._end, self._limit, self._keys, self._next_key = size - _RESERVED, size, {}, 0
            finally:
                os.close(file)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(new)  # noqa: PTH108
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                return False
            raise Unavailable("journal", f"cannot write to {self._folder}: {error.strerror}", "mlops doctor") from error
        return True

    def _speak_up(self) -> None:
        if self._segment < self._loud // slots.LARGEST_SEGMENT:
            return
        kept = 0
        for file in files_of(self._folder, ".seg"):
            # Shipped meanwhile.
            with contextlib.suppress(FileNotFoundError):
                kept += file.stat().st_size
        if kept >= self._loud:
            self._tell(f"{kept >> 20} MB of metrics wait in {self._folder} for a store that does not take them")
            self._loud = kept * 2


def check_name(name: object) -> None:
    """Raise `CommandError` when no store of MLflow's would take a metric of that name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise CommandError(
            f"no store takes a metric called {str(name)[:60]!r}", "use up to 250 letters, digits, spaces and / _ . - :"
        )
    plain = posixpath.normpath(name)
    if plain != name or plain == "." or plain.startswith(("..", "/")):
        raise CommandError(
            f"no store takes a metric called {name[:60]!r}: as a path it means {plain[:60]!r}", "name it plainly"
        )


_writers: weakref.WeakSet[JournalWriter] = weakref.WeakSet()


def _continue_in_child() -> None:
    for writer in list(_writers):
        writer.continue_in_child()


os.register_at_fork(after_in_child=_continue_in_child)


def _span(blob: bytes) -> int:
    """Return how many bytes of a segment a blob takes, its slot included."""
    return (1 + slots.slots_of(len(blob))) * slots.SIZE
