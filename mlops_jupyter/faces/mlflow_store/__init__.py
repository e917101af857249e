"""The face towards MLflow's stores: what MLflow builds for a tracking URI in any process where this is installed.

Loaded by every ``import mlflow``, so it imports next to nothing. In a process that has used none of our verbs, an
MLflow server's among them, the store is MLflow's own, untouched.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import mlops_jupyter

# A kernel that runs a notebook for `mlops run` is told the notebook's run.
_HEADLESS = "MLOPS_JUPYTER_PARENT_RUN_ID"
_BUILDERS = "mlflow.tracking._tracking_service.utils"
_SERVER = "mlflow.server.handlers"


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
            return build(store_uri, artifact_uri)
    journaling = mlops_jupyter.journaling or os.environ.get(_HEADLESS)
    if journaling:
        import_module("mlops_jupyter.faces.mlflow_project").make_room(store_uri)
    store = getattr(sys.modules[_BUILDERS], builder)(store_uri=store_uri, artifact_uri=artifact_uri)
    if not journaling:
        return store
    return import_module("mlops_jupyter.faces.mlflow_store.journaled").journaled(store, store_uri)


if mlops_jupyter.journaling:
    # A kernel with the extension: plain MLflow code finds the project's store, whatever directory it stands in.
    import_module("mlops_jupyter.faces.mlflow_project").tell_store()
