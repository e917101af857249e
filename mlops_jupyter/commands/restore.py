"""``restore``: a version of a notebook, brought back."""

from __future__ import annotations

from pathlib import Path

from .. import settings
from ..capabilities.notebooks import reading
from ..capabilities.whole_files import replacing
from ..errors import ConfigurationError, Conflict
from ..protocols import Destroys
from ..records import Restored, Version
from . import project
from .snapshot import store as snapshots_in
from .versions import directory_of, own_notebook, references

# So much of a version's name is in its copy's.
_IN_NAME = 12


def restore(ref: str, notebook: Path | None = None, *, executed: bool = False, replace: Destroys = False) -> Restored:
    """Bring a version of a notebook back, as a copy beside it.

    Parameters
    ----------
    ref
        The version: a snapshot or a commit, ``COMMIT:PATH``, or a run, by its id or name.
    notebook
        Which notebook, where the version does not say; else the one of this kernel.
    executed
        The notebook as a headless run has executed it, outputs included; the version is that run, or one of its cells'.
    replace
        Put it in the notebook's own place. What was there is kept as a snapshot first, outputs included.

    Returns
    -------
    Restored
        The file that holds it now, and the snapshot that holds what was replaced.

    Raises
    ------
    NotFound
        When there is no such version, the notebook is not in it, or the run keeps none that was executed.
    Conflict
        When the notebook to be replaced is open in Jupyter, or the version's name may mean several.
    ConfigurationError
        When the file cannot be written.
    """
    current = settings.current()
    own = own_notebook(notebook)
    where = references(current, directory_of(own))
    version, content = where.executed(ref) if executed else where.find(ref, own)
    notes = _doubts(version, content)
    # A run knows its notebook; the one of this kernel may be another.
    said = own if notebook is not None or version.kind != "run" else None
    target = said or _place_of(current, version, where.top)
    if not replace:
        copy = _free_name(target, version, "-executed" if executed else "")
        _write(copy, content)
        return Restored(version, project.shown_path(current, copy), notes=notes)
    opened = project.notebook_host().opened(target)
    if opened.here:
        raise Conflict(
            f"{target.name} is open in Jupyter, which would not notice that its file is another",
            f"close it first, or leave --replace out: mlops restore {ref}",
        )
    notes += tuple(
        f"the Jupyter server at {url} does not tell what is open in it: if {target.name} is, reload it there"
        for url in opened.not_asked
    )
    kept = _keep(current, target) if target.exists() else None
    _write(target, content)
    return Restored(version, project.shown_path(current, target), kept, notes)


def _doubts(version: Version, content: bytes) -> tuple[str, ...]:
    """Say what is wrong with a version: a broken file that was kept is the user's too, and comes back as it was."""
    try:
        reading.read(content, version.ref)
    except ConfigurationError as error:
        return (error.message,)
    return ()


def _place_of(current: settings.Settings, version: Version, top: Path | None) -> Path:
    """Return where a version's notebook lies in the working tree."""
    return (current.root if version.kind == "run" or top is None else top) / version.notebook


def _keep(current: settings.Settings, target: Path) -> str:
    """Keep a file as it is, outputs and all: it is the user's own, and leaves this machine by no push."""
    keeper = snapshots_in(current, target.parent)
    title = f"{target.name} before it was replaced"
    taken, _ = keeper.take(target.parent, {target: target.read_bytes()}, title, project=current.root)
    return taken.short


def _free_name(target: Path, version: Version, state: str) -> Path:
    name = f"{target.stem}.{version.ref[:_IN_NAME].replace('/', '-')}{state}"
    copy, count = target.with_name(f"{name}.ipynb"), 1
    while copy.exists():
        count += 1
        copy = target.with_name(f"{name}-{count}.ipynb")
    return copy


def _write(path: Path, content: bytes) -> None:
    try:
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}", f"make {path.parent} writable") from error
