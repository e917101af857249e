"""Files of the user's that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STATUS = Path("/proc/self/status")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name to write to; at the end of the block, that file takes the place of another at one stroke.

    It lies where the other one does, also through a link, and gets its rights, else those of any new file. When the
    block raises, the other one stays as it was.

    Raises
    ------
    OSError
        When the folder cannot be made or written.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
    os.close(handle)
    unfinished = Path(name)
    try:
        yield unfinished
        # A temporary file is its owner's alone.
        unfinished.chmod(target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~file_mask())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def file_mask() -> int:
    """Return this process's umask, where the system tells it without a moment in which it is another."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
