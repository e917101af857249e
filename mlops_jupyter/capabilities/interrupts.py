"""Ctrl-C as a wish: noted, and granted where nothing is left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C instead of raising `KeyboardInterrupt`; the second one raises it at once.

    Yields
    ------
    Callable
        Tells whether there was one. Outside of the main thread, which alone gets signals, there is none.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def note(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def held() -> Iterator[None]:
    """Hold the first Ctrl-C back until the block has ended, and act on it then; the second one raises at once.

    A block that raises an error is not interrupted any more. Within another such block it is the outer one that holds.
    Where nothing of Python's handles the signal, and outside of the main thread, there is nothing to hold.
    """
    handler = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(handler) or isinstance(handler, _Holding):
        yield
        return
    holding = _Holding()
    signal.signal(signal.SIGINT, holding)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if holding.held is not None:
        handler(*holding.held)


class _Holding:
    held: tuple[int, FrameType | None] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.held is not None:
            raise KeyboardInterrupt
        self.held = number, frame
