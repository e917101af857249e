"""Ctrl-C where something must not be left half done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from mlops_jupyter.capabilities import interrupts


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def holding(*acts: Callable[[], object]) -> None:
    with interrupts.held():
        for act in acts:
            act()


def test_the_first_is_held_to_the_end():
    done = []
    with pytest.raises(KeyboardInterrupt):
        holding(interrupt, lambda: done.append("the rest"))
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_is_not():
    done = []
    with pytest.raises(KeyboardInterrupt):
        holding(interrupt, interrupt, lambda: done.append("the rest"))
    assert done == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_outer_one_holds():
    done = []
    with pytest.raises(KeyboardInterrupt):
        holding(lambda: holding(interrupt), lambda: done.append("the rest"))
    assert done == ["the rest"]


def test_an_error_is_told_instead():
    with pytest.raises(ZeroDivisionError):
        holding(interrupt, lambda: 1 / 0)


def test_whoever_handled_it_gets_it():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("cancelled"))
    try:
        with interrupts.held():
            interrupt()
            assert heard == []
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == ["cancelled"]


def test_other_threads_and_ignored_signals_are_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.held():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    handlers = []

    def look() -> None:
        with interrupts.held():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert handlers == [signal.default_int_handler]
