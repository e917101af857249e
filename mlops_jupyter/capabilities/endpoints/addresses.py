"""How an address below a Jupyter server names a project whose endpoints it leads to: by where it lies there."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from ...errors import CommandError, NotFound

_SEND = "follow the link that a deployment's card shows"


def key_of(project: Path, root: Path) -> str | None:
    """Return the word by which an address names a project; ``None`` for one that is not below the server's directory.

    A word and not a path: what lies between a browser and a server may change slashes and percent signs.

    Parameters
    ----------
    project
        The project's directory, absolute.
    root
        The directory that the server shows.
    """
    try:
        below = project.resolve().relative_to(root.resolve())
    except ValueError:
        return None
    return base64.urlsafe_b64encode(os.fsencode(below)).decode("ascii").rstrip("=")


def project_of(key: str, root: Path) -> Path:
    """Return the directory of the project that an address names.

    Parameters
    ----------
    key
        What `key_of` returns.
    root
        The directory that the server shows.

    Raises
    ------
    CommandError
        When it is no such word, or leads out of the server's directory, be it by a symbolic link.
    NotFound
        When nothing that this user can read is there.
    """
    try:
        below = Path(os.fsdecode(base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)))
        place = (root / below).resolve()
    except (binascii.Error, ValueError) as error:
        raise CommandError(f"{key} names no project", _SEND) from error
    if below.is_absolute() or ".." in below.parts or not place.is_relative_to(root.resolve()):
        raise CommandError(f"{str(below)!r} is no project below the server's directory", _SEND)
    if not os.access(place, os.R_OK | os.X_OK):
        raise NotFound(f"there is no project {str(below)!r} that can be read", "mlops deployments")
    return place
