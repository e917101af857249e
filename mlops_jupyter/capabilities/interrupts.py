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
    first = _First()
    if threading.current_thread() is not threading.main_thread():
        yield first.came
        return
    with _heard_by(first):
        yield first.came


@contextmanager
def held() -> Iterator[None]:
    """Hold the first Ctrl-C back until the block has ended, and act on it then; the second one raises at once.

    A block that raises an error is not interrupted any more. Within another such block, or one in which interrupts are
    noted, it is the outer one that has it. Where nothing of Python's handles the signal, and outside of the main
    thread, there is nothing to hold.
    """
    handler = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if not callable(handler) or isinstance(handler, _First):
        yield
        return
    first = _First()
    with _heard_by(first):
        yield
    if first.heard is not None:
        handler(*first.heard)


class _First:
    """A handler that notes the first signal, and raises `KeyboardInterrupt` at the second."""

    heard: tuple[int, FrameType | None] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.heard is not None:
            raise KeyboardInterrupt
        self.heard = number, frame

    def came(self) -> bool:
        return self.heard is not None


@contextmanager
def _heard_by(handler: _First) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
