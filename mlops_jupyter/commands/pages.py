"""Pages that a verb writes where it is told to."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigurationError


def write(file: Path, text: str) -> str:
    """Write a page, in a folder that is made when it is missing, and return a note that says where.

    Raises
    ------
    ConfigurationError
        When it cannot be written.
    """
    place = file.expanduser()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write {file}: {error.strerror}", "name another file") from error
    return f"written to {file}"
