"""What a terminal's command that was forked calls."""

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import cast

from mlops_jupyter.faces import start


def before_imports() -> None:
    """Import what most verbs do."""
    # It starts threads, with which nothing can be forked; MLflow imports it where it is there.
    sys.modules["polars"] = cast("ModuleType", None)
    for name in ("mlops_jupyter.faces.terminal", "mlops_jupyter.adapters.mlflow.tracking"):
        import_module(name)
    import_module("mlflow.store.tracking.sqlalchemy_store")
    del sys.modules["polars"]


def main() -> None:
    """Run the command."""
    # What it starts itself starts as ever.
    del os.environ["MLOPS_TESTS_TERMINAL"]
    start.main()
