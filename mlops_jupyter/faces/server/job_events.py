"""What a job has told: kept within bounds for who asks later, and told on to all who follow it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

# So many events of one job are kept, and so many bytes; its end is kept however large it is.
MOST_EVENTS, MOST_BYTES = 5_000, 16 * 1024 * 1024
# Of these only the newest says anything.
_REPLACED = {"progress", "live"}
ENDS = {"result", "error", "cancelled"}


@dataclass(frozen=True)
class _Event:
    kind: str
    line: bytes


class Told:
    """The events of one job, numbered from 1 on.

    Parameters
    ----------
    job
        Its id, which each line says.
    """

    def __init__(self, job: str) -> None:
        self.last = 0
        self.ended = False
        # Whether somebody was told the end.
        self.heard = False
        self.size = 0
        self._job = job
        self._events: dict[int, _Event] = {}
        self._newest: dict[str, int] = {}
        self._missing_to = 0
        self._followers: set[Follower] = set()
        self._alone_since = time.monotonic()

    def add(self, kind: str, line: bytes) -> None:
        """Add an event, one JSON object; what it replaces, and what is too much, is forgotten."""
        if kind in _REPLACED:
            self._drop(self._newest.get(kind, 0))
            self._newest[kind] = self.last + 1
        self.last += 1
        self._events[self.last] = _Event(kind, line)
        self.size += len(line)
        self.ended = kind in ENDS
        while len(self._events) > 1 and (len(self._events) > MOST_EVENTS or self.size > MOST_BYTES):
            self._missing_to = next(iter(self._events))
            self._drop(self._missing_to)
        for one in self._followers:
            one.wake()

    def after(self, number: int) -> list[bytes]:
        """Return the lines of the events after one; where some are missing, the first says so."""
        found = []
        for at in reversed(self._events):
            if at <= number:
                break
            found.append(self._numbered(at, self._events[at].line))
        if number < self._missing_to:
            found.append(self._numbered(self._missing_to, b'{"event": "missed"}'))
        return found[::-1]

    def join(self, follower: Follower) -> None:
        """Have somebody woken at each event."""
        self._followers.add(follower)

    def leave(self, follower: Follower) -> None:
        """Have him woken no more."""
        self._followers.discard(follower)
        self._alone_since = time.monotonic()

    def alone_s(self) -> float:
        """Return for how long nobody has followed it."""
        return 0.0 if self._followers else time.monotonic() - self._alone_since

    def _drop(self, number: int) -> None:
        if (dropped := self._events.pop(number, None)) is not None:
            self.size -= len(dropped.line)

    def _numbered(self, number: int, line: bytes) -> bytes:
        return b'{"job": "%b", "n": %d, %b\n' % (self._job.encode(), number, line.strip()[1:])


class Follower:
    """Who follows jobs.

    Parameters
    ----------
    jobs
        What they tell, each with the number of the event that is known already.
    """

    def __init__(self, jobs: Mapping[Told, int]) -> None:
        self._known = dict(jobs)
        self._given: list[Told] = []
        self._woken = asyncio.Event()
        self._left = False
        for told in self._known:
            told.join(self)

    async def next(self) -> bytes | None:
        """Return what has come, ``None`` when all have ended; that one asks again says that the last has arrived."""
        while not self._left:
            for told in self._given:
                told.heard = True
            self._given = []
            self._woken.clear()
            if lines := self._news():
                return b"".join(lines)
            if not self._known:
                return None
            await self._woken.wait()
        return None

    def leave(self) -> None:
        """Follow them no more."""
        self._left = True
        for told in self._known:
            told.leave(self)
        self.wake()

    def wake(self) -> None:
        """Have it look what has come."""
        self._woken.set()

    def _news(self) -> list[bytes]:
        found: list[bytes] = []
        for told, number in list(self._known.items()):
            found += told.after(number)
            self._known[told] = told.last
            if told.ended:
                told.leave(self)
                del self._known[told]
                self._given.append(told)
        return found
