"""The stores that runs are shipped to: which of them answer, and when one that does not is asked again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ...errors import MlopsError, Unauthorized, Unavailable
from ...protocols import RunSink

REACH_S = 3.0
# What is opened there cannot be away, or the project's own sqlite file is so too.
_FILES = ("sqlite:", "file:")
_FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class Place(NamedTuple):
    """A store by its tracking URI, or a part of one."""

    uri: str
    workspace: str | None = None


class Environment(Protocol):
    """What calls of a store find in the process's environment."""

    outdated: bool

    def sink(self, place: Place, sink: RunSink) -> RunSink:
        """Return a store whose calls find its environment."""

    def look(self) -> bool:
        """Look for news; tell whether there are any."""


@dataclass
class Pause:
    """A store that does not answer: when it is asked again."""

    until: float = 0.0
    length: float = field(default=_FIRST_PAUSE_S)
    reason: str = ""


class Stores:
    """The stores of a project's runs.

    Parameters
    ----------
    sink
        Gives the store at a place.
    local
        The URI of the project's own sqlite file: runs open there while their server is away.
    environment
        Gives each store its environment; ``None`` leaves it that of the process.
    """

    def __init__(self, sink: Callable[[Place], RunSink], local: str, environment: Environment | None = None) -> None:
        self.local = Place(local)
        self._open = sink
        self._environment = environment
        self._opened: dict[Place, RunSink] = {}
        self._pauses: dict[Place, Pause] = {}
        self._answered: set[Place] = set()

    @property
    def outdated(self) -> bool:
        """Whether only another process can speak to a store with what is to be used now."""
        return self._environment is not None and self._environment.outdated

    def news(self) -> bool:
        """Tell whether there is something else to speak to a store with than at the last look."""
        return self._environment is not None and self._environment.look()

    def sink(self, place: Place) -> RunSink:
        """Return a store; at first, and after it did not answer, it is asked for a sign of life."""
        sink = self.sink_as_it_is(place)
        if place not in self._answered:
            sink.reach(REACH_S)
            self._answers(place)
        return sink

    def sink_as_it_is(self, place: Place) -> RunSink:
        """Return a store, whether or not it answers."""
        if place not in self._opened:
            sink = self._open(place)
            self._opened[place] = sink if self._environment is None else self._environment.sink(place, sink)
        return self._opened[place]

    def pause(self, place: Place, error: MlopsError) -> Pause:
        """Leave a store alone for a while, each time for longer."""
        self._answered.discard(place)
        pause = self._pauses.setdefault(place, Pause())
        pause.until = time.monotonic() + pause.length
        pause.length = min(pause.length * 2, LONGEST_PAUSE_S)
        pause.reason = error.message
        return pause

    def paused(self, place: Place) -> Pause | None:
        """Return why and how long a store is left alone, ``None`` when it is not."""
        pause = self._pauses.get(place)
        return pause if pause is not None and time.monotonic() < pause.until else None

    def hurry(self) -> None:
        """Ask those that did not answer again at once."""
        self._pauses.clear()

    def away(self, place: Place) -> Pause | None:
        """Ask whether a store answers before anything is sent there; return why not."""
        if place.uri.startswith(_FILES):
            return None
        if (pause := self.paused(place)) is not None:
            return pause
        try:
            self.sink_as_it_is(place).reach(REACH_S)
        except (Unavailable, Unauthorized) as away:
            return self.pause(place, away)
        self._answers(place)
        return None

    def _answers(self, place: Place) -> None:
        self._pauses.pop(place, None)
        self._answered.add(place)
