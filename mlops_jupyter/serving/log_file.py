"""An endpoint's log: each line with its time and its process, in a file that does not grow for ever."""

from __future__ import annotations

import os
import time
from itertools import pairwise
from pathlib import Path

_MOST_BYTES, _KEPT = 5_000_000, 3
# A model that prints without a line's end must not fill the memory.
_LONGEST = 16_384


class LogFile:
    """A log that is rotated; what cannot be written is counted and told as soon as there is room again.

    Parameters
    ----------
    path
        The file; older ones are called the same with ``.1`` and so on.
    most_bytes, kept
        How long it gets, and how many older ones are kept.
    """

    def __init__(self, path: Path, *, most_bytes: int = _MOST_BYTES, kept: int = _KEPT) -> None:
        self._path = path
        self._most_bytes, self._kept = most_bytes, kept
        self._lost = 0
        self._file = -1
        self._size = 0
        self._open()

    def write(self, said: str, pid: int | None = None) -> None:
        """Write a line, of a worker or of the supervisor itself; a full disk stops nobody."""
        lines = [] if not self._lost else [f"{self._lost} lines could not be written"]
        stamp = f"{_stamp()} [{os.getpid() if pid is None else pid}] "
        data = "".join(f"{stamp}{one}\n" for one in [*lines, said]).encode("utf-8", "replace")
        try:
            if self._size + len(data) > self._most_bytes:
                self._rotate()
            os.write(self._file, data)
        except OSError:
            self._lost += 1
            return
        self._lost = 0
        self._size += len(data)

    def take_standard_streams(self) -> None:
        """Let what this process itself prints, a traceback at the worst, go into the file."""
        for number in (1, 2):
            os.dup2(self._file, number)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _open(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if self._file < 0:
            self._file = file
        else:
            # The same number: whoever holds it writes into the new file.
            os.dup2(file, self._file, inheritable=False)
            os.close(file)
            self.take_standard_streams()
        self._size = os.fstat(self._file).st_size

    def _rotate(self) -> None:
        older = [self._path, *(self._path.with_name(f"{self._path.name}.{one}") for one in range(1, self._kept + 1))]
        for newer, name in reversed(list(pairwise(older))):
            if newer.exists():
                newer.replace(name)
        self._open()


class Lines:
    """What a process prints, line by line."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that these bytes complete; no bytes are the end."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST or (not data and self._rest):
            whole, self._rest = [*whole, self._rest], b""
        return [one.decode("utf-8", "replace").rstrip("\r") for one in whole]


def _stamp() -> str:
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
