"""What others than its workers know of an endpoint, as labelled numbers: drift, quality, labels that came.

Whoever works it out tells it to the supervisor, which shows it with what the workers have counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

# Metric -> what it says, and its labels in order. A name that ends with ``_total`` is a counter.
LEVELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "mlops_feature_drift_ratio": (
        "How far a feature has moved from its baseline, by the method that was chosen for it.",
        ("model", "version", "feature", "method"),
    ),
    "mlops_feature_drift_threshold_ratio": (
        "From where on that counts as drift.",
        ("model", "version", "feature"),
    ),
    "mlops_prediction_drift_ratio": (
        "How far the predictions have moved from their baseline, by the method that was chosen.",
        ("model", "version", "output", "method"),
    ),
    "mlops_prediction_drift_threshold_ratio": (
        "From where on that counts as drift.",
        ("model", "version", "output"),
    ),
    "mlops_feature_missing_ratio": (
        "The share of a feature's values that are missing in the window.",
        ("model", "version", "feature"),
    ),
    "mlops_feature_missing_total": ("Values of a feature that were missing.", ("model", "version", "feature")),
    "mlops_feature_anomalies_total": (
        "Values of a feature outside the baseline's range.",
        ("model", "version", "feature"),
    ),
    "mlops_monitoring_rows_total": ("Rows that monitoring has looked at.", ("model", "version")),
    "mlops_drift_window_rows": ("The rows that are compared with the baseline.", ("model", "version")),
    "mlops_model_performance_ratio": (
        "How right the answers were for which labels came.",
        ("model", "version", "metric"),
    ),
    "mlops_model_error": (
        "How far the answers were off for which labels came, in the units of the target.",
        ("model", "version", "metric"),
    ),
    "mlops_feedback_labels_total": ("Labels that were given, by what became of them.", ("result",)),
}
# Who tells them does so every few seconds; what nobody says any more is no longer so.
_STALE_S = 60.0

Series = list[list[Any]]


class Levels:
    """The levels in force."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, Series]] = {}

    def take(self, levels: object, now: float) -> None:
        """Take levels; those of other names stay as they are.

        Parameters
        ----------
        levels
            Of each metric of `LEVELS` that is told anew, all its series: ``{name: [[labels, value], …]}``.
        now
            The time, in seconds of any clock that `now` is asked by too.

        Raises
        ------
        ValueError
            When they are not of that form; then nothing is taken.
        """
        if not isinstance(levels, dict):
            raise ValueError("levels must be an object")  # noqa: TRY004 -- of a message, not of an argument
        for name, series in levels.items():
            if name not in LEVELS:
                raise ValueError(f"there is no level {name}")
            width = len(LEVELS[name][1])
            if not (isinstance(series, list) and all(_is_series(one, width) for one in series)):
                raise ValueError(f"{name} must be a list of {width} labels and a number each")
        self._told.update({name: (now, series) for name, series in levels.items()})

    def now(self, now: float) -> dict[str, Series]:
        """Return the levels of each metric."""
        return {name: series for name, (at, series) in self._told.items() if now - at <= _STALE_S and series}


def _is_series(one: Any, width: int) -> bool:
    if not (isinstance(one, list) and len(one) == 2):  # noqa: PLR2004 -- labels and value
        return False
    labels, value = one
    if not (isinstance(labels, list) and len(labels) == width and all(isinstance(label, str) for label in labels)):
        return False
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
