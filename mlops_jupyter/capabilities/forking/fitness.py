"""What makes a process fit to be forked: no thread in it whose loss would be felt.

A fork has the thread that forked and no other. A thread of Python's may hold any lock at that moment, and the child
would wait for it forever. Native threads are in order when their library sees to forks itself (docs/decisions/0020).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import PurePath

from . import linux

# What a file's name holds -> why its idle threads may be left behind. Each of them was looked at.
KNOWN = {
    "openblas": "ends its threads before each fork and starts them again at need (pthread_atfork)",
    "libmkl": "starts its threads again at need",
    "libomp.": "starts its threads again at need (pthread_atfork)",
    "libiomp5": "starts its threads again at need (pthread_atfork)",
}
# A thread's own name, where only the library itself gives it.
KNOWN_NAMES = {"jemalloc_bg_thd": "jemalloc's handlers take its locks before a fork; a child purges without it"}
_SYSTEM = ("libc.so", "libc-", "libpthread", "ld-linux", "libpython", "python3", "libstdc++", "libgcc_s", "libm.so")
_SETTLE_S, _LOOK_AGAIN_S = 1.0, 0.005


class Threads:
    """The threads of this process that are known and in order; it is asked again after each import."""

    def __init__(self) -> None:
        self._in_order: set[int] = set()
        self._python: set[threading.Thread] = {threading.main_thread()}

    def left_behind(self) -> str | None:
        """Say which threads are there that must not be, ``None`` when there are none.

        What it has named once it takes as known: each import answers for its own.
        """
        python = set(threading.enumerate()) - self._python
        if python:
            self._python |= python
            self._in_order |= {thread.native_id for thread in python if thread.native_id is not None}
            return _count(len(python), "Python thread") + _named(sorted(thread.name for thread in python))
        strangers = self._strangers()
        if not strangers:
            return None
        owners = sorted({_owner(thread) for thread in strangers})
        return _count(len(strangers), "thread") + _named(owners)

    def _strangers(self) -> list[linux.Thread]:
        end = time.monotonic() + _SETTLE_S
        while True:
            new = linux.thread_numbers() - self._in_order
            seen = [thread for number in new if (thread := linux.look_at(number)) is not None]
            self._in_order |= {thread.number for thread in seen if _in_order(thread)}
            strangers = [thread for thread in seen if not _in_order(thread)]
            # A thread that works may be one that has just begun, or one of a pool before it goes to sleep.
            if all(thread.libraries is not None for thread in strangers) or time.monotonic() > end:
                self._in_order |= {thread.number for thread in strangers}
                return strangers
            time.sleep(_LOOK_AGAIN_S)


def _in_order(thread: linux.Thread) -> bool:
    if thread.name in KNOWN_NAMES:
        return True
    return any(known in PurePath(file).name for file in _own(thread) for known in KNOWN)


def _own(thread: linux.Thread) -> list[str]:
    return [file for file in thread.libraries or () if not PurePath(file).name.startswith(_SYSTEM)]


def _owner(thread: linux.Thread) -> str:
    libraries = [PurePath(file).name for file in _own(thread)]
    return f"{thread.name} of {libraries[0]}" if libraries else thread.name


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _named(names: Iterable[str]) -> str:
    told = ", ".join(names)
    return f" ({told})" if told else ""
