"""The face towards MLflow: the run-context provider that MLflow itself loads and calls.

It gives every run that a notebook opens its provenance, with or without our magics. Loaded by every
``import mlflow``, so what it needs waits in ``faces.mlflow_project`` for the first run.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mlflow.tracking.context.abstract_context import RunContextProvider


class NotebookRunContext(RunContextProvider):
    """Tags a run with its notebook's path and the git commit, branch, dirty flag and remote.

    The path is known in JupyterLab, VS Code and headless runs of ours; other front ends do not tell it. In a headless
    run a plain ``mlflow.start_run()`` becomes a child of the notebook's run, as a tracked cell does.
    """

    def in_context(self) -> bool:
        """Tell whether this process is a notebook's kernel."""
        return bool(_project().in_notebook())

    def tags(self) -> dict[str, str]:
        """Return the tags; those that the user gives himself win over them."""
        tags: dict[str, str] = _project().tags()
        return tags


def _project() -> Any:
    return import_module("mlops_jupyter.faces.mlflow_project")
