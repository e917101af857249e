"""``snapshot``: notebooks as they are now, kept under a private ref of git; and the same for a run."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

from .. import registry, settings
from ..capabilities import live_documents, snapshotting
from ..capabilities.clean_notebooks import CleanNotebooks
from ..capabilities.journal import RunJournal
from ..capabilities.run_snapshot import Origin, RunSnapshot, TakenForRun
from ..capabilities.secret_guard import refuse_secrets
from ..capabilities.snapshotting import Document, RunningCell
from ..errors import CommandError, MlopsError, NotFound
from ..protocols import Names, SecretScanner, Short, Snapshots
from ..records import Snapshot
from . import project
from .arguments import names, notebook_file

# Bodies that open one right after the other, in a loop or by a function, share a snapshot.
_SHARED_S = 1.0
# What a snapshot is called that nobody has given a name.
_OF = "{} of {}"
_KINDS = ("run", "snapshot")


def snapshot(
    *notebooks: Path,
    message: Annotated[str | None, Short("-m")] = None,
    allow: Names = (),
) -> Snapshot:
    """Keep notebooks as they are now, without outputs, and the project's tracked files with them.

    In git it is a commit under ``refs/mlops/snapshots``; index, branch, stash and files stay as they are, whatever is
    going on. The project's files are kept as they lie there: other notebooks with the outputs that are saved in them.
    Outside git the notebooks alone are kept, below ``.mlops``. The same state is kept once. ``history`` lists
    snapshots; ``diff`` and ``restore`` take them by their names.

    Parameters
    ----------
    notebooks
        Which; else the one of this kernel.
    message
        What to remember it by.
    allow
        Fingerprints of what looks like a secret and is none, as a,b.

    Returns
    -------
    Snapshot
        Its name, what it holds, and where the content came from.

    Raises
    ------
    NotFound
        When there is no such notebook.
    ConfigurationError
        When a notebook cannot be read, or git is not installed or refuses the repository.
    Conflict
        When a notebook holds what looks like a token or a key.
    """
    current = settings.current()
    paths = [notebook_file(one) for one in notebooks] or [_own_notebook()]
    documents = {path: snapshotting.find(path) for path in paths}
    check = check_secrets(current, names(allow))
    kept = {}
    for path, document in documents.items():
        notebook, _ = snapshotting.as_it_runs(document, path.name, None)
        check(notebook, path.name)
        kept[path] = snapshotting.kept(notebook)
    title = message or _OF.format("snapshot", ", ".join(path.name for path in paths))
    keeper = store(current, paths[0].parent)
    stored, new = keeper.take(paths[0].parent, kept, title, project=current.root)
    origin: Origin = "disk" if any(one.origin == "disk" for one in documents.values()) else "live"
    notes = ["from disk, maybe unsaved: edits that are not in the file are not in it"] if origin == "disk" else []
    if message and not new and stored.title != message:
        notes.append(f"the message is not kept: this state has a snapshot already, called {stored.title!r}")
    return Snapshot(
        ref=stored.short,
        commit=stored.commit,
        notebooks=tuple(project.shown_path(current, path) for path in paths),
        origin=origin,
        new=new,
        taken=stored.time,
        notes=tuple(notes),
    )


def _own_notebook() -> Path:
    own = project.notebook_host().notebook()
    if own is None:
        raise CommandError("which notebook? none is open here", "mlops snapshot NOTEBOOK.ipynb")
    # Of a file that is gone its front end may still have all.
    if not own.is_file() and live_documents.content_of(own) is None:
        raise NotFound(f"{own} is gone: renamed or deleted since this kernel started", "name the notebook")
    return own


def in_git(directory: Path) -> Snapshots | None:
    """Return what keeps the snapshots of notebooks in a directory of a git repository, ``None`` outside one."""
    # Without asking git, which may not even be installed where nobody needs it.
    if not any((above / ".git").exists() for above in (directory, *directory.parents)):
        return None
    git = cast("Snapshots", registry.load("snapshots", "git")())
    return None if git.top(directory) is None else git


def store(current: settings.Settings, directory: Path) -> Snapshots:
    """Return what keeps the snapshots of notebooks in a directory: git, or outside git a folder of the project's."""
    folder = registry.load("snapshots", "folder")
    return in_git(directory) or cast("Snapshots", folder(current.state / "snapshots", current.root))


