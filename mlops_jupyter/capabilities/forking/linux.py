"""What Linux says of processes and threads, and does for them, that Python has no call for."""

from __future__ import annotations

import ctypes
import os
import signal
from functools import cache
from pathlib import Path
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
_STACK_BYTES = 4096
_WORD = 8
_C = ctypes.CDLL(None, use_errno=True)


class Thread(NamedTuple):
    """A thread of this process.

    ``libraries`` are the files of code that stand on its stack, ``None`` while it works.
    """

    number: int
    name: str
    libraries: tuple[str, ...] | None


class _Code(NamedTuple):
    start: int
    end: int
    file: str


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, however that ends.

    Parameters
    ----------
    parent
        The parent's process id: it may have ended before this call.
    """
    _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def thread_numbers() -> set[int]:
    """Return the threads of this process but the main one."""
    return {int(number) for number in os.listdir("/proc/self/task")} - {os.getpid()}  # noqa: PTH208


def look_at(number: int) -> Thread | None:
    """Look at a thread, ``None`` when it has ended.

    Whose it is, its name seldom says: a new thread bears its maker's. The return addresses on its stack do.
    """
    place = Path(f"/proc/self/task/{number}")
    try:
        name = (place / "comm").read_text().strip()
        return Thread(number, name, _libraries(place))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _libraries(place: Path) -> tuple[str, ...] | None:
    try:
        now = (place / "syscall").read_text().split()
        if now[0] == "running":
            return None
        with Path("/proc/self/mem").open("rb", buffering=0) as memory:
            memory.seek(int(now[-2], 16))
            stack = memory.read(_STACK_BYTES)
    except (PermissionError, OverflowError):
        # Whose it is, cannot be told here: then it is a stranger.
        return ()
    words = (int.from_bytes(stack[at : at + _WORD], "little") for at in range(0, len(stack) - _WORD + 1, _WORD))
    code = _code(_mapped())
    return tuple(sorted({region.file for word in words for region in code if region.start <= word < region.end}))


def _mapped() -> int:
    """Return the number of mapped regions, by which a list of them is known to be old."""
    with Path("/proc/self/maps").open("rb") as maps:
        return sum(1 for _ in maps)


@cache
def _code(_stamp: int) -> tuple[_Code, ...]:
    regions = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        addresses, rights, *_, file = line.split(maxsplit=5)
        if "x" in rights and file.startswith("/"):
            start, end = (int(address, 16) for address in addresses.split("-"))
            regions.append(_Code(start, end, file))
    return tuple(regions)


def proportional_bytes(process: int) -> int:
    """Return a process's memory with its share of what it has in common with others (PSS)."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
