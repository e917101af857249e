"""Where a run came from, in MLflow's own tag names."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping
from pathlib import Path

from ..records import Checkout

CONTEXT_VARIABLE = "MLFLOW_RUN_CONTEXT"


def source_tags(root: Path, notebook: Path | None, checkout: Checkout | None) -> dict[str, str]:
    """Return the tags that name a notebook and the state of its repository.

    Parameters
    ----------
    root
        The project's directory; the notebook's path is given relative to it.
    notebook
        The notebook, if the run comes from one.
    checkout
        The repository around it, if there is one; its remote carries no credentials.
    """
    tags: dict[str, str] = {}
    if notebook is not None:
        inside = notebook.is_relative_to(root)
        tags["mlflow.source.name"] = (notebook.relative_to(root) if inside else notebook).as_posix()
        tags["mlflow.source.type"] = "NOTEBOOK"
    if checkout is not None:
        tags["mlflow.source.git.dirty"] = str(checkout.dirty).lower()
        for name, value in (("commit", checkout.commit), ("branch", checkout.branch), ("repoURL", checkout.remote)):
            if value is not None:
                tags[f"mlflow.source.git.{name}"] = value
    return tags


def user() -> str:
    """Return the name of whoever runs this process; in a container that knows none, the user's number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return str(os.getuid())


def told_from_outside(environment: Mapping[str, str]) -> dict[str, object]:
    """Return the tags in ``MLFLOW_RUN_CONTEXT``; as with MLflow itself, none where it is no JSON object."""
    try:
        told = json.loads(environment.get(CONTEXT_VARIABLE) or "{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def process_tags(user: str, script: str | None, told: Mapping[str, object]) -> dict[str, str]:
    """Return the tags that MLflow gives a run of any process.

    Parameters
    ----------
    user
        Who runs it.
    script
        The script that runs, if one does.
    told
        What ``MLFLOW_RUN_CONTEXT`` holds: tags that somebody outside gives the runs of a process.
    """
    tags = {"mlflow.user": user, "mlflow.source.type": "LOCAL"}
    if script is not None:
        tags["mlflow.source.name"] = script
    return tags | {name: str(value) for name, value in told.items()}
