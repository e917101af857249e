"""The project a verb works in: its store, its notebook, its repository."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

from .. import registry
from ..protocols import NotebookHost, SourceControl, Tracking
from ..records import Checkout
from ..settings import Settings, announce


def tracking(settings: Settings, *, writes: bool = True) -> Tracking:
    """Return the project's store of runs, and tell plain MLflow code of this process about it.

    A verb that only reads leaves no trace in a directory that may be no project at all.

    Raises
    ------
    ConfigurationError
        When the project's directory cannot be written, or the store cannot be used.
    """
    if settings.embedded and writes:
        settings.prepare_state()
    announce("MLFLOW_TRACKING_URI", settings.tracking_uri)
    return _tracking(settings.tracking_uri, settings.registry_uri, settings.artifacts if settings.embedded else None)


@cache
def _tracking(uri: str, registry_uri: str | None, artifacts: Path | None) -> Tracking:
    return cast("Tracking", registry.load("tracking", "mlflow")(uri, registry_uri, artifacts))


def experiment(settings: Settings, store: Tracking) -> str:
    """Return the experiment that runs go to unless told otherwise."""
    if settings.experiment_id is not None:
        return store.experiment_name(settings.experiment_id)
    return settings.experiment


def notebook_host() -> NotebookHost:
    """Return the front end that this process belongs to."""
    return cast("NotebookHost", registry.load("notebook_host", "jupyter")())


def checkout(directory: Path, file: Path | None = None) -> Checkout | None:
    """Describe the git repository around a directory, ``None`` outside one."""
    return cast("SourceControl", registry.load("source_control", "git")()).checkout(directory, file)
