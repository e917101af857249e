"""The kernel's line to the shipper: a named pipe that it listens at while it lives."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from warnings import warn

PIPE = "shipper.pipe"
HURRY = b"!"
# A shipper that has been started needs so long to listen at the most.
_STARTING_S = 3.0
_WAKE_S = 1.0

T = TypeVar("T")


class ShipperLink:
    """Wakes a project's shipper, and starts it when there is none.

    Parameters
    ----------
    root
        The folder of the journals.
    start
        Starts a shipper, which ends by itself when another is there.
    """

    def __init__(self, root: Path, start: Callable[[], None]) -> None:
        self._root = root
        self._start = start
        self._started = -_STARTING_S

    def wake(self, *, hurry: bool = False) -> None:
        """Have the shipper look now; in a hurry, it asks stores that did not answer again at once."""
        try:
            pipe = os.open(self._root / PIPE, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if time.monotonic() - self._started >= _STARTING_S:
                self._started = time.monotonic()
                self._begin(error)
            return
        try:
            # A full pipe has woken it already, and one that ends right now will have looked once more.
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(pipe, HURRY if hurry else b"\n")
        finally:
            os.close(pipe)

    def wait(self, look: Callable[[], T], done: Callable[[T], bool], timeout_s: float, every_s: float) -> T:
        """Look again and again until what is seen will do, so long at the most; return what was seen last.

        The shipper notes its progress in files: looking there is all there is to wait for. It is woken once a second,
        because one that was just dying took the call before with it.
        """
        seen, woken = look(), time.monotonic()
        deadline = woken + timeout_s
        while not done(seen) and time.monotonic() < deadline:
            time.sleep(every_s)
            if time.monotonic() - woken > _WAKE_S:
                woken = time.monotonic()
                self.wake()
            seen = look()
        return seen

    def _begin(self, error: OSError) -> None:
        try:
            # Nobody listens, or nobody ever has.
            if error.errno not in {errno.ENXIO, errno.ENOENT}:
                raise error
            self._start()
        except OSError as failed:
            # No reason to lose what is being logged: the journal keeps it for whoever ships next.
            warn(f"what is logged is kept in {self._root}, but nobody brings it to the store: {failed}", stacklevel=4)
