"""What a shipper that was forked calls."""

import sys
from importlib import import_module
from pathlib import Path

from mlops_jupyter.commands import ship
from mlops_jupyter.faces import shipper


def before_imports() -> None:
    """Import what a shipper does."""
    ship.load()
    import_module("mlflow.store.tracking.sqlalchemy_store")


def main() -> int:
    """Ship the project that is named."""
    return shipper.main(Path(sys.argv[-1]))
