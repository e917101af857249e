"""``status``: where the user stands."""

from __future__ import annotations

from pathlib import Path

from .. import settings
from ..capabilities import tracking
from ..capabilities.redaction import without_credentials
from ..records import Run, Status
from . import project


def status() -> Status:
    """Show the project, the store, the notebook and the open run.

    It reads files and asks git; it does not open the store, so it answers at once.

    Returns
    -------
    Status
        All of it.

    Raises
    ------
    ConfigurationError
        When the project's settings cannot be read.
    """
    current = settings.current()
    notebook = project.notebook_host().notebook()
    checkout = project.checkout(current.root, notebook)
    open_run = tracking.current()
    return Status(
        root=str(current.root),
        settings_file=None if current.file is None else str(current.file),
        tracking_uri=without_credentials(current.tracking_uri),
        tracking_uri_from=current.tracking_uri_from,
        experiment=f"id {current.experiment_id}" if current.experiment_id else current.experiment,
        notebook=None if notebook is None else str(notebook),
        git_commit=None if checkout is None else checkout.commit,
        git_branch=None if checkout is None else checkout.branch,
        git_dirty=None if checkout is None else checkout.dirty,
        open_run=None if open_run is None else _as_record(open_run),
        notes=notes(current),
    )


def _as_record(run: tracking.OpenRun) -> Run:
    return Run(
        run_id=run.known_id,
        name=run.name,
        experiment="",
        status="RUNNING" if run.tracked else "UNTRACKED",
        started=run.started,
    )


def notes(current: settings.Settings) -> tuple[str, ...]:
    """Say what about this project would surprise its user."""
    said = []
    if (old := settings.old_file_store(current.root, Path.cwd())) is not None:
        said.append(settings.explain_old_store(old, current))
    if (outer := current.outer_project) is not None:
        said.append(f"this project lies inside the project {outer}; the inner one is in force here")
    return tuple(said)
