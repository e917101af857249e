"""Which version of a notebook a word means: a file, a snapshot, a commit, or a run.

Looked for in this order. ``file:``, ``git:`` and ``run:`` in front of a word say which is meant; a run is looked for
last, since only that takes a store that may be far away.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..errors import CommandError, Conflict, NotFound
from ..protocols import Snapshots, StoredSnapshot, Tracking
from ..records import Run, Version
from .headless_runs import executed_notebook
from .run_names import find_run
from .run_snapshot import NOTEBOOK_ARTIFACT

_KINDS = ("file", "git", "run")
_LISTED = 5


@dataclass(frozen=True)
class References:
    """Where versions are looked for.

    Parameters
    ----------
    directory
        Where relative paths begin.
    snapshots
        The snapshots and commits around the directory, ``None`` where there are none.
    runs
        Gives the store of runs, and the experiment in which a name is looked for first; called when a run is meant.
    live
        Returns a notebook as its front end has it, if one tells.
    shown
        Returns a path as it is told to the user.
    """

    directory: Path
    snapshots: Snapshots | None
    runs: Callable[[], tuple[Tracking, str]]
    live: Callable[[Path], bytes | None]
    shown: Callable[[Path], str]

    @property
    def top(self) -> Path | None:
        """The working tree's top, or the project's directory; ``None`` where nothing keeps versions."""
        return None if self.snapshots is None else self.snapshots.top(self.directory)

    def find(self, word: str, notebook: Path | None) -> tuple[Version, bytes]:
        """Return the version that a word means, and the notebook's content in it.

        Parameters
        ----------
        word
            A path, a snapshot's or commit's name, ``COMMIT:PATH``, or a run's id or name.
        notebook
            The notebook that is meant where the word names none; ``None`` when nobody has said.

        Raises
        ------
        NotFound
            When there is no such version, or the notebook is not in it.
        Conflict
            When the word fits several.
        CommandError
            When the word does not say which notebook is meant, and nobody has.
        """
        kind, colon, rest = word.partition(":")
        if colon and kind in _KINDS:
            found = {"file": self._file, "git": self._commit, "run": self._run}[kind](rest, notebook)
            if found is None:
                raise NotFound(f"there is no {'version' if kind == 'git' else kind} {rest}", "mlops history")
            return found
        file = self._file(word, notebook)
        if file is not None and self._resolved(word) is not None:
            raise Conflict(f"{word} is a file and a commit", f"write file:{word} or git:{word}")
        found = file or self._commit(word, notebook) or self._run(word, notebook)
        if found is None:
            raise NotFound(f"there is no file, snapshot, commit or run {word}", "mlops history; mlops runs")
        return found

    def executed(self, word: str) -> tuple[Version, bytes]:
        """Return what a headless run has made of its notebook, outputs included.

        Parameters
        ----------
        word
            The run's id or name, or that of a run of one of its cells.

        Raises
        ------
        NotFound
            When there is no such run, or it keeps no executed notebook.
        Conflict
            When the word fits several runs.
        """
        store, experiment = self.runs()
        run, content = executed_notebook(store, find_run(store, word.removeprefix("run:"), experiment))
        version = run_version(run)
        return replace(version, title=f"{version.title} as it was executed"), content

    def now(self, notebook: Path) -> tuple[Version, bytes]:
        """Return a notebook as it is now: as its front end has it, else as it is saved."""
        name = self.shown(notebook)
        if (told := self.live(notebook)) is not None:
            return Version("live", name, name, None, "as it is open now"), told
        try:
            content = notebook.read_bytes()
        except OSError as error:
            raise NotFound(f"cannot read {name}: {error.strerror}", "check the path") from error
        saved = datetime.fromtimestamp(notebook.stat().st_mtime, UTC)
        return Version("file", name, name, saved, "as it is saved"), content

    def _file(self, word: str, notebook: Path | None) -> tuple[Version, bytes] | None:
        path = (self.directory / Path(word).expanduser()).absolute()
        return self.now(path) if word and path.is_file() else None

    def _commit(self, word: str, notebook: Path | None) -> tuple[Version, bytes] | None:
        found = self._resolved(word)
        if found is None or self.snapshots is None:
            return None
        if named := word.partition(":")[2]:
            path, content = named, self.snapshots.read(self.directory, found.commit, named)
        else:
            path, content = self._read(self.snapshots, found, self._path_in(found, notebook), notebook)
        version = Version(found.kind, found.short, path, found.time, found.title, found.author, found.commit)
        return version, content

    def _read(self, snapshots: Snapshots, found: StoredSnapshot, path: str, notebook: Path | None) -> tuple[str, bytes]:
        """Return where a notebook lies in a commit, and its content there: it may have been renamed since."""
        try:
            return path, snapshots.read(self.directory, found.commit, path)
        except NotFound:
            commits = () if notebook is None else snapshots.commits_of(self.directory, notebook)
            for former in dict.fromkeys(one.path for one in commits):
                with suppress(NotFound):
                    return former, snapshots.read(self.directory, found.commit, former)
            raise

    def _resolved(self, word: str) -> StoredSnapshot | None:
        if self.snapshots is None:
            return None
        return self.snapshots.resolve(self.directory, word.partition(":")[0])

    def _path_in(self, found: StoredSnapshot, notebook: Path | None) -> str:
        """Return where in a commit the notebook lies that is meant."""
        snapshots, top = self.snapshots, self.top
        if snapshots is None or top is None:
            raise NotFound(f"{self.directory} has no versions", "mlops snapshot")
        if notebook is not None:
            resolved = notebook.parent.resolve() / notebook.name
            if resolved.is_relative_to(top.resolve()):
                return resolved.relative_to(top.resolve()).as_posix()
            raise CommandError(f"{notebook} lies outside {top}", f"name it as {found.short}:PATH")
        there = snapshots.notebooks(self.directory, found.commit)
        if len(there) == 1:
            return there[0]
        if not there:
            raise NotFound(f"there is no notebook in {found.short}", "mlops history")
        listed = ", ".join(there[:_LISTED]) + (", …" if len(there) > _LISTED else "")
        raise CommandError(
            f"which notebook of {found.short}? It has {listed}",
            f"--notebook {there[0]}, or {found.short}:{there[0]}",
        )

    def _run(self, word: str, notebook: Path | None) -> tuple[Version, bytes] | None:
        store, experiment = self.runs()
        try:
            run = find_run(store, word, experiment)
        except NotFound:
            return None
        return run_version(run), run_notebook(store, run)


def run_version(run: Run) -> Version:
    """Return the version of its notebook that a run is told by."""
    return Version("run", run.run_id, run.notebook or run.name, run.started, run.name, runs=(run.run_id,))


def run_notebook(store: Tracking, run: Run) -> bytes:
    """Return the notebook that a run keeps.

    Raises
    ------
    NotFound
        When it keeps none.
    """
    text = store.read_text(run.run_id, NOTEBOOK_ARTIFACT)
    if text is None:
        raise NotFound(f"the run {run.run_id[:8]} {run.name} keeps no notebook", "mlops history lists versions")
    return text.encode()
