"""Locks on files that say that a process lives.

A lock is the process's own (fcntl, not flock): a forked child does not hold it, and the system gives it back however
the process ends. Whoever closes any descriptor of such a file gives up every lock that its process has on it; so what
is held here is remembered, and a question about it does not touch the file.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

_Key = tuple[int, int, int]
# By process, device and inode: a forked child inherits the set, and holds none of it.
_held_here: set[_Key] = set()


class Hold:
    """A lock on a file for as long as this process lives, or until it is given back.

    Parameters
    ----------
    path
        The file, made where it is missing.

    Raises
    ------
    OSError
        When it cannot be made, or somebody else holds it.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._key = _key(os.fstat(self._file))
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            os.close(self._file)
            raise
        _held_here.add(self._key)

    def give_back(self) -> None:
        """Close the file."""
        _held_here.discard(self._key)
        os.close(self._file)


def held(path: Path) -> bool:
    """Tell whether a process that lives holds a file's lock."""
    try:
        if _key(path.stat()) in _held_here:
            return True
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _key(status: os.stat_result) -> _Key:
    return os.getpid(), status.st_dev, status.st_ino
