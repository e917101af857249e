"""MLflow's store of a database server, opened when something is asked there that no journal takes.

The server may be away, and MLflow tries for minutes to open its store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlflow.environment_variables import MLFLOW_ENABLE_WORKSPACES
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from .journaled import journaled


def unopened(build: Callable[[], Any], uri: str) -> Any:
    """Return a store that journals, and that is what ``build`` makes once it is needed."""
    if MLFLOW_ENABLE_WORKSPACES.get():
        # Of another class, which MLflow chooses.
        return journaled(build(), uri)
    store: Any = SqlAlchemyStore.__new__(SqlAlchemyStore)
    store.mlops_build = build
    return journaled(store, uri)
