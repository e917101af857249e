"""MLflow in a process that is forked, and in its forks: without polars, and with telemetry as the fork's own say."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, cast

import wrapt

# MLflow imports it wherever it is installed, which no fork survives: it has to wait until the fork wants it.
_SET_ASIDE = "polars"
LEFT_TO_CHILDREN = {_SET_ASIDE: "it leaves a thread behind (polars-ooc-cleanup)"}


def set_aside() -> None:
    """Keep MLflow from importing what no fork survives."""
    sys.modules.setdefault(_SET_ASIDE, cast("ModuleType", None))


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
