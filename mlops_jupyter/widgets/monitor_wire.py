"""What a dashboard is told: new instants of the series as one buffer of numbers, and how the deployment is as JSON.

The other half is ``labextension/src/monitor/wire.ts``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..records import METHOD_WORDS, Alert, DriftReport, FeatureDrift, Monitored

Values = Sequence[float | None]
Curve = tuple[str, str, str]
"""What a curve shows, of which version, and of which feature or measure."""

_OF_A_VERSION = {
    "requests": "requests_per_s",
    "errors": "errors_per_s",
    "rows": "rows_per_s",
    "p50": "p50_s",
    "p95": "p95_s",
    "p99": "p99_s",
}


def curves(found: Monitored) -> Iterator[tuple[Curve, Values]]:
    """Yield the curves of a record that a dashboard draws."""
    for one in found.versions:
        for what, name in _OF_A_VERSION.items():
            yield (what, one.version, ""), getattr(one, name)
    yield ("in_flight", "", ""), found.in_flight
    yield ("queued", "", ""), found.queued
    for kind, told in (("drift", found.drift), ("quality", found.quality)):
        for name, values in told.items():
            yield (kind, "", name), values


def packed(times: Sequence[float], columns: Iterable[Values]) -> bytes:
    """Return the instants as 64-bit floats, then each curve's values as 32-bit floats; NaN where nothing is known."""
    told = [[math.nan if value is None else value for value in values] for values in columns]
    return np.array(times, "<f8").tobytes() + b"".join(np.array(values, "<f4").tobytes() for values in told)


def standing(found: Monitored, *, acknowledges: bool) -> dict[str, Any]:
    """Return how a deployment is, without its series and without distributions.

    Parameters
    ----------
    found
        The record.
    acknowledges
        Whether alerts can be acknowledged.
    """
    return {
        "status": found.status,
        "source": found.source,
        "notes": list(found.notes),
        "served": [
            {"version": one.version, "percent": one.percent, "shadow": one.shadow, "model": one.model or ""}
            for one in found.served
        ],
        "variants": {one.version: one.variant for one in found.versions},
        "reports": [_report(report) for report in found.reports],
        "qualities": [
            {
                "version": one.version,
                "rows": one.rows,
                "labelled": one.labelled,
                "metrics": [[m.name, _sound(m.value), _sound(m.low), _sound(m.high), m.labels] for m in one.metrics],
            }
            for one in found.qualities
        ],
        "alerts": [_alert(alert) for alert in found.alerts],
        "acknowledges": acknowledges,
        "decisions": [
            [one.at.timestamp(), one.version, one.verdict, one.reason, one.percent] for one in found.decisions
        ],
    }


def distribution(reports: Iterable[DriftReport], version: str, feature: str, *, output: bool) -> dict[str, Any] | None:
    """Return both distributions of a feature, or of an output; ``None`` where there are none."""
    for report in reports:
        if (report.version or "") != version:
            continue
        for one in report.predictions if output else report.features:
            if one.feature == feature and one.distribution is not None:
                spread = one.distribution
                return {
                    "edges": list(spread.edges),
                    "names": list(spread.names),
                    "baseline": list(spread.baseline),
                    "now": list(spread.now),
                    "scores": {name: _sound(score) for name, score in one.scores.items()},
                }
    return None


def alert_id(alert: Alert) -> str:
    """Return what names an alert among those that fire."""
    return "\n".join([alert.name, *(f"{name}={value}" for name, value in sorted(alert.labels.items()))])


def _report(report: DriftReport) -> dict[str, Any]:
    return {
        "version": report.version or "",
        "baseline": report.baseline,
        "rows": [report.rows_baseline, report.rows_now],
        "features": [_feature(one) for one in report.features],
        "outputs": [_feature(one) for one in report.predictions],
        "notes": list(report.notes),
    }


def _feature(one: FeatureDrift) -> list[Any]:
    missing: Mapping[bool, list[float]] = {True: [one.missing_baseline, one.missing_now], False: []}
    return [
        one.feature,
        METHOD_WORDS[one.method],
        _sound(one.score),
        _sound(one.threshold),
        int(one.drifted),
        missing[one.missing_drifted],
        one.note or "",
        int(one.distribution is not None),
    ]


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert_id(alert),
        "name": alert.name,
        "severity": alert.severity,
        "summary": alert.summary,
        "since": alert.since.timestamp(),
        "silenced": alert.silenced,
    }


def _sound(value: float | None) -> float | None:
    """Return a number that JSON has words for."""
    return value if value is not None and math.isfinite(value) else None
