"""Reading an endpoint's log, also while it is written and rotated."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

_POLL_S = 0.2


def last_lines(log: Path, most: int) -> tuple[str, ...]:
    """Return the last lines, from the file before the present one too."""
    found: deque[str] = deque(maxlen=most)
    for file in (log.with_name(f"{log.name}.1"), log):
        try:
            with file.open(encoding="utf-8", errors="replace") as lines:
                found.extend(line.rstrip("\n") for line in lines)
        except FileNotFoundError:
            continue
    return tuple(found)


def following(log: Path, alive: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
    """Yield the lines that are written from now on, until whoever writes has ended; nothing now and then."""
    file = log.open(encoding="utf-8", errors="replace")
    try:
        file.seek(0, 2)
        while True:
            lives = alive()
            lines = tuple(line.rstrip("\n") for line in file)
            yield lines
            if lines:
                continue
            if log.exists() and log.stat().st_ino != _inode(file.fileno()):
                file.close()
                file = log.open(encoding="utf-8", errors="replace")
            elif not lives:
                return
            time.sleep(_POLL_S)
    finally:
        file.close()


def _inode(handle: int) -> int:
    return Path(f"/proc/self/fd/{handle}").stat().st_ino
