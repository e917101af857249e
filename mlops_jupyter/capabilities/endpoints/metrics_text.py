"""What the workers of an endpoint have counted, added up and written as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.samples import Exemplar

from .levels import LEVELS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_VERSION = ["model", "version", "variant"]
_FEATURE = ["model", "version", "feature"]
_COUNTERS: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "requests": (
        "mlops_requests",
        "Requests for predictions, by how they were answered.",
        [*_VERSION, "protocol", "code"],
    ),
    "errors": (
        "mlops_request_errors",
        "Requests that got no prediction, by the error's code.",
        [*_VERSION, "protocol", "error_code"],
    ),
    "rows": ("mlops_predicted_rows", "Rows that a model was given.", ["model", "version"]),
    "shadows": (
        "mlops_shadow_rows",
        "Rows that a version in the shadow was given, by how its answers compare.",
        ["model", "version", "result"],
    ),
    "feature_invalid": ("mlops_feature_invalid", "Requests that were refused for a feature's values.", _FEATURE),
    "monitoring_dropped": (
        "mlops_monitoring_dropped_rows",
        "Rows that monitoring has not looked at, because more came than it could.",
        ["model", "version"],
    ),
    "cpu_seconds": ("mlops_cpu_seconds", "Time of the processor that workers have taken.", []),
    "restarts": ("mlops_worker_restarts", "Workers started again.", []),
}
_HISTOGRAMS: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "durations": ("mlops_request_duration_seconds", "From a request's head to its answer.", [*_VERSION, "protocol"]),
    "batches": ("mlops_batch_size", "Rows that a model was given at once.", ["model", "version"]),
    "model_seconds": ("mlops_model_duration_seconds", "What a call of the model took.", ["model", "version"]),
}
_GAUGES: Mapping[str, tuple[str, str]] = {
    "in_flight": ("mlops_requests_in_flight", "Requests that have no answer yet."),
    "queued": ("mlops_queue_requests", "Requests that wait for a model."),
    "resident_bytes": ("mlops_resident_memory_bytes", "Memory of the workers."),
    "open_fds": ("mlops_open_fds", "Files and connections that workers have open."),
    "workers_ready": ("mlops_workers_ready", "Workers that answer."),
}


def merged(snapshots: Iterable[Mapping[str, Any]], past: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Add snapshots of several workers up.

    Parameters
    ----------
    snapshots
        Of the workers that live.
    past
        What dead workers had counted, itself such a sum; their gauges no longer count.

    Returns
    -------
    dict
        A snapshot of them all.
    """
    told = list(snapshots)
    everything = [*told, past] if past else told
    versions = [version for one in reversed(told) for version in one.get("versions", [])]
    distinct = {tuple(sorted(version.items())): version for version in versions}
    return {
        "gauges": _summed(list(one.get("gauges", {}).items()) for one in told),
        "counters": {
            name: [[list(key), count] for key, count in _summed(_listed(everything, "counters", name)).items()]
            for name in _COUNTERS
        },
        "histograms": {name: _histograms(everything, name) for name in _HISTOGRAMS},
        "versions": list(distinct.values()),
        "levels": {name: series for one in told for name, series in one.get("levels", {}).items()},
    }


def prefers_openmetrics(accept: str) -> bool:
    """Tell whether a scraper takes OpenMetrics, by its ``Accept`` header: who takes both gets that.

    A quality of 0 says that it does not (RFC 9110, section 12.4.2).
    """
    for part in accept.lower().split(","):
        kind, *parameters = (each.strip() for each in part.split(";"))
        if kind == "application/openmetrics-text":
            return not any(each.startswith("q=") and each.strip("q=.0") == "" for each in parameters)
    return False


def render(total: Mapping[str, Any], *, openmetrics: bool = False) -> str:
    """Write a sum of snapshots in Prometheus' text format, or as OpenMetrics, which has the examples of durations."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(list(_metrics(total))))
    if openmetrics:
        told: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
        return told.decode()
    return generate_latest(registry).decode()


class _Told:
    """Metrics that have been counted elsewhere, as prometheus-client collects them."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _metrics(total: Mapping[str, Any]) -> Iterable[Metric]:
    for name, (metric, words, labels) in _COUNTERS.items():
        counter = CounterMetricFamily(metric, words, labels=labels)
        for key, count in total["counters"].get(name, ()):
            counter.add_metric(key, count)
        yield counter
    for name, (metric, words, labels) in _HISTOGRAMS.items():
        histogram = HistogramMetricFamily(metric, words, labels=labels)
        for key, told in total["histograms"].get(name, ()):
            histogram.add_metric(key, _buckets(told), told["sum"])
        yield histogram
    for name, (metric, words) in _GAUGES.items():
        if name in total["gauges"]:
            yield GaugeMetricFamily(metric, words, value=total["gauges"][name])
    for name, series in total.get("levels", {}).items():
        yield _level(name, series)
    names = ["model", "version", "variant", "run_id", "source", "percent"]
    info = GaugeMetricFamily("mlops_model_info", "The versions that are served.", labels=names)
    for version in total.get("versions", ()):
        info.add_metric([str(version.get(name, "")) for name in names], 1)
    yield info


def _level(name: str, series: Iterable[tuple[Sequence[str], float]]) -> Metric:
    words, labels = LEVELS[name]
    metric = (CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily)(name, words, labels=labels)
    for key, value in series:
        metric.add_metric(key, value)
    return metric


def _buckets(told: Mapping[str, Any]) -> list[Any]:
    buckets = []
    so_far = 0
    examples = {
        bucket: Exemplar({"trace_id": trace}, value, at) for bucket, trace, value, at in told.get("exemplars", ())
    }
    for at, (bound, count) in enumerate(zip([*told["bounds"], float("inf")], told["counts"], strict=True)):
        so_far += count
        buckets.append(("+Inf" if bound == float("inf") else repr(float(bound)), float(so_far), examples.get(at)))
    return buckets


def _listed(snapshots: Iterable[Mapping[str, Any]], kind: str, name: str) -> Iterable[list[tuple[Any, Any]]]:
    for one in snapshots:
        yield [(tuple(key), value) for key, value in one.get(kind, {}).get(name, ())]


def _summed(parts: Iterable[list[tuple[Any, Any]]]) -> dict[Any, Any]:
    total: dict[Any, Any] = {}
    for part in parts:
        for key, value in part:
            total[key] = total.get(key, 0) + value
    return total


def _histograms(snapshots: Iterable[Mapping[str, Any]], name: str) -> list[list[Any]]:
    total: dict[Any, dict[str, Any]] = {}
    for part in _listed(snapshots, "histograms", name):
        for key, told in part:
            one = total.setdefault(key, {"bounds": told["bounds"], "counts": [0] * len(told["counts"]), "sum": 0.0})
            one["counts"] = [mine + other for mine, other in zip(one["counts"], told["counts"], strict=True)]
            one["sum"] += told["sum"]
            examples = {each[0]: each for each in one.get("exemplars", ())}
            for each in told.get("exemplars", ()):
                if each[0] not in examples or examples[each[0]][3] < each[3]:
                    examples[each[0]] = each
            if examples:
                one["exemplars"] = list(examples.values())
    return [[list(key), told] for key, told in total.items()]
