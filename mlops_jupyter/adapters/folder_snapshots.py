"""Snapshots as folders below ``.mlops``: for a project that is in no version control system.

A snapshot's folder is named by a digest of what it holds, so that the same state is kept once. It holds the notebooks
alone: what else belongs to the project, nobody has said here.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from ..capabilities.provenance import user
from ..errors import CommandError, Conflict, NotFound
from ..protocols import StoredSnapshot

_NOTE, _FILES = "snapshot.json", "files"
_SHORTEST = 4


class FolderSnapshots:
    """The snapshots below one folder.

    Parameters
    ----------
    folder
        Where they lie.
    root
        The project's directory, which the notebooks' paths are relative to.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root

    def top(self, directory: Path) -> Path | None:
        """Return the project's directory."""
        return self._root

    def take(
        self, directory: Path, notebooks: Mapping[Path, bytes], title: str, *, project: Path | None = None
    ) -> tuple[StoredSnapshot, bool]:
        """Keep notebooks with this content; say whether it is a new snapshot."""
        files = {self._name(path): content for path, content in sorted(notebooks.items())}
        digest = hashlib.sha256()
        for name, content in files.items():
            for part in (name.encode(), content):
                digest.update(len(part).to_bytes(8, "big") + part)
        folder = self._folder / digest.hexdigest()
        if folder.is_dir():
            return self._told(folder), False
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".taking-", dir=self._folder))
        try:
            for name, content in files.items():
                file = unfinished / _FILES / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            note = {
                "time": datetime.now(UTC).isoformat(),
                "title": title,
                "author": user(),
                "notebooks": list(files),
            }
            (unfinished / _NOTE).write_text(json.dumps(note, ensure_ascii=False, indent=1), encoding="utf-8")
            unfinished.rename(folder)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not folder.is_dir():
                raise
            # Another process has taken the same one meanwhile.
            return self._told(folder), False
        return self._told(folder), True

    def resolve(self, directory: Path, name: str) -> StoredSnapshot | None:
        """Return the snapshot whose digest begins like this, ``None`` for no such one."""
        if len(name) < _SHORTEST:
            return None
        found = [folder for folder in self._each() if folder.name.startswith(name.lower())]
        if len(found) > 1:
            several = ", ".join(folder.name[:12] for folder in found)
            raise Conflict(f"{name} may be any of the snapshots {several}", "write more of it")
        return self._told(found[0]) if found else None

    def read(self, directory: Path, commit: str, path: str) -> bytes:
        """Return a notebook's content in a snapshot."""
        file = self._folder / commit / _FILES / path
        if ".." in PurePosixPath(path).parts or not file.is_file():
            raise NotFound(f"there is no {path} in the snapshot {commit[:12]}", "mlops history")
        return file.read_bytes()

    def notebooks(self, directory: Path, commit: str) -> tuple[str, ...]:
        """Return the notebooks in a snapshot."""
        return tuple(json.loads((self._folder / commit / _NOTE).read_text(encoding="utf-8"))["notebooks"])

    def commits_of(self, directory: Path, path: Path, limit: int | None = None) -> tuple[StoredSnapshot, ...]:
        """Return nothing: there are no commits."""
        return ()

    def taken(
        self, directory: Path, notebook: Path | None = None, *, project: Path | None = None
    ) -> tuple[StoredSnapshot, ...]:
        """Return all snapshots, newest first, or those that hold a notebook; all are the project's own."""
        found = sorted(map(self._told, self._each()), key=lambda one: one.time, reverse=True)
        if notebook is None:
            return tuple(found)
        name = self._name(notebook)
        return tuple(one._replace(path=name) for one in found if name in self.notebooks(directory, one.commit))

    def export(self, directory: Path, commit: str, target: Path) -> tuple[str, ...]:
        """Write a snapshot's notebooks into a directory."""
        source = self._folder / commit / _FILES
        if not source.is_dir():
            raise NotFound(f"there is no snapshot {commit[:12]}", "mlops history")
        shutil.copytree(source, target, dirs_exist_ok=True)
        return ("the snapshot was taken outside git, so it holds the notebook alone",)

    def forget(self, directory: Path, snapshots: Sequence[StoredSnapshot]) -> None:
        """Remove snapshots."""
        for one in snapshots:
            shutil.rmtree(self._folder / one.commit)

    def _name(self, path: Path) -> str:
        if not path.is_relative_to(self._root):
            raise CommandError(
                f"{path} lies outside the project {self._root}, which is in no git repository", "cd to its own project"
            )
        return path.relative_to(self._root).as_posix()

    def _each(self) -> Iterator[Path]:
        if self._folder.is_dir():
            yield from (folder for folder in self._folder.iterdir() if (folder / _NOTE).is_file())

    @staticmethod
    def _told(folder: Path) -> StoredSnapshot:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        # As a snapshot in git has a ref that is its own; here its folder is.
        return StoredSnapshot(
            folder.name, folder.name, datetime.fromisoformat(note["time"]), note["title"], note["author"]
        )
