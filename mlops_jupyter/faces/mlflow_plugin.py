"""The face towards MLflow: the plugins that MLflow itself loads and calls.

A run-context provider gives every run that a notebook opens its provenance, with or without our magics.
"""

from __future__ import annotations

import os
from pathlib import Path

from mlflow.tracking.context.abstract_context import RunContextProvider

from .. import settings
from ..capabilities.provenance import source_tags
from ..capabilities.tracking import PARENT_TAG
from ..commands import project
from ..commands.track import PARENT_VARIABLE
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


class NotebookRunContext(RunContextProvider):
    """Tags a run with its notebook's path and the git commit, branch, dirty flag and remote.

    The path is known in JupyterLab, VS Code and headless runs of ours; other front ends do not tell it. In a headless
    run a plain ``mlflow.start_run()`` becomes a child of the notebook's run, as a tracked cell does.
    """

    def __init__(self) -> None:
        self._notebook: Path | None = None

    def in_context(self) -> bool:
        """Tell whether this process is a notebook's kernel."""
        host = project.notebook_host()
        self._notebook = host.notebook()
        return self._notebook is not None or host.is_kernel()

    def tags(self) -> dict[str, str]:
        """Return the tags; those that the user gives himself win over them."""
        directory = Path.cwd() if self._notebook is None else self._notebook.parent
        checkout = project.checkout(directory, self._notebook)
        tags = source_tags(settings.current().root, self._notebook, checkout)
        if parent := os.environ.get(PARENT_VARIABLE):
            tags[PARENT_TAG] = parent
        return tags
