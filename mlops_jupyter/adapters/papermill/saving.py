"""The executed notebook on its way to the disk: whole at any moment, and written again as it grows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nbformat
from papermill.engines import NotebookExecutionManager
from papermill.iorw import papermill_io

from ...capabilities.whole_files import replacing

# Between two writings at least so long, and at least so many times what the last one took.
_PAUSE_S, _SHARE = 0.5, 20.0


class Unwritable(Exception):
    """The executed notebook cannot be written: the disk is full, or the folder is gone."""


class AtomicFile:
    """Papermill's handler of one local file: who reads it sees the old content or the new, never half of it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str, path: str) -> None:
        """Replace the file."""
        try:
            with replacing(self._path) as unfinished:
                unfinished.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Unwritable(f"cannot write to {self._path}: {error.strerror}") from error

    def read(self, path: str) -> str:
        """Read the file."""
        return self._path.read_text(encoding="utf-8")

    @staticmethod
    def pretty_path(path: str) -> str:
        """Name the file as Papermill does."""
        return path


def written_whole(output: str | None) -> None:
    """Have Papermill write this file atomically, if it is one of this machine's: its own last writing too."""
    if output is not None and "://" not in output:
        path = Path(output).absolute()
        for name in {output, str(path)}:
            papermill_io.register(name, AtomicFile(path))


class Saving(NotebookExecutionManager):  # type: ignore[misc]
    """Papermill's account of a notebook that runs, written often enough for whoever looks, never more often."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._saved = 0.0
        self._took = 0.0
        self._owed = False

    def save(self, *, force: bool = False, **_: Any) -> None:
        """Write the notebook; where that was done a moment ago, it is owed."""
        if not self.output_path:
            return
        started = time.monotonic()
        self._owed = not force and started - self._saved < max(_PAUSE_S, _SHARE * self._took)
        if self._owed:
            return
        # As nbformat writes it, without the check against its schema that it makes each time.
        try:
            papermill_io.write(nbformat.v4.writes(self.nb) + "\n", self.output_path)
        finally:
            self._saved = time.monotonic()
            self._took = self._saved - started
        self.last_save_time = self.now()

    def save_owed(self) -> None:
        """Write the notebook if that is owed; called now and then while a cell runs, which may tell nothing more."""
        if not self._owed:
            return
        try:
            self.save()
        except Unwritable:
            # The cell's end writes again, and tells if there is still no room.
            self._owed = True

    def autosave_cell(self, **_: Any) -> None:
        """Write what a long cell has shown so far; called with each message from the kernel."""
        if self.autosave_cell_every:
            self.save()

    def notebook_complete(self, **options: Any) -> None:
        """Settle what Papermill says of the notebook; it writes that itself in a moment."""
        super().notebook_complete(**options)
        self.save(force=True)
