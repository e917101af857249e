"""What the arguments of verbs mean."""

from __future__ import annotations

import difflib
from pathlib import Path

from ..errors import CommandError, NotFound
from ..protocols import Names


def names(given: Names) -> tuple[str, ...]:
    """Return names that were given as ``a,b`` or one by one."""
    return tuple(filter(None, (one.strip() for one in (given.split(",") if isinstance(given, str) else given))))


def notebook_path(given: Path) -> Path:
    """Return a notebook's absolute path, links followed, whether or not there is such a file now.

    Raises
    ------
    CommandError
        When it is a directory.
    """
    path = given.expanduser()
    if path.is_dir():
        raise CommandError(f"{given} is a directory, not a notebook", f"ls {given}/*.ipynb")
    return path.resolve()


def notebook_file(given: Path) -> Path:
    """Return a notebook's absolute path, links followed.

    Raises
    ------
    CommandError
        When it is a directory.
    NotFound
        When there is no such file; the nearest name is suggested.
    """
    found, path = notebook_path(given), given.expanduser()
    if not found.is_file():
        near = difflib.get_close_matches(path.name, [other.name for other in path.parent.glob("*.ipynb")], n=1)
        hint = f"did you mean {path.parent / near[0]}?" if near else "check the path"
        raise NotFound(f"there is no notebook {given}", hint)
    return found
