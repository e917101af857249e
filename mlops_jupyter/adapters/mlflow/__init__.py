"""MLflow: the store of runs, read; the same, written from journals; and what plain MLflow code of a process sees."""

from __future__ import annotations

import logging
import os


def hush() -> None:
    """Keep MLflow from printing a line for every run that ends, and every table that it makes."""
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    for chatty in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
