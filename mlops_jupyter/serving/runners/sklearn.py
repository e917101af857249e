"""scikit-learn models, called without MLflow; some of them without scikit-learn's checks of every call, too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...capabilities.endpoints import PlannedVersion
from ...errors import ConfigurationError
from ..rows import Array, Rows
from ..schema import Schema
from . import shortcuts
from .frames import given
from .stored import estimator, stored

_METHODS = ("predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba")


class SklearnRunner:
    """A scikit-learn model.

    Parameters
    ----------
    version
        What the plan says of it.

    Raises
    ------
    ConfigurationError
        When the model is not to be trusted, or has no method to answer with.
    """

    def __init__(self, version: PlannedVersion) -> None:
        found = stored(version, "sklearn")
        form = found.flavor.get("serialization_format", "pickle")
        self._model = estimator(found.folder / found.flavor["pickled_model"], form, version)
        method = found.function.get("predict_fn", "predict")
        if method not in _METHODS or not hasattr(self._model, method):
            raise ConfigurationError(
                f"version {version.version} is to answer with {method}, which {type(self._model).__name__} does not do"
            )
        self._predict = getattr(self._model, method)
        self._schema = Schema.from_signature(version.signature)
        fitted = getattr(self._model, "feature_names_in_", None)
        self._fitted_names = None if fitted is None else tuple(map(str, fitted))
        self._short = shortcuts.found(self._model, method)
        if self._short is not None and not self._proven():
            self._short = None

    def predict(self, rows: Rows) -> Any:
        """Return what the model answers."""
        if self._short is not None and rows.matrix is not None and rows.names in (self._fitted_names, ()):
            answer = self._short(_laid_out(rows))
            if answer is not None:
                return answer
        return self._predict(given(rows))

    def sample(self, schema: Schema) -> Rows | None:
        """Return a row of the right width, for a model that was stored without an example."""
        width = getattr(self._model, "n_features_in_", None)
        if width is None or not (schema.is_free or schema.matrix is not None):
            return None
        dtype = schema.matrix if schema.matrix is not None else np.dtype(np.float64)
        return Rows(1, schema.names, np.zeros((1, len(schema.names) or int(width)), dtype))

    def close(self) -> None:
        """Let go of the model's short cut; the model goes with this object."""
        self._short = None

    def _proven(self) -> bool:
        """Tell whether the short cut says what the model says, to the last digit, whatever the number of rows."""
        row = self.sample(self._schema)
        if row is None or row.matrix is None or self._short is None:
            return False
        if self._fitted_names is None and row.names:
            self._fitted_names = row.names
        elif row.names not in (self._fitted_names, ()):
            return False
        random = np.random.default_rng(0)
        for count in (1, 1, 1, 2, 3, 8, 33, 300):
            for spread in (1.0, 100.0):
                values = (spread * random.standard_normal((count, row.matrix.shape[1]))).astype(row.matrix.dtype)
                rows = Rows(count, row.names, values)
                short = self._short(_laid_out(rows))
                own = self._predict(given(rows))
                if short is None or short.dtype != own.dtype or not np.array_equal(short, own):
                    return False
        return True


def _laid_out(rows: Rows) -> Array:
    """Return the rows as they lie in memory after they have been a DataFrame, which the order of sums depends on."""
    matrix = rows.matrix if rows.matrix is not None else np.empty((0, 0))
    return np.asfortranarray(matrix) if rows.names and rows.count > 1 else matrix