def check_secrets(
    current: settings.Settings, allowed: tuple[str, ...] = ()
) -> Callable[[dict[str, Any] | str, str], None]:
    """Return what raises `Conflict` for a notebook or a text that holds secrets, by the project's settings."""
    known = current.allowed_secrets.union(allowed)

    def check(notebook: dict[str, Any] | str, name: str) -> None:
        refuse_secrets(notebook, name, _scanner(), known, project=current.project_name)
        with contextlib.suppress(OSError):
            _ready(current).touch()

    return check


def _scanner() -> SecretScanner:
    return cast("SecretScanner", registry.load("secret_scanner", "kingfisher")())


def _ready(current: settings.Settings) -> Path:
    """Return the file that says that a scan has come to its end here, and so will not take seconds again."""
    return current.state / "secrets.ready"


# --- of a run ---------------------------------------------------------------------------------------------------


@dataclass
class _Take:
    """One taking, for all the runs that ask for the same at the same time; the first thread does it."""

    current: settings.Settings
    notebook: Path
    document: Document | MlopsError
    running: RunningCell | None
    began: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    taken: TakenForRun | None = None

    def fits(self, other: _Take) -> bool:
        mine, theirs = (self.notebook, self.document, self.running), (other.notebook, other.document, other.running)
        return mine == theirs and other.began - self.began < _SHARED_S

    def __call__(self, tell: Callable[[str], None]) -> TakenForRun:
        with self.lock:
            if self.taken is None:
                self.taken = self._take(tell)
            return self.taken

    def _take(self, tell: Callable[[str], None]) -> TakenForRun:
        notebook, current = self.notebook, self.current
        if isinstance(self.document, MlopsError):
            raise self.document
        read, notes = snapshotting.as_it_runs(self.document, notebook.name, self.running)
        for note in notes:
            tell(note)
        clean = CleanNotebooks(current.state / "secrets.clean")
        key = clean.key(read, current.allowed_secrets)
        if not clean.holds(key):
            check_secrets(current)(read, notebook.name)
            clean.add(key)
        content = snapshotting.kept(read)
        commit = None
        try:
            if (git := in_git(notebook.parent)) is not None:
                title = _OF.format("run", notebook.name)
                stored, _ = git.take(notebook.parent, {notebook: content}, title, project=current.root)
                commit = stored.commit
        except MlopsError as refused:
            # git missing, or refusing a repository that another user owns, takes nothing from the run.
            notes = (*notes, f"the notebook is kept with the run, and in no commit: {refused}")
        return TakenForRun(content, commit, self.document.origin, notes)


def of_others(title: str, name: str) -> bool:
    """Tell whether a title that nobody has written names other notebooks alone."""
    kind, of, said = title.partition(" of ")
    return bool(of) and kind in _KINDS and said.endswith(".ipynb") and name not in said.split(", ")


# The last taking, which a run that opens right after it shares.
_last: list[_Take] = []


def beside_run(
    current: settings.Settings, notebook: Path, journal: RunJournal, running: RunningCell | None = None
) -> RunSnapshot | None:
    """Take the snapshot of a run's notebook while its body runs, and keep it with the run.

    Parameters
    ----------
    current
        The project's settings.
    notebook
        The notebook's absolute path.
    journal
        The run's journal.
    running
        The cell that runs now, where it is known.

    Returns
    -------
    RunSnapshot or None
        What is under way; ``None`` where the settings want none.
    """
    if not current.snapshots_of_runs:
        return None
    if not _ready(current).exists():
        # This process may be over before its own scan is: a headless notebook of one short cell.
        _prepare()
    take = _Take(current, notebook, _document(notebook), running)
    if _last and _last[0].fits(take):
        take = _last[0]
    _last[:] = [take]
    return RunSnapshot(take, journal)


@cache
def _prepare() -> None:
    threading.Thread(target=lambda: _scanner().prepare(), name="mlops-secrets", daemon=True).start()


def _document(notebook: Path) -> Document | MlopsError:
    """Return the notebook as it is now, before the body may write to it; or why there is none."""
    try:
        return snapshotting.find(notebook)
    except OSError as error:
        return NotFound(f"{notebook.name} cannot be read: {error.strerror or error}")
