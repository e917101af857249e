"""What a worker does for the watcher: it holds rows that were answered, and sends them on a few times a second.

Nothing is worked out here, and no thread is needed: a request costs the time to append to a list, and packing what has
come is a copy of memory. Sketching, files and comparisons are the watcher's, in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..capabilities.endpoints import MonitoringPlan
from ..capabilities.endpoints.lines import address
from .batching import Whole, Work
from .frames import Frame
from .observed import Held, frames_of, pieces
from .routing import Version
from .rows import Array, Rows
from .stretches import Stretch, kind_of
from .telemetry import Telemetry

_LOG = logging.getLogger(__name__)
_SEND_EVERY_S = 0.25
# So many rows are packed in one turn of the loop: some hundred microseconds, in which no request is answered.
_ROWS_A_TURN = 1_024
# While the watcher is away, or has more to do than it can, so much waits for it.
_MOST_ROWS, _MOST_BYTES, _MOST_UNSENT = 50_000, 64 * 1024 * 1024, 16 * 1024 * 1024
_CONNECT_EVERY_S = 1.0
_FLUSH_S = 2.0


class Watching:
    """The observer of a worker's router.

    Parameters
    ----------
    place
        The socket of the watcher.
    telemetry
        Where rows are counted that nobody looks at.
    """

    def __init__(self, place: Path, telemetry: Telemetry) -> None:
        self._place, self._telemetry = place, telemetry
        self._redact: frozenset[str] = frozenset()
        self._held: deque[Held | Stretch] = deque()
        self._open: dict[Version, Stretch] = {}
        self._rows = 0
        self._bytes = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connect_at = 0.0
        self._failing = False

    def told(self, plan: MonitoringPlan) -> None:
        """Take a plan's settings."""
        self._redact = frozenset(plan.redact)

    def observe(self, version: Version, batch: Sequence[Work], found: Sequence[Any], whole: Whole) -> None:
        """Hold what was asked and answered."""
        count = sum([one.rows.count for one in batch]) if whole is None else whole[0].count
        if (self._held and self._rows + count > _MOST_ROWS) or self._bytes > _MOST_BYTES:
            self._telemetry.unwatched(version.labels[:2], count)
            return
        kind = kind_of(version, whole)
        if whole is None or kind is None or not self._copied(kind, version, batch, *whole):
            self._hold(Held(version, time.time_ns() // 1_000, pieces(batch, found, whole)))
        if self._timer is None:
            self._timer = self._loop.call_later(_SEND_EVERY_S, self._turn)

    def _copied(self, kind: type[Stretch], version: Version, batch: Sequence[Work], rows: Rows, said: Array) -> bool:
        """Copy rows and answers; ``False`` where they are of other types than those before, as are rare ones."""
        open_one = self._open.get(version)
        if open_one is not None and not (type(open_one) is kind and open_one.fits(rows, said)):
            return False
        if open_one is None or not open_one.add(batch, rows, said):
            open_one = self._open[version] = kind(version, time.time_ns() // 1_000, rows, said)
            open_one.add(batch, rows, said)
            self._held.append(open_one)
            self._bytes += open_one.size
        self._rows += rows.count
        return True

    def _hold(self, held: Held) -> None:
        if held.count <= _ROWS_A_TURN:
            self._held.append(held)
        else:
            self._held.extend(held.cut(_ROWS_A_TURN))
        self._rows += held.count
        self._bytes += held.size

    async def close(self) -> None:
        """Send what is held still, if the watcher takes it soon."""
        if self._transport is None and self._held:
            await self._connect()
        while self._held and self._transport is not None and not self._transport.is_closing():
            self._turn()
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            # What is written already is sent before the connection ends.
            self._transport.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_S):
                    await self._talking.ended

    def _turn(self) -> None:
        """Send some of what is held."""
        self._timer = None
        transport = self._transport
        if transport is None or transport.is_closing():
            self._begin_to_connect()
            self._timer = self._loop.call_later(_SEND_EVERY_S, self._turn)
            return
        taken: list[Held | Stretch] = []
        rows = 0
        while self._held and (not taken or rows + self._held[0].count <= _ROWS_A_TURN):
            one = self._held.popleft()
            taken.append(one)
            if self._open.get(one.version) is one:
                del self._open[one.version]
            rows += one.count
            self._bytes -= one.size
        self._rows -= rows
        if transport.get_write_buffer_size() > _MOST_UNSENT:
            for one in taken:
                self._telemetry.unwatched(one.version.labels[:2], one.count)
        else:
            for message in self._packed(taken):
                transport.write(message)
        if self._held:
            self._timer = self._loop.call_soon(self._turn)

    def _packed(self, taken: list[Held | Stretch]) -> list[bytes]:
        """Return what is sent of them: nothing where an answer of the model's own kind cannot be looked at."""
        try:
            return [frame.to_bytes() for frame in self._frames(taken)]
        except Exception:  # noqa: BLE001 -- an answer is what the model likes, and so is what its parts raise
            for one in taken:
                self._telemetry.unwatched(one.version.labels[:2], one.count)
            if not self._failing:
                self._failing = True
                _LOG.exception("rows cannot be told to the watcher, and are counted as dropped from here on")
            return []

    def _frames(self, taken: list[Held | Stretch]) -> Iterator[Frame]:
        for one in taken:
            if isinstance(one, Stretch):
                yield one.frame(self._redact)
        yield from frames_of([one for one in taken if isinstance(one, Held)], self._redact)

    def _begin_to_connect(self) -> None:
        now = self._loop.time()
        if self._connecting is None and now >= self._connect_at:
            self._connect_at = now + _CONNECT_EVERY_S
            self._connecting = self._loop.create_task(self._connect())
            self._connecting.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("the watcher cannot be told anything: %s", error)

    async def _connect(self) -> None:
        # It is not there yet, or is just being started again.
        with contextlib.suppress(OSError):
            with address(self._place) as place:
                self._transport, self._talking = await self._loop.create_unix_connection(_Talking, place)
            # What it has not taken by then is dropped, and counted, and no request waits for it.
            self._transport.set_write_buffer_limits(high=2 * _MOST_UNSENT)


class _Talking(asyncio.Protocol):
    """The watcher says nothing, until it is gone."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)
