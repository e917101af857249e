"""The series that are watched, as PromQL: for dashboards here and elsewhere.

The same numbers come from an endpoint's own history, through `history.gathered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["reqps", "rowps", "s", "short", "percentunit", "bytes"]
"""As Grafana names them; ``rowps`` is its custom unit for rows per second."""

SELECTOR, WINDOW = "@SELECTOR@", "@WINDOW@"


@dataclass(frozen=True)
class Expression:
    """One series, or one a label's value.

    Attributes
    ----------
    name
        What it is called here.
    words
        What it shows, for a title.
    unit
        The unit of its values.
    labels
        The labels that tell its series apart.
    template
        The PromQL, with places for the selector and the window.
    """

    name: str
    words: str
    unit: Unit
    labels: tuple[str, ...]
    template: str

    def promql(self, selector: str, window: str) -> str:
        """Write it.

        Parameters
        ----------
        selector
            What picks the endpoint, without braces: ``endpoint="churn"``.
        window
            How far back rates look: ``30s``, or a variable such as ``$__rate_interval``.
        """
        return self.template.replace(SELECTOR, selector).replace(WINDOW, window)


def _quantile(name: str, share: str) -> Expression:
    return Expression(
        name,
        f"Duration of requests, {name}",
        "s",
        ("version",),
        f"histogram_quantile({share}, sum by (version, le) "
        f"(rate(mlops_request_duration_seconds_bucket{{{SELECTOR}}}[{WINDOW}])))",
    )


def _rate(name: str, words: str, unit: Unit, metric: str, *labels: str, where: str = "") -> Expression:
    return Expression(
        name, words, unit, labels, f"sum by ({', '.join(labels)}) (rate({metric}{{{SELECTOR}{where}}}[{WINDOW}]))"
    )


def _level(name: str, words: str, unit: Unit, metric: str, *labels: str) -> Expression:
    return Expression(name, words, unit, labels, f"max by ({', '.join(labels)}) ({metric}{{{SELECTOR}}})")


def _sum(name: str, words: str, unit: Unit, metric: str) -> Expression:
    return Expression(name, words, unit, (), f"sum({metric}{{{SELECTOR}}})")


_ALL = (
    _rate("requests", "Requests", "reqps", "mlops_requests_total", "version"),
    _rate("errors", "Requests without a prediction", "reqps", "mlops_request_errors_total", "version"),
    _rate("rows", "Rows predicted", "rowps", "mlops_predicted_rows_total", "version"),
    _quantile("p50", "0.5"),
    _quantile("p95", "0.95"),
    _quantile("p99", "0.99"),
    _rate("codes", "Requests by answer", "reqps", "mlops_requests_total", "code"),
    _rate("error_codes", "Errors by class", "reqps", "mlops_request_errors_total", "error_code"),
    _sum("in_flight", "Requests without an answer yet", "short", "mlops_requests_in_flight"),
    _sum("queued", "Requests that wait for a model", "short", "mlops_queue_requests"),
    _level("drift", "Drift of features", "short", "mlops_feature_drift_ratio", "version", "feature"),
    _level(
        "drift_threshold",
        "From where on a feature has drifted",
        "short",
        "mlops_feature_drift_threshold_ratio",
        "version",
        "feature",
    ),
    _level("prediction_drift", "Drift of predictions", "short", "mlops_prediction_drift_ratio", "version", "output"),
    _level(
        "prediction_drift_threshold",
        "From where on a prediction has drifted",
        "short",
        "mlops_prediction_drift_threshold_ratio",
        "version",
        "output",
    ),
    _level("missing", "Missing values", "percentunit", "mlops_feature_missing_ratio", "version", "feature"),
    _rate("invalid", "Values that do not fit", "rowps", "mlops_feature_invalid_total", "version", "feature"),
    _rate(
        "anomalies", "Values outside of the baseline", "rowps", "mlops_feature_anomalies_total", "version", "feature"
    ),
    _level("performance", "How right it is", "percentunit", "mlops_model_performance_ratio", "version", "metric"),
    _level("model_errors", "How far it is off", "short", "mlops_model_error", "version", "metric"),
    _rate("labels", "Labels that came", "rowps", "mlops_feedback_labels_total", "result"),
    _sum("workers", "Workers that answer", "short", "mlops_workers_ready"),
    Expression(
        "restarts",
        "Workers that were started again",
        "short",
        (),
        f"sum(increase(mlops_worker_restarts_total{{{SELECTOR}}}[{WINDOW}]))",
    ),
    _sum("memory", "Memory of the workers", "bytes", "mlops_resident_memory_bytes"),
    Expression(
        "served",
        "What is served",
        "short",
        ("version", "variant"),
        f"max by (version, variant) (mlops_model_info{{{SELECTOR}}})",
    ),
    Expression("up", "Whether it is scraped", "short", (), f"max(up{{{SELECTOR}}})"),
    # When each scrape was: the time between two says how wide a window must be.
    Expression("scraped_at", "When it was scraped", "s", (), f"max(timestamp(up{{{SELECTOR}}}))"),
)

EXPRESSIONS: Mapping[str, Expression] = {one.name: one for one in _ALL}


def selector(endpoint: str, **labels: str) -> str:
    """Return what picks one endpoint's series: the labels of its target, and others."""
    told = {"job": "mlops", "endpoint": endpoint, **labels}
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in told.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
