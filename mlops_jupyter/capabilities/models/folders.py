"""Models' folders on this machine, each called by the SHA-256 over its files.

A folder appears whole or not at all, and is never written to again: what an endpoint loads is what was looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import ConfigurationError

_NEW = ".new-"
_FORGOTTEN_S = 24 * 3600
_SOURCES = "sources"
# What Python writes beside the code of a model that it imports; no part of the model.
_CACHE = "__pycache__"


def digest(folder: Path) -> str:
    """Return the SHA-256 over a folder's files, their names among it, but for what Python has compiled.

    Raises
    ------
    ConfigurationError
        When there is anything in it but files and folders: a link may lead anywhere.
    """
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix()):
        if _CACHE in file.relative_to(folder).parts:
            continue
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            raise ConfigurationError(
                f"{file.relative_to(folder)} in the model's folder is no plain file", "replace links by what they name"
            )
        if file.is_file():
            with file.open("rb") as content:
                found = hashlib.file_digest(content, "sha256")
            name = file.relative_to(folder).as_posix().encode("utf-8", "surrogateescape")
            whole.update(len(name).to_bytes(8, "big") + name + found.digest())
    return whole.hexdigest()


def unchanged(folder: Path, found: str) -> bool:
    """Tell whether a folder's files are those of a digest; what Python has compiled of them is removed."""
    # Python would run it unseen.
    for compiled in folder.rglob(_CACHE):
        shutil.rmtree(compiled, ignore_errors=True)
    return folder.is_dir() and digest(folder) == found


@contextmanager
def making(store: Path) -> Iterator[Path]:
    """Give an empty folder in which a model is put together; what is not kept of it is gone afterwards."""
    store.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in store.glob(f"{_NEW}*"):
        # Of a process that was killed at it.
        if time.time() - left.stat().st_mtime > _FORGOTTEN_S:
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=_NEW, dir=store))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def keep(made: Path, store: Path) -> tuple[Path, str]:
    """Move a model's folder to its place; return the place and the digest."""
    found = digest(made)
    unchanged(made, found)
    place = store / found
    if place.is_dir() and not unchanged(place, found):
        # Somebody has written to it since.
        shutil.rmtree(place)
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    return place, found


def kept(store: Path, source: str) -> tuple[Path, str] | None:
    """Return the place and digest of a model that was fetched from a source before, if it is still as it was."""
    try:
        found = json.loads(_note(store, source).read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    place = store / str(found)
    return (place, str(found)) if unchanged(place, str(found)) else None


def remember(store: Path, source: str, found: str) -> None:
    """Note which model a source has, of one that never changes."""
    note = _note(store, source)
    note.parent.mkdir(mode=0o700, exist_ok=True)
    new = note.with_name(f"{note.name}.{os.getpid()}.new")
    new.write_text(json.dumps({"digest": found}), encoding="utf-8")
    new.replace(note)


def forget(store: Path, found: str) -> None:
    """Remove a model's folder, and what is noted of where it came from."""
    shutil.rmtree(store / found, ignore_errors=True)
    for note in (store / _SOURCES).glob("*.json"):
        try:
            named = json.loads(note.read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if named == found:
            note.unlink(missing_ok=True)


def _note(store: Path, source: str) -> Path:
    return store / _SOURCES / f"{hashlib.sha256(source.encode()).hexdigest()[:32]}.json"
