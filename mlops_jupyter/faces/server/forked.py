"""A worker that was forked: ``before_imports`` is called in the process that imports, ``main`` in the worker."""

from __future__ import annotations

import signal
from typing import NoReturn

from ..warm import mlflow_in_forks
from . import worker

LEFT_TO_CHILDREN = mlflow_in_forks.LEFT_TO_CHILDREN
before_imports = mlflow_in_forks.set_aside


def main() -> NoReturn:
    """Run the verb that the first line of the input names."""
    mlflow_in_forks.renew()
    # When the Jupyter server ends, its forks are told so, and have some seconds: enough to mark what they do as ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    worker.main()
