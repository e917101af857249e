"""A copy of a project in which a notebook can be executed without touching the project."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# What no notebook reads as data, or what is made anew.
_SKIPPED = {
    ".git", ".hg", ".hypothesis", ".ipynb_checkpoints", ".mlops", ".mypy_cache", ".nox", ".pytest_cache",
    ".ruff_cache", ".svn", ".tox", "__pycache__", "mlartifacts", "mlruns", "node_modules",
}  # fmt: skip
_ENVIRONMENT = "pyvenv.cfg"
_CONDA = "conda-meta"
COPIED_BYTES, COPIED_FILES = 2_000_000_000, 20_000
# Linux's request to let two files share their content until one of them changes.
_FICLONE = 0x40049409


class Filled(NamedTuple):
    """What was brought into a copy: how many files as copies, and how many as links to the originals."""

    copied: int
    linked: int


def fill(source: Path, target: Path, *, most_bytes: int = COPIED_BYTES, most_files: int = COPIED_FILES) -> Filled:
    """Bring into a copy what it lacks of a project: data that version control does not hold.

    Small files are copied first; what is past the limits is linked. Version control's own files, virtual environments
    and caches stay away.
    """
    found = sorted(_missing(source, target))
    copied = linked = total = 0
    for size, path in found:
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        original = source / path
        total += size
        if original.is_symlink():
            # Where a relative one leads depends on where it stands.
            place.symlink_to(original.resolve())
            copied += 1
        elif total <= most_bytes and copied < most_files:
            _copy(original, place)
            copied += 1
        else:
            place.symlink_to(original)
            linked += 1
    return Filled(copied, linked)


def _missing(source: Path, target: Path) -> Iterator[tuple[int, Path]]:
    for directory, folders, files in os.walk(source):
        here = Path(directory)
        folders[:] = sorted(name for name in folders if not _left_out(here / name, target))
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            path = here / name
            relative = path.relative_to(source)
            if not os.path.lexists(target / relative) and (path.is_file() or path.is_symlink()):
                yield path.lstat().st_size, relative


def _left_out(folder: Path, target: Path) -> bool:
    environment = (folder / _ENVIRONMENT).exists() or (folder / _CONDA).is_dir()
    return folder.name in _SKIPPED or environment or folder == target


def _copy(original: Path, place: Path) -> None:
    try:
        with original.open("rb") as source, place.open("wb") as target:
            fcntl.ioctl(target, _FICLONE, source.fileno())
        shutil.copystat(original, place)
    except OSError:
        # A file system that cannot share content, or two of them.
        shutil.copy2(original, place)
