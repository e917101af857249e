"""MLflow's own web pages over a store in files, behind a ticket.

The server is MLflow's, started through its ``mlflow.app`` extension point with the guard of ``mlflow_ui_app``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from ..capabilities.served_pages import PagesProgram, open_pages
from ..protocols import ServedPage

APP_NAME = "mlops-guarded"


class MlflowUi:
    """Starts MLflow's pages, or finds those that are running."""

    def open(self, source: str, state: Path, waiting: Callable[[float, float], None]) -> ServedPage:
        """Return a page over a store, by its tracking URI; see `open_pages`."""
        environment = {
            # In the environment, not on the command line: a database address may carry a password.
            "MLFLOW_BACKEND_STORE_URI": source,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            # MLflow would refuse a host name it does not know, which is what a hub's proxy passes on; the guard
            # checks tickets and origins instead.
            "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        program = PagesProgram("MLflow", "mlflow", _words, environment, "/health")
        return open_pages(program, source, state, waiting)


def _words(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", APP_NAME),
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
    ]
