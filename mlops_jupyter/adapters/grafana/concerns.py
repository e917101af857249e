"""What the dashboard shows, a row for each concern. The series are those of `monitor`."""

from __future__ import annotations

from collections.abc import Sequence

from ...capabilities.monitoring.expressions import EXPRESSIONS
from .panels import GREEN, ORANGE, RED, Panel, Query, Steps

ENDPOINT = 'job="mlops",endpoint="$endpoint"'
VERSION = f'{ENDPOINT},model=~"$model",version=~"$version"'
_WINDOW = "$__rate_interval"
# Series of the endpoint as a whole, which know of no version.
_OF_THE_WHOLE = {"in_flight", "queued", "workers", "restarts", "memory", "labels", "up", "scraped_at"}
_SHARE = ((None, GREEN), (0.001, ORANGE), (0.01, RED))
_DRIFT = ((None, GREEN), (0.7, ORANGE), (1.0, RED))
_FAILED = ',code=~"429|5.."'


def rows(slow_s: float) -> Sequence[tuple[str, Sequence[Panel]]]:
    """Return the rows.

    Parameters
    ----------
    slow_s
        From how many seconds on an answer is slow.
    """
    return (
        ("Now", _now(slow_s)),
        ("Traffic", _traffic()),
        ("Latency", _latency(slow_s)),
        ("Errors", _errors()),
        ("Drift", _drift()),
        ("Data", _data()),
        ("Quality", _quality()),
        ("Model and workers", _workers()),
    )


def _of(name: str, legend: str = "__auto") -> Query:
    where = ENDPOINT if name in _OF_THE_WHOLE else VERSION
    return Query(EXPRESSIONS[name].promql(where, _WINDOW), legend)


def _line(name: str, legend: str = "{{version}}", *, about: str = "", width: int = 8) -> Panel:
    series = EXPRESSIONS[name]
    return Panel(series.words, about, "timeseries", (_of(name, legend),), series.unit, width, least=0)


def _answered(where: str = "") -> str:
    return f"sum(rate(mlops_requests_total{{{VERSION}{where}}}[{_WINDOW}]))"


def _beyond(what: str, label: str) -> str:
    """Return the drift as a multiple of the threshold."""
    drift, threshold = (f"mlops_{what}_drift{level}_ratio{{{VERSION}}}" for level in ("", "_threshold"))
    return f"max by (version, {label}) ({drift}) / max by (version, {label}) ({threshold})"


def _number(title: str, about: str, query: Query, unit: str, steps: Steps = ()) -> Panel:
    return Panel(title, about, "stat", (query,), unit, 4, 4, steps)


def _now(slow_s: float) -> Sequence[Panel]:
    buckets = f"sum by (le) (rate(mlops_request_duration_seconds_bucket{{{VERSION}}}[{_WINDOW}]))"
    failed = f"({_answered(_FAILED)} or 0 * {_answered()}) / ({_answered()} > 0)"
    drifted = f"count({_beyond('feature', 'feature')} > 1) or 0 * count(mlops_feature_drift_ratio{{{VERSION}}})"
    quality = f"min(mlops_model_performance_ratio{{{VERSION}}})"
    alerts = 'max by (alertname, alertstate) (ALERTS{endpoint="$endpoint"})'
    late = ((None, GREEN), (slow_s, RED))
    some, none = ((None, GREEN), (1.0, ORANGE)), ((None, RED), (1.0, GREEN))
    return (
        _number("Requests now", "Per second.", Query(_answered(), "requests"), "reqps"),
        _number("Failed", "The share that got no answer.", Query(failed, "failed"), "percentunit", _SHARE),
        _number("p99", "99 of 100 answers take no longer.", Query(f"histogram_quantile(0.99, {buckets})"), "s", late),
        _number("Workers", "Those that answer.", _of("workers", "workers"), "short", none),
        _number("Features that drift", "Beyond their threshold.", Query(drifted, "drifted"), "short", some),
        _number("Lowest measure of quality", "Of all that labels tell.", Query(quality, "quality"), "percentunit"),
        Panel(
            "Alerts",
            "What fires, and what is about to.",
            "state-timeline",
            (Query(alerts, "{{alertname}} {{alertstate}}"),),
            width=24,
            height=5,
            steps=some,
        ),
    )


