"""Curves from an endpoint's own history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from ..endpoints.series_points import Readings
from ..endpoints.series_rates import Numbers, Spans, levels, quantile, rates, spans
from .curves import CurveKey, Curves, Grain

# The labels of each kind, in order: of counters and histograms the version stands second.
_VERSION = 1
_RATES = {"requests": "requests", "errors": "errors", "rows": "rows"}
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_GAUGES = {"in_flight": "in_flight", "queued": "queued"}
# Level -> what it is called here; its labels are model, version and what it is about.
_LEVELS = {
    "mlops_feature_drift_ratio": "drift",
    "mlops_prediction_drift_ratio": "prediction_drift",
    "mlops_model_performance_ratio": "performance",
    "mlops_model_error": "model_errors",
}


def curves(readings: Readings, times: Numbers, grain: Grain) -> Curves:
    """Work out what a deployment's history shows at some instants.

    Parameters
    ----------
    readings
        What was counted, from a window before the first instant on.
    times
        The instants.
    grain
        How far each looks back.
    """
    over = spans(readings.times, times, grain.window_s, grain.stale_s)
    return Curves(times, dict(_curves(readings, over)))


def _curves(readings: Readings, over: Spans) -> Iterator[tuple[CurveKey, Numbers]]:
    for what, name in _RATES.items():
        for version, columns in _by_version(readings, "counters", name).items():
            yield CurveKey(what, version), rates(readings, columns, over).sum(axis=1)
    for version, buckets in _buckets(readings).items():
        bounds = np.array(sorted(buckets))
        counted = np.stack([rates(readings, buckets[bound], over).sum(axis=1) for bound in bounds.tolist()], axis=1)
        for what, share in _QUANTILES.items():
            yield CurveKey(what, version), quantile(share, bounds, counted)
    for what, name in _GAUGES.items():
        for _, column in readings.columns("gauges", name):
            yield CurveKey(what), levels(readings, column, over)
    for name, what in _LEVELS.items():
        for labels, column in readings.columns("levels", name):
            found = levels(readings, column, over)
            if np.isfinite(found).any():
                yield CurveKey(what, labels[_VERSION], labels[2]), found


def _by_version(readings: Readings, kind: str, name: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for labels, column in readings.columns(kind, name):
        found[labels[_VERSION]].append(column)
    return found


def _buckets(readings: Readings) -> dict[str, dict[float, list[int]]]:
    """Return the columns of each version's buckets, by their upper bound."""
    found: dict[str, dict[float, list[int]]] = defaultdict(lambda: defaultdict(list))
    for labels, column in readings.columns("histograms", "durations"):
        found[labels[_VERSION]][float(labels[-1])].append(column)
    return found
