"""What MLflow's plugins need to know of the project, from the first run or store on."""

from __future__ import annotations

import os

from .. import settings
from ..capabilities import child_runs
from ..capabilities.tracking import PARENT_TAG
from ..commands import project
from ..errors import MlopsError


def tell_store() -> None:
    """Tell plain MLflow code of this process where the project's runs go."""
    try:
        current = settings.current()
    except MlopsError:
        # Plain MLflow code goes on without us; the first verb says what is wrong with the settings.
        return
    settings.announce("MLFLOW_TRACKING_URI", current.tracking_uri)


def make_room(uri: str) -> None:
    """Make the project's folder when the store is in it: MLflow makes only the file."""
    try:
        current = settings.current()
        if current.embedded and uri == current.tracking_uri:
            current.prepare_state()
    except MlopsError:
        # MLflow says in its own words that the file cannot be made.
        return


def in_notebook() -> bool:
    """Tell whether this process is a notebook's kernel."""
    host = project.notebook_host()
    return host.notebook() is not None or host.is_kernel()


def tags() -> dict[str, str]:
    """Return the tags of the notebook and its repository, and the parent that a headless run names."""
    current = settings.current()
    found = project.notebook_tags(current, project.notebook_host().notebook())
    if parent := os.environ.get(settings.PARENT_VARIABLE):
        found[PARENT_TAG] = parent
        child_runs.plain(current.journal, parent)
    return found
