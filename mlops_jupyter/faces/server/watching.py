"""Deployments that pages look at: one reader each, whose findings all pages that look are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...commands.monitor import watch
from ...errors import CommandError
from ...protocols import Watched
from ...records import Monitored
from ...settings import Settings
from ...widgets.monitor_telling import ALIVE_EVERY_S, LONGEST_S, SHORTEST_S, Telling, acknowledge
from ...widgets.monitor_wire import distribution

TICK_S = 1.0
# A page that has taken nothing for so many events is told no more: it asks anew when it is there again.
_BEHIND = 120
_log = logging.getLogger(__name__)


class Page:
    """One page that looks, on one connection, at one deployment or at several."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listening: set[Listener] = set()

    def listen(self, watch: int | None = None) -> Listener:
        """Return who listens to one deployment for it; of several each event says which it is of."""
        listener = Listener(self, b"" if watch is None else b"event: %d\n" % watch)
        self._listening.add(listener)
        return listener

    def tell(self, event: bytes) -> None:
        """Have an event sent; one too many ends all listening."""
        if self._events.qsize() >= _BEHIND:
            self.leave()
        else:
            self._events.put_nowait(event)

    def leave_off(self, listener: Listener) -> None:
        """Let nothing come of one deployment after what has been told; after the last one nothing at all."""
        self._listening.discard(listener)
        if not self._listening:
            self.finish()

    def finish(self) -> None:
        """Let nothing come after what has been told."""
        self._events.put_nowait(None)

    def leave(self) -> None:
        """Let nothing come any more: there is nobody to take it."""
        while not self._events.empty():
            self._events.get_nowait()
        self.finish()

    async def next(self) -> bytes | None:
        """Return the next event, ``None`` after the last."""
        return await self._events.get()


class Listener:
    """Who listens to one deployment.

    Parameters
    ----------
    page
        The page that he listens for.
    field
        What is put before each event.
    """

    def __init__(self, page: Page, field: bytes = b"") -> None:
        self._page, self._field = page, field
        self._count = 0

    def tell(self, event: bytes) -> None:
        """Have an event sent, as the next in order."""
        self._page.tell(b"%bid: %d\n%b" % (self._field, self._count, event))
        self._count += 1

    def refuse(self, content: dict[str, Any]) -> None:
        """Say that there is nothing to listen to, and why; the page asks again when it thinks fit."""
        self.tell(_event({"kind": "refused", **content}))

    def finish(self) -> None:
        """Let nothing come after what has been told."""
        self._page.leave_off(self)

    async def next(self) -> bytes | None:
        """Return the page's next event, ``None`` after the last."""
        return await self._page.next()


@dataclass
class _Group:
    """The pages that look equally far back."""

    listeners: set[Listener] = field(default_factory=set)
    telling: Telling = field(default_factory=Telling)
    begun: int = 0
    told_s: float = 0.0

    def begin_again(self) -> None:
        self.begun += 1
        self.telling.begin_again()

    def tell(self, content: dict[str, Any], buffer: bytes | None = None) -> None:
        self.told_s = time.monotonic()
        event = _event(content, buffer)
        for one in self.listeners:
            one.tell(event)


