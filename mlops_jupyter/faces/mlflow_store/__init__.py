"""The face towards MLflow's stores: what MLflow builds for a tracking URI in any process where this is installed.

Loaded by every ``import mlflow``, so it imports next to nothing. In a process that has used none of our verbs, an
MLflow server's among them, the store is MLflow's own, untouched.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import mlops_jupyter

# A kernel that runs a notebook for `mlops run` is told the notebook's run.
_HEADLESS = "MLOPS_JUPYTER_PARENT_RUN_ID"
_BUILDERS = "mlflow.tracking._tracking_service.utils"
_SERVER = "mlflow.server.handlers"
_SQLITE = "sqlite:///"


def database(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Build the store for sqlite, PostgreSQL, MySQL and SQL Server."""
    return _build("_get_sqlalchemy_store", store_uri, artifact_uri)


def rest(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Build the store for an MLflow server."""
    return _build("_get_rest_store", store_uri, artifact_uri)


def file(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Build the store for a folder of files."""
    return _build("_get_file_store", store_uri, artifact_uri)


def databricks(store_uri: str, artifact_uri: str | None = None) -> Any:
    """Build the store for Databricks."""
    return _build("_get_databricks_rest_store", store_uri, artifact_uri)


def _build(builder: str, store_uri: str, artifact_uri: str | None) -> Any:
    handlers = sys.modules.get(_SERVER)
    if handlers is not None and artifact_uri is not None:
        # A server, which alone says where artifacts go. It has builders of its own, and no run is open in it.
        build = getattr(handlers.TrackingStoreRegistryWrapper, builder, None)
        if build is not None:
            with _alone(store_uri):
                return build(store_uri, artifact_uri)
    journaling = mlops_jupyter.journaling or os.environ.get(_HEADLESS)
    if journaling:
        import_module("mlops_jupyter.faces.mlflow_project").make_room(store_uri)

    def opened() -> Any:
        with _alone(store_uri):
            return getattr(sys.modules[_BUILDERS], builder)(store_uri=store_uri, artifact_uri=artifact_uri)

    if not journaling:
        return opened()
    if builder == "_get_sqlalchemy_store" and not store_uri.startswith("sqlite"):
        return import_module("mlops_jupyter.faces.mlflow_store.unopened").unopened(opened, store_uri)
    return import_module("mlops_jupyter.faces.mlflow_store.journaled").journaled(opened(), store_uri)


@contextmanager
def _alone(store_uri: str) -> Iterator[None]:
    """Let one process at a time build a store on the sqlite files of a directory.

    MLflow makes and migrates the tables of a new file under no lock, and the first run of a project is two processes
    that want them: the notebook's kernel and the shipper.
    """
    path = store_uri.removeprefix(_SQLITE).partition("?")[0]
    if path == store_uri or path in {"", ":memory:"}:
        yield
        return
    try:
        # The directory itself is locked, so that no file of ours is left beside a database that may be the user's.
        directory = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)  # noqa: PTH120 -- no pathlib
    except OSError:
        # MLflow says in its own words that the file cannot be made.
        yield
        return
    try:
        held = _locked(directory)
        try:
            yield
        finally:
            if held:
                # Not only closed: a process forked meanwhile holds it too.
                fcntl.flock(directory, fcntl.LOCK_UN)
    finally:
        os.close(directory)


def _locked(directory: int) -> bool:
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
    except OSError:
        # A file system without locks: as it would be without us.
        return False
    return True


if mlops_jupyter.journaling:
    # A kernel with the extension: plain MLflow code finds the project's store, whatever directory it stands in.
    import_module("mlops_jupyter.faces.mlflow_project").tell_store()
