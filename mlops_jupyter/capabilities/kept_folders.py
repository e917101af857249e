"""Folders of which only so many are kept: old ones go, and the oldest where all of them take too much room."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class _Kept(NamedTuple):
    written_s: float
    size: int
    folder: Path


def prune(place: Path, *, now_s: float, longest_s: float, most_bytes: int) -> None:
    """Remove folders that nobody has written to for so long, then the oldest until the others take so much room.

    Parameters
    ----------
    place
        Where the folders lie; it need not be there.
    now_s
        The time, in seconds since the epoch.
    longest_s
        How long a folder is kept.
    most_bytes
        How much all of them may take.
    """
    try:
        kept = sorted(_look(folder) for folder in place.iterdir() if folder.is_dir())
    except OSError:
        # There is none, or it is no folder: whoever wants to write there says so.
        return
    left = sum(one.size for one in kept)
    for one in kept:
        if one.written_s >= now_s - longest_s and left <= most_bytes:
            return
        shutil.rmtree(one.folder, ignore_errors=True)
        left -= one.size


def _look(folder: Path) -> _Kept:
    written_s, size = folder.stat().st_mtime, 0
    for file in folder.iterdir():
        # Others may be writing here.
        with suppress(FileNotFoundError):
            stat = file.stat()
            written_s, size = max(written_s, stat.st_mtime), size + stat.st_size
    return _Kept(written_s, size, folder)