class Reader:
    """Reads one deployment again and again, off the event loop, as long as somebody looks.

    Parameters
    ----------
    watched
        The deployment.
    ended
        Called when nobody looks any more, or when it cannot be read.
    tick_s
        The time between two looks.
    """

    def __init__(self, watched: Watched, ended: Callable[[Reader], None], tick_s: float) -> None:
        self._watched, self._ended, self._tick_s = watched, ended, tick_s
        self._last: Monitored | None = None
        self._groups: dict[float, _Group] = {}
        self._wakes = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def join(self, range_s: float, listener: Listener) -> None:
        """Have somebody listen, who is told everything at first; and so are all who look as far back."""
        group = self._groups.setdefault(range_s, _Group())
        group.begin_again()
        group.listeners.add(listener)
        self._wakes.set()

    def leave(self, listener: Listener) -> None:
        """Tell a listener no more; with the last one the reading ends."""
        for range_s, group in list(self._groups.items()):
            group.listeners.discard(listener)
            if not group.listeners:
                del self._groups[range_s]
        if not self._groups:
            self._task.cancel()
            self._ended(self)

    def distribution(self, version: str, feature: str, *, output: bool) -> dict[str, Any] | None:
        """Return both distributions of a feature, or of an output, as they were read last."""
        reports = () if self._last is None else self._last.reports
        return distribution(reports, version, feature, output=output)

    async def acknowledge(self, alert: str) -> str:
        """Silence an alert for an hour; return in words what came of it. Raises what the server of alerts says."""
        return await asyncio.to_thread(acknowledge, self._watched, self._last, alert)

    async def _run(self) -> None:
        try:
            while True:
                self._wakes.clear()
                for range_s, group in list(self._groups.items()):
                    await self._read(range_s, group)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wakes.wait(), self._tick_s)
        except Exception as error:  # noqa: BLE001 -- who looks is told; the whole of it stands in the server's log
            _log.exception("mlops-jupyter: %s cannot be watched", self._watched.name)
            self._ended(self)
            words = f"the watching stopped: {type(error).__name__}; the Jupyter server's log has the whole of it"
            for group in self._groups.values():
                group.tell({"kind": "done", "what": "watch", "failed": True, "words": words})
                for one in group.listeners:
                    one.finish()

    async def _read(self, range_s: float, group: _Group) -> None:
        begun = group.begun
        found = await asyncio.to_thread(self._watched.read, range_s, group.telling.after_s)
        if group.begun != begun:
            # Somebody has joined meanwhile, who is to be told everything; it is read at once.
            return
        self._last = found
        for content, buffer in group.telling.messages(found):
            group.tell(content, buffer)
        if time.monotonic() - group.told_s >= ALIVE_EVERY_S:
            group.tell({"kind": "alive"})


class Watches:
    """The deployments that are looked at now.

    Parameters
    ----------
    tick_s
        The time between two looks at each.
    """

    def __init__(self, tick_s: float = TICK_S) -> None:
        self._tick_s = tick_s
        self._readers: dict[tuple[str, str], Reader] = {}

    async def join(self, current: Settings, name: str, range_s: float, listener: Listener) -> Reader:
        """Have somebody look at a deployment of a project, from so many seconds ago on; return its one reader.

        Raises
        ------
        CommandError
            When nobody looks so far back, or not that far.
        NotFound
            When there is no such deployment.
        """
        if not SHORTEST_S <= range_s <= LONGEST_S:
            raise CommandError(f"range must be {SHORTEST_S:g} to {LONGEST_S:g} seconds", "range=3600")
        watched = await asyncio.to_thread(watch, current, name, range_s)
        return self.look(str(current.root), watched, range_s, listener)

    def look(self, project: str, watched: Watched, range_s: float, listener: Listener) -> Reader:
        """Have somebody look at a deployment that is known to be there."""
        key = (project, watched.name)

        def ended(reader: Reader) -> None:
            if self._readers.get(key) is reader:
                del self._readers[key]

        if key not in self._readers:
            self._readers[key] = Reader(watched, ended, self._tick_s)
        reader = self._readers[key]
        reader.join(range_s, listener)
        return reader

    def find(self, project: str, name: str) -> Reader | None:
        """Return the reader of a deployment that is looked at."""
        return self._readers.get((project, name))


def _event(content: dict[str, Any], buffer: bytes | None = None) -> bytes:
    """Return what a server-sent event says."""
    told = content if buffer is None else {**content, "buffer": b64encode(buffer).decode()}
    return b"data: %b\n\n" % json.dumps(told, allow_nan=False).encode()
