"""Unit tests of an endpoint's rules for ``promtool test rules``: while it is well no alert fires, else each does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...capabilities.endpoints.bounds import bound_for
from ...capabilities.endpoints.scraping import JOB
from ...protocols import WatchedEndpoint
from .alert import AlertRule

_WELL_MINUTES = 180
_ANSWERED = {"model": "churn", "version": "1", "variant": "main", "protocol": "mlflow"}
_VERSION = {"model": "churn", "version": "1"}
# An endpoint that is well: each series' metric, its labels and its values a minute. An empty label is that of the
# feature, output or metric in question.
_WELL: Mapping[str, tuple[str, Mapping[str, str], str]] = {
    "up": ("up", {}, "1x{n}"),
    "workers": ("mlops_workers_ready", {}, "1x{n}"),
    "restarts": ("mlops_worker_restarts_total", {}, "0x{n}"),
    "answered": ("mlops_requests_total", {**_ANSWERED, "code": "200"}, "0+600x{n}"),
    "failed": ("mlops_requests_total", {**_ANSWERED, "code": "503"}, "0x{n}"),
    "refused": ("mlops_requests_total", {**_ANSWERED, "code": "400"}, "0x{n}"),
    "fast": ("mlops_request_duration_seconds_bucket", {**_ANSWERED, "le": ""}, "0+600x{n}"),
    "bounded": ("mlops_request_duration_seconds_bucket", {**_ANSWERED, "le": "+Inf"}, "0+600x{n}"),
    "counted": ("mlops_request_duration_seconds_count", _ANSWERED, "0+600x{n}"),
    "rows": ("mlops_predicted_rows_total", _VERSION, "0+600x{n}"),
    "feature_drift": ("mlops_feature_drift_ratio", {**_VERSION, "feature": "", "method": "psi"}, "0.05x{n}"),
    "feature_threshold": ("mlops_feature_drift_threshold_ratio", {**_VERSION, "feature": ""}, "0.1x{n}"),
    "prediction_drift": ("mlops_prediction_drift_ratio", {**_VERSION, "output": "", "method": "psi"}, "0.05x{n}"),
    "prediction_threshold": ("mlops_prediction_drift_threshold_ratio", {**_VERSION, "output": ""}, "0.1x{n}"),
    "missing": ("mlops_feature_missing_ratio", {**_VERSION, "feature": ""}, "0x{n}"),
    "invalid": ("mlops_feature_invalid_total", {**_VERSION, "feature": ""}, "0x{n}"),
    "anomalies": ("mlops_feature_anomalies_total", {**_VERSION, "feature": ""}, "0x{n}"),
    "performance": ("mlops_model_performance_ratio", {**_VERSION, "metric": ""}, "0.9x{n}"),
    "error": ("mlops_model_error", {**_VERSION, "metric": "rmse"}, "1x{n}"),
    "labels": ("mlops_feedback_labels_total", {"result": "joined"}, "0+10x{n}"),
}
_USUAL = {"feature": "age", "output": "prediction", "metric": "accuracy"}


def tests(endpoint: WatchedEndpoint, rules_file: str, alerts: Sequence[AlertRule], slow_s: float) -> dict[str, Any]:
    """Return the content of a file of tests.

    Parameters
    ----------
    endpoint
        The endpoint.
    rules_file
        The file with its rules, relative to that of the tests.
    alerts
        Its alerts.
    slow_s
        From how many seconds on an answer is slow.
    """
    names = dict.fromkeys(alert.name for alert in alerts)
    # Of a metric that has a bound of its own it is not known what is well.
    bounded = {metric for metric, _, _ in endpoint.quality}
    well = _series(endpoint.name, slow_s, {"performance": None} if "accuracy" in bounded else {}, {}, _WELL_MINUTES)
    if "rmse" in bounded:
        well = [one for one in well if "mlops_model_error{" not in one["series"]]
    quiet = [{"eval_time": f"{_WELL_MINUTES}m", "alertname": name, "exp_alerts": []} for name in names]
    return {
        "rule_files": [rules_file],
        # Rarer than in earnest: each evaluation looks through a day.
        "evaluation_interval": "5m",
        "tests": [
            {"name": f"{endpoint.name} is well", "interval": "1m", "input_series": well, "alert_rule_test": quiet},
            *(_fires(endpoint.name, slow_s, alert) for alert in alerts),
        ],
    }


def _fires(endpoint: str, slow_s: float, alert: AlertRule) -> dict[str, Any]:
    example = alert.example
    fires = {
        "eval_time": f"{example.minutes}m",
        "alertname": alert.name,
        "exp_alerts": [alert.expected(endpoint)],
    }
    return {
        "name": f"{alert.name} fires",
        "interval": "1m",
        "input_series": _series(endpoint, slow_s, example.series, example.labels, example.minutes),
        "alert_rule_test": [fires],
    }


def _series(
    endpoint: str, slow_s: float, other: Mapping[str, str | None], labels: Mapping[str, str], minutes: int
) -> list[dict[str, str]]:
    """Return the series of an endpoint that is well, but for what is other."""
    filled = {**_USUAL, **labels, "le": repr(bound_for(slow_s))}
    target = {"job": JOB, "endpoint": endpoint, "instance": "127.0.0.1:8000"}
    found = []
    for name, (metric, its, usual) in _WELL.items():
        values = other.get(name, usual)
        if values is not None:
            told = {**target, **{label: value or filled[label] for label, value in its.items()}}
            written = ",".join(f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in told.items())
            found.append({"series": f"{metric}{{{written}}}", "values": values.replace("{n}", str(minutes))})
    return found
