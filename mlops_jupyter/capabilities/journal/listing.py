"""What lies in a folder that another process may remove at any moment."""

from __future__ import annotations

import os
from pathlib import Path


def files_of(folder: Path, ending: str = "") -> list[Path]:
    """Return the files of a folder whose names end so; of one that is gone there are none.

    `pathlib.Path.glob` raises `FileNotFoundError` when the folder goes between its two looks.
    """
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.name.endswith(ending)]
    except FileNotFoundError:
        return []