def _traffic() -> Sequence[Panel]:
    return (
        _line("requests", about="By version: how traffic is split."),
        _line("codes", "{{code}}"),
        Panel(
            "Requests under way",
            "Those without an answer yet, and those of them that wait for a model.",
            "timeseries",
            (_of("in_flight", "in flight"), _of("queued", "queued")),
            "short",
            least=0,
        ),
    )


def _latency(slow_s: float) -> Sequence[Panel]:
    heat = f"sum by (le) (increase(mlops_request_duration_seconds_bucket{{{VERSION}}}[{_WINDOW}]))"
    return (
        Panel(
            "Duration of requests",
            f"Quantiles by version. Beyond {slow_s:g} s an answer is slow.",
            "timeseries",
            tuple(_of(name, f"{{{{version}}}} {name}") for name in ("p50", "p95", "p99")),
            "s",
            12,
            least=0,
        ),
        Panel(
            "How long answers take",
            "How many fell into each bucket.",
            "heatmap",
            (Query(heat, "{{le}}", heat=True),),
            "short",
            12,
        ),
    )


def _errors() -> Sequence[Panel]:
    by_version = (
        f'sum by (version) (rate(mlops_requests_total{{{VERSION},code!~"2.."}}[{_WINDOW}]))\n'
        f"/ sum by (version) (rate(mlops_requests_total{{{VERSION}}}[{_WINDOW}]))"
    )
    return (
        Panel(
            "Share without a prediction",
            "By version.",
            "timeseries",
            (Query(by_version, "{{version}}"),),
            "percentunit",
            12,
            least=0,
        ),
        _line("error_codes", "{{error_code}}", about="What the answers say.", width=12),
    )


def _drift() -> Sequence[Panel]:
    return (
        Panel(
            "Drift by feature",
            "The distance from the baseline as a multiple of its threshold: red has drifted.",
            "status-history",
            (Query(_beyond("feature", "feature"), "{{feature}} {{version}}"),),
            "short",
            24,
            10,
            steps=_DRIFT,
            least=0,
        ),
        _line("drift", "{{feature}} {{version}}", about="The distance by each feature's own method.", width=12),
        Panel(
            "Drift of predictions",
            "The distance from the baseline, and from where on it counts.",
            "timeseries",
            (
                _of("prediction_drift", "{{output}} {{version}}"),
                _of("prediction_drift_threshold", "threshold of {{output}} {{version}}"),
            ),
            "short",
            12,
            least=0,
        ),
    )


def _data() -> Sequence[Panel]:
    return (
        _line("missing", "{{feature}} {{version}}"),
        _line("invalid", "{{feature}} {{version}}", about="Requests refused for a feature's values."),
        _line("anomalies", "{{feature}} {{version}}"),
    )


def _quality() -> Sequence[Panel]:
    return (
        _line("performance", "{{metric}} {{version}}", about="By the labels that have come."),
        _line("model_errors", "{{metric}} {{version}}"),
        _line("labels", "{{result}}", about="Joined with a request, unknown, or given before."),
    )


def _workers() -> Sequence[Panel]:
    model = f"sum by (version, le) (rate(mlops_model_duration_seconds_bucket{{{VERSION}}}[{_WINDOW}]))"
    total, count = (
        f"sum by (version) (rate(mlops_batch_size_{part}{{{VERSION}}}[{_WINDOW}]))" for part in ("sum", "count")
    )
    return (
        _line("rows"),
        Panel(
            "Calls of the model, p95",
            "Without what the endpoint adds.",
            "timeseries",
            (Query(f"histogram_quantile(0.95, {model})", "{{version}}"),),
            "s",
            least=0,
        ),
        Panel(
            "Rows a call",
            "How many rows the model is given at once, on average.",
            "timeseries",
            (Query(f"{total} / {count}", "{{version}}"),),
            least=0,
        ),
        _line("restarts", "restarts"),
        _line("memory", "memory"),
        Panel(
            "Versions",
            "What is served, and as what.",
            "state-timeline",
            (_of("served", "{{version}} {{variant}}"),),
            steps=((None, RED), (1.0, GREEN)),
        ),
    )
