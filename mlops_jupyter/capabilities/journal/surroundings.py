"""What speaking to a store takes of a process's environment: left by who opens runs, for who ships them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

from ...errors import Unavailable
from ..private_files import write_private
from .listing import files_of

_FOLDER = "stores"


class Surroundings:
    """The environment variables that go with each store, each store's in a file that only its owner can read.

    Parameters
    ----------
    root
        The folder of the journals.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    def leave(self, store: str, variables: Mapping[str, str]) -> None:
        """Say what holds for a store from now on: the last word counts.

        Raises
        ------
        Unavailable
            When it cannot be written: the disk is full or read-only.
        """
        file, text = self._file(store), json.dumps(dict(sorted(variables.items())))
        try:
            if file.exists() and file.read_text(encoding="utf-8") == text:
                # What nobody has needed for a while is removed.
                os.utime(file)
                return
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(file, text)
        except OSError as error:
            raise Unavailable("journal", f"cannot write to {self._folder}: {error.strerror}", "mlops doctor") from error

    def of(self, store: str) -> dict[str, str] | None:
        """Return what was said last of a store, ``None`` when nothing was."""
        try:
            found: dict[str, str] = json.loads(self._file(store).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found

    def changed_ns(self, store: str) -> int:
        """Return when something was said of a store."""
        try:
            return self._file(store).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def forget(self, older_than_s: float) -> None:
        """Remove what nobody has said for so long."""
        for file in files_of(self._folder, ".json"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime >= older_than_s:
                    file.unlink()

    def _file(self, store: str) -> Path:
        # A store's address may hold credentials, and signs that a file's name may not.
        return self._folder / f"{hashlib.sha256(store.encode()).hexdigest()[:32]}.json"
