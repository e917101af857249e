"""What a terminal's command that was forked calls."""

import os
from importlib import import_module

from mlops_jupyter.faces import start
from mlops_jupyter.faces.warm import mlflow_in_forks


def before_imports() -> None:
    """Import what most verbs do."""
    mlflow_in_forks.set_aside()
    for name in ("mlops_jupyter.faces.terminal", "mlops_jupyter.adapters.mlflow.tracking"):
        import_module(name)
    import_module("mlflow.store.tracking.sqlalchemy_store")
    mlflow_in_forks.know_tables()


def main() -> None:
    """Run the command."""
    # What it starts itself starts as ever.
    del os.environ["MLOPS_TESTS_TERMINAL"]
    mlflow_in_forks.renew()
    start.main()
