"""A run that is being shipped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ...records import RunStart
from ..journal import Follower, RunFolder, Shipped
from .stores import Place


@dataclass
class Work:
    """A run that is being shipped.

    Attributes
    ----------
    folder, start, shipped, follower
        Where it lies, what it is, how far it is shipped, and what reads it.
    last_ms
        The instant of the last point that is shipped.
    seen_alive
        Whether its process was seen alive.
    heartbeat
        When the store was told so last.
    aside_at
        When artifacts that were set aside are tried again.
    blocked_until
        When it is looked at again, after trouble of its own.
    quiet_ns
        When its folder had last changed, once nobody writes there and it waits for its store alone.
    """

    folder: RunFolder
    start: RunStart
    shipped: Shipped
    follower: Follower
    last_ms: int = 0
    seen_alive: bool = False
    heartbeat: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 -- tests set the clock
    aside_at: float = 0.0
    blocked_until: float = 0.0
    quiet_ns: int = 0

    @property
    def home(self) -> Place:
        """The store that it goes to."""
        return Place(self.start.store, self.start.workspace)

    @property
    def run_id(self) -> str:
        """The run's id where it is now."""
        return self.start.run_id if self.shipped.local else self.shipped.run_id or self.start.run_id
