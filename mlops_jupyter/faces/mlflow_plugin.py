"""The face towards MLflow: the plugins that MLflow itself loads and calls.

A run-context provider gives every run that a notebook opens its provenance, with or without our magics.
"""

from __future__ import annotations

from pathlib import Path

from mlflow.tracking.context.abstract_context import RunContextProvider

from .. import settings
from ..capabilities.provenance import source_tags
from ..commands import project


class NotebookRunContext(RunContextProvider):
    """Tags a run with its notebook's path and the git commit, branch, dirty flag and remote."""

    def __init__(self) -> None:
        self._notebook: Path | None = None

    def in_context(self) -> bool:
        """Tell whether this process serves a notebook whose path is known."""
        self._notebook = project.notebook_host().notebook()
        return self._notebook is not None

    def tags(self) -> dict[str, str]:
        """Return the tags; those that the user gives himself win over them."""
        directory = Path.cwd() if self._notebook is None else self._notebook.parent
        checkout = project.checkout(directory, self._notebook)
        return source_tags(settings.current().root, self._notebook, checkout)
