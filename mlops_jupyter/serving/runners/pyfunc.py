"""Any MLflow model, called as MLflow calls it."""

from __future__ import annotations

from typing import Any

import mlflow.pyfunc

from ...capabilities.endpoints import PlannedVersion
from ...errors import ConfigurationError
from ..rows import Rows
from .frames import given


class PyfuncRunner:
    """An MLflow model of any flavour.

    Parameters
    ----------
    version
        What the plan says of it.

    Raises
    ------
    ConfigurationError
        When the model is not to be trusted: MLflow runs code of the model's to load it.
    """

    def __init__(self, version: PlannedVersion) -> None:
        if not version.trusted:
            raise ConfigurationError(
                f"version {version.version} runs code of its own to be loaded",
                "deploy it with --trust if you know where it comes from",
            )
        self._model = mlflow.pyfunc.load_model(version.path)
        # The rows have been held against the signature already, number for number as MLflow does.
        self._predict = self._model.predict

    def predict(self, rows: Rows) -> Any:
        """Return what the model answers."""
        if rows.params is not None:
            return self._predict(given(rows), params=dict(rows.params))
        return self._predict(given(rows))

    def close(self) -> None:
        """Let go of nothing: the model goes with this object."""
