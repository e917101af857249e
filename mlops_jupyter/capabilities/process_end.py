"""What must still be done when the process exits, is told to terminate, or forks."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

_CLOSING_S = 3.0

_close: Callable[[], None] | None = None
_before_mlflow = False
_forking = threading.local()


def close_when_the_process_ends(close: Callable[[], None]) -> None:
    """Call a function at the process's end, also at a SIGTERM that nobody else handles.

    Hooks run last in, first out, and MLflow's own ends every run as FINISHED: once MLflow has been imported, ours is
    registered anew so that it runs first. A SIGTERM that nobody handles runs no hook at all.
    """
    global _close, _before_mlflow  # noqa: PLW0603
    if _close is None:
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
    if _close is None or (_before_mlflow and "mlflow" in sys.modules):
        atexit.unregister(close)
        atexit.register(close)
        _before_mlflow = "mlflow" not in sys.modules
    _close = close
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def give_signals_back(*, open_runs: bool) -> None:
    """Leave SIGTERM to its default again when nothing is open."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not open_runs and in_main_thread and signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, _frame: FrameType | None) -> None:
    # The body may be in the middle of a call and hold its locks: another thread closes, or gives up.
    closing = threading.Thread(target=_close, daemon=True)
    closing.start()
    closing.join(_CLOSING_S)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


# A forked worker may log to the open runs, but their end is not its own: its pool terminates it. Python forgets a
# signal that arrives while it forks if a handler of Python's takes it, so it has to wait until the default is back.
def _before_fork() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _after_fork() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _after_fork_in_child() -> None:
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _after_fork()
