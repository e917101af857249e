"""How a kernel's process ended: seen at once, and told in words."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from contextlib import suppress
from pathlib import Path

_SAMPLE_S = 0.25
_MEGABYTE = 1024**2
_STDERR, _SAID = 2, 2000
_REASONS = {
    signal.SIGSEGV: "a crash in native code",
    signal.SIGABRT: "native code gave up",
    signal.SIGBUS: "a crash in native code, or a disk that is full",
    signal.SIGILL: "native code built for another processor",
    signal.SIGTERM: "somebody ended it",
}


class KernelProcess:
    """Watches the process of a kernel on this machine.

    Parameters
    ----------
    pid
        The process, ``None`` for a kernel that is elsewhere: then nothing is seen.
    """

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._peak = 0
        self._kills = _out_of_memory_kills()
        self._descriptor: int | None = None
        self._errors_from = _errors_end()
        if pid is not None and hasattr(os, "pidfd_open"):
            with suppress(OSError):
                self._descriptor = os.pidfd_open(pid)

    @property
    def group(self) -> int | None:
        """The process group that the kernel leads, if it leads one."""
        try:
            return self._pid if self._pid is not None and os.getpgid(self._pid) == self._pid else None
        except ProcessLookupError:
            return self._pid if self._pid != os.getpgid(0) else None

    async def ended(self) -> None:
        """Return when the process has ended; for one that cannot be watched, never."""
        if self._descriptor is None:
            await asyncio.get_running_loop().create_future()
            return
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._descriptor, gone.set)
        try:
            while not gone.is_set():
                self.look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(gone.wait(), _SAMPLE_S)
        finally:
            loop.remove_reader(self._descriptor)

    def look(self) -> None:
        """Note how much memory the process has used at the most."""
        if self._pid is None:
            return
        with suppress(OSError):
            for line in Path(f"/proc/{self._pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith("VmHWM:"):
                    self._peak = max(self._peak, int(line.split()[1]) * 1024)

    def close(self) -> None:
        """Watch no longer."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def last_words(self) -> tuple[str, ...]:
        """Return the last line that came to our standard error, which the process shares, since it is watched.

        Nothing where there is none, or where that goes to a terminal or a pipe and cannot be read again.
        """
        if self._errors_from is None:
            return ()
        with suppress(OSError):
            said = os.pread(_STDERR, _SAID, max(self._errors_from, (_errors_end() or 0) - _SAID))
            lines = said.decode(errors="replace").split("\n")
            return tuple(f"({line.strip()})" for line in lines if line.strip())[-1:]
        return ()

    def told(self, code: int | None) -> str:
        """Say how it ended, by its exit code as `subprocess` has it."""
        if code is None:
            said = "the kernel ended"
        elif code >= 0:
            said = f"the kernel ended by itself with exit code {code}"
        else:
            said = f"the kernel was killed by {_name(-code)}{self._reason(-code)}"
        return f"{said}; it had used {_size(self._peak)} at the most" if self._peak else said

    def _reason(self, number: int) -> str:
        if number == signal.SIGKILL:
            if self._kills is not None and (_out_of_memory_kills() or 0) > self._kills:
                return ": the machine had run out of memory"
            return ", as the system does when memory runs out"
        return f": {_REASONS[signal.Signals(number)]}" if number in _REASONS else ""


def _errors_end() -> int | None:
    """Return where the file ends that our standard error is, if it is one."""
    with suppress(OSError):
        found = os.fstat(_STDERR)
        return found.st_size if stat.S_ISREG(found.st_mode) else None
    return None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _size(count: int) -> str:
    return f"{count / 1024 / _MEGABYTE:.1f} GB" if count >= 1024 * _MEGABYTE else f"{count / _MEGABYTE:.0f} MB"


def _out_of_memory_kills() -> int | None:
    """Return how many processes this machine has killed for lack of memory, where it counts them."""
    if sys.platform != "linux":
        return None
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None
