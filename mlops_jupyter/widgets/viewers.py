"""Which views of a widget somebody can see."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from IPython.core.getipython import get_ipython

if TYPE_CHECKING:
    from IPython.core.events import EventManager

# A view that is seen says so every five seconds.
LEASE_S = 20.0


class Viewers:
    """The views that have said that they are seen, until they say something else or nothing any more.

    A page whose network or browser is gone cannot say that nobody sees it. While a cell runs nobody is heard, and
    that time does not count.

    Parameters
    ----------
    events
        Tells when a cell begins and ends; those of this kernel unless they are given, if this is a kernel.
    """

    def __init__(self, events: EventManager | None = None) -> None:
        shell = get_ipython()
        self._events = events or (shell.events if shell is not None else None)
        self._heard_s: dict[str, float] = {}
        # A widget is made by a cell, which runs still.
        self._busy = self._events is not None
        self._free_s = time.monotonic()
        if self._events is not None:
            self._events.register("pre_run_cell", self._begun)
            self._events.register("post_run_cell", self._ended)

    def note(self, view: str, *, seen: bool) -> None:
        """Take note of what a view says of itself."""
        if seen:
            self._heard_s[view] = time.monotonic()
        else:
            self._heard_s.pop(view, None)

    def any(self) -> bool:
        """Say whether any view is seen, and forget those that were not heard for long."""
        now_s = time.monotonic()
        for view, heard_s in list(self._heard_s.items()):
            if not self._busy and now_s - max(heard_s, self._free_s) > LEASE_S:
                self._heard_s.pop(view, None)
        return bool(self._heard_s)

    def end(self) -> None:
        """Listen to the kernel's cells no more."""
        if self._events is not None:
            self._events.unregister("pre_run_cell", self._begun)
            self._events.unregister("post_run_cell", self._ended)
            self._events = None

    def _begun(self, *_: object) -> None:
        self._busy = True

    def _ended(self, *_: object) -> None:
        self._busy, self._free_s = False, time.monotonic()
