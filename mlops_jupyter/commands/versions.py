"""The versions of notebooks, as the verbs that take them find them."""

from __future__ import annotations

from pathlib import Path

from .. import settings
from ..capabilities import live_documents
from ..capabilities.references import References
from ..errors import NotFound
from ..protocols import Tracking
from . import project
from .arguments import notebook_path
from .snapshot import in_git
from .snapshot import store as snapshots_in

_REACH_TIMEOUT_S = 2.5


def references(current: settings.Settings, directory: Path) -> References:
    """Return where the versions of notebooks in a directory are looked for."""

    def runs() -> tuple[Tracking, str]:
        store = project.tracking(current, writes=False)
        store.reach(_REACH_TIMEOUT_S)
        project.flush(current, answers=True)
        return store, project.experiment(current, store)

    return References(
        Path.cwd(),
        snapshots_in(current, directory),
        runs,
        live_documents.content_of,
        lambda path: project.shown_path(current, path),
    )


def own_notebook(named: Path | None) -> Path | None:
    """Return the notebook that is named, else the one of this kernel, if there is one; its file may be gone."""
    own = project.notebook_host().notebook() if named is None else named
    return None if own is None else notebook_path(own)


def directory_of(notebook: Path | None) -> Path:
    """Return where to look for a notebook's versions: its directory, or the nearest above that is still there."""
    return Path.cwd() if notebook is None else next(one for one in notebook.parents if one.is_dir())


def needs_git(directory: Path) -> None:
    """Raise `NotFound` where no commit can be compared with.

    Raises
    ------
    NotFound
        Outside a git repository.
    """
    if in_git(directory) is None:
        raise NotFound(f"{directory} is in no git repository, so there is no HEAD to compare with", "name two versions")
