"""The stores that runs are shipped to: which of them answer, and when one that does not is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import MlopsError, Unauthorized, Unavailable
from ...protocols import RunSink

REACH_S = 3.0
_FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


@dataclass
class Pause:
    """A store that does not answer: when it is asked again."""

    until: float = 0.0
    length: float = field(default=_FIRST_PAUSE_S)
    reason: str = ""


class Stores:
    """Stores by their tracking URIs.

    Parameters
    ----------
    sink
        Gives the store behind a tracking URI.
    local
        The URI of the project's own sqlite file: runs open there while their server is away.
    """

    def __init__(self, sink: Callable[[str], RunSink], local: str) -> None:
        self.local = local
        self._sink = sink
        self._pauses: dict[str, Pause] = {}

    def sink(self, uri: str) -> RunSink:
        """Return a store; one that did not answer is asked for a sign of life first."""
        sink = self._sink(uri)
        if uri in self._pauses:
            sink.reach(REACH_S)
            del self._pauses[uri]
        return sink

    def sink_as_it_is(self, uri: str) -> RunSink:
        """Return a store, whether or not it answers."""
        return self._sink(uri)

    def pause(self, uri: str, error: MlopsError) -> Pause:
        """Leave a store alone for a while, each time for longer."""
        pause = self._pauses.setdefault(uri, Pause())
        pause.until = time.monotonic() + pause.length
        pause.length = min(pause.length * 2, LONGEST_PAUSE_S)
        pause.reason = error.message
        return pause

    def paused(self, uri: str) -> Pause | None:
        """Return why and how long a store is left alone, ``None`` when it is not."""
        pause = self._pauses.get(uri)
        return pause if pause is not None and time.monotonic() < pause.until else None

    def hurry(self) -> None:
        """Ask those that did not answer again at once."""
        self._pauses.clear()

    def away(self, uri: str) -> Pause | None:
        """Ask whether a store answers before anything is sent there; return why not."""
        if not uri.startswith(("http://", "https://")):
            return None
        if (pause := self.paused(uri)) is not None:
            return pause
        try:
            self._sink(uri).reach(REACH_S)
        except (Unavailable, Unauthorized) as away:
            return self.pause(uri, away)
        self._pauses.pop(uri, None)
        return None
