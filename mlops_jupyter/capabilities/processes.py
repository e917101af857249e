"""Which process a number meant when it was written down: numbers are given again, and a machine is started anew."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path
from typing import NamedTuple

# Of /proc/PID/stat: the place of the start time among what follows the state.
_STARTED = 18


class ProcessId(NamedTuple):
    """A process for good.

    Attributes
    ----------
    pid
        Its number.
    started
        When it was started, in the kernel's own count, and in which run of the machine.
    """

    pid: int
    started: str


def identify(pid: int) -> ProcessId | None:
    """Return the process that has a number now, ``None`` when there is none; one that has ended is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_bytes()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The program's name is in brackets and may hold any sign.
    state, *rest = told.rpartition(b")")[2].split()
    if state in {b"Z", b"X"}:
        return None
    return ProcessId(pid, f"{boot}:{rest[_STARTED].decode()}")


def lives(process: ProcessId) -> bool:
    """Tell whether it is this very process that has the number now."""
    return process.pid > 0 and identify(process.pid) == process


def end(process: ProcessId, patience_s: float) -> None:
    """Ask a process to end, and kill it when it has not after some seconds; it need not be a child."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # Between the look and the signal nobody else can get the number: the handle holds the process.
        if not lives(process):
            return
        for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if _ended(handle, process, wait_s):
                return
    finally:
        os.close(handle)


def wait(process: ProcessId, limit_s: float) -> bool:
    """Wait until a process has ended; tell whether it has."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return _ended(handle, process, limit_s)
    finally:
        os.close(handle)


def _ended(handle: int, process: ProcessId, limit_s: float) -> bool:
    return not lives(process) or bool(select.select([handle], [], [], max(0.0, limit_s))[0])
