"""MLflow in a process that is forked, and in its forks: without polars, and with telemetry as the fork's own say.

What it reads from its own files at each opening of a store is read once.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import Any, cast

import wrapt

# MLflow imports it wherever it is installed, which no fork survives: it has to wait until the fork wants it.
_SET_ASIDE = "polars"
LEFT_TO_CHILDREN = {_SET_ASIDE: "it leaves a thread behind (polars-ooc-cleanup)"}


def set_aside() -> None:
    """Keep MLflow from importing what no fork survives."""
    sys.modules.setdefault(_SET_ASIDE, cast("ModuleType", None))


def know_tables() -> None:
    """Have the version of the tables known that this MLflow makes, which it looks up in all of its migrations.

    That is a third of what a search of a small store takes.
    """
    databases: Any = sys.modules["mlflow.store.db.utils"]
    known = cache(databases._get_latest_schema_revision)  # noqa: SLF001 -- see docs/decisions/0005
    known()
    databases._get_latest_schema_revision = known  # noqa: SLF001


def renew() -> None:
    """Let a fork import that again, and MLflow read the environment anew that it read when it was imported."""
    if sys.modules.get(_SET_ASIDE, sys) is None:
        del sys.modules[_SET_ASIDE]
        if "mlflow.data.dataset_registry" in sys.modules:
            wrapt.register_post_import_hook(_tell_mlflow, _SET_ASIDE)
    telemetry: Any = sys.modules.get("mlflow.telemetry.client")
    if telemetry is not None:
        # Whether it sends anything, and the ids under which it would.
        telemetry.set_telemetry_client()


def _tell_mlflow(_module: ModuleType) -> None:
    # What mlflow.data does at its own import, where it finds the other.
    registry: Any = sys.modules["mlflow.data.dataset_registry"]
    registry.register_constructor(importlib.import_module("mlflow.data.polars_dataset").from_polars)
