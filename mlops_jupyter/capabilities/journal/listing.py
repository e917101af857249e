"""What lies in a folder that another process may remove at any moment."""

from __future__ import annotations

import os
from pathlib import Path


def entries_of(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what lies in a folder; in one that is gone there is nothing.

    `pathlib.Path.glob` raises `FileNotFoundError` when the folder goes between its two looks.
    """
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def files_of(folder: Path, ending: str = "") -> list[Path]:
    """Return the files of a folder whose names end so."""
    return [Path(entry.path) for entry in entries_of(folder) if entry.name.endswith(ending)]
