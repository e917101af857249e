"""Notebooks as a front end has them, unsaved edits too, as far as one tells this process."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

# Of each notebook, by the path that the front end calls it, its JSON. A kernel belongs to one; consoles to more.
_told: dict[PurePosixPath, bytes] = {}
_MOST = 8


def tell(path: str, content: bytes) -> None:
    """Take a document as it is now.

    Parameters
    ----------
    path
        As the front end calls it: absolute, or relative to a directory that only its server knows.
    content
        The notebook's JSON.
    """
    name = PurePosixPath(path)
    _told.pop(name, None)
    _told[name] = content
    while len(_told) > _MOST:
        del _told[next(iter(_told))]


def forget() -> None:
    """Forget what was told: nobody tells any more, so that it may be out of date from now on."""
    _told.clear()


def content_of(notebook: Path) -> bytes | None:
    """Return what was told last of a notebook, by its absolute path; ``None`` when nobody tells of it."""
    parts = PurePosixPath(notebook.as_posix()).parts
    for name, content in reversed(_told.items()):
        if parts[-len(name.parts) :] == name.parts:
            return content
    return None
