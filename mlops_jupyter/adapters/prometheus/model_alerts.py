"""Alerts on what a model is asked, and how right it is: drift, missing and unfit values, quality."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from ...capabilities.monitoring.expressions import selector
from ...protocols import WatchedEndpoint, WatchedFeature
from . import recording
from .alert import AlertRule, Example
from .service_alerts import LEAST_REQUESTS

# With fewer rows in an hour, or labels in a day, the levels say little.
LEAST_ROWS, LEAST_LABELS = 200, 50
# Without a baseline: the share of missing values that somebody should look at.
_MISSING = 0.05
# Missing values vary by chance: so many standard deviations of a share of `LEAST_ROWS`, and what never matters.
_DEVIATIONS, _TOLERATED = 4.0, 0.01
_UNFIT, _OUTSIDE = 0.05, 0.05
_QUALITY_KEPT, _ERROR_GREW = 0.95, 1.25
_RE2 = re.compile(r"([\\.+*?()|\[\]{}^$])")
_UNMET: Mapping[str, str] = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
_FEATURE = "endpoint, model, version, feature"


def alerts(endpoint: WatchedEndpoint) -> Iterator[AlertRule]:
    """Yield the rules."""
    name = endpoint.name
    first = endpoint.features[0].name if endpoint.features else "age"
    yield _drift(name, "Feature", "feature", first)
    yield _drift(name, "Prediction", "output", endpoint.outputs[0] if endpoint.outputs else "prediction")
    yield from _missing(name, endpoint.features)
    yield _unfit(name, first)
    yield _outside(name, first)
    yield from _worse(name)
    for metric, sign, bound in endpoint.quality:
        yield _unmet(name, metric, sign, bound)


def _of_version(**more: str) -> dict[str, str]:
    return {"model": "churn", "version": "1", **more}


def _drift(endpoint: str, kind: str, label: str, example: str) -> AlertRule:
    picked, what = selector(endpoint), kind.lower()
    both = f"endpoint, model, version, {label}"
    return AlertRule(
        name=f"Mlops{kind}Drift",
        expression=(
            f"max by ({both}, method) (mlops_{what}_drift_ratio{{{picked}}})\n"
            f"> on ({both}) group_left ()\n"
            f"max by ({both}) (mlops_{what}_drift_threshold_ratio{{{picked}}})\n{_enough_rows(endpoint)}"
        ),
        lasts="15m",
        severity="ticket",
        summary=(
            f"{endpoint}: {what} {{{{ $labels.{label} }}}} of version {{{{ $labels.version }}}} has drifted "
            '({{ $labels.method }} {{ $value | printf "%.3f" }})'
        ),
        advice=f"mlops drift {endpoint} puts it beside the baseline.",
        example=Example(
            {f"{what}_drift": "0.5x{n}"}, value="0.500", labels=_of_version(**{label: example}, method="psi")
        ),
    )


def missing_bound(share: float | None) -> float:
    """Return the share of missing values from which on a feature is alerted on, rounded up to a hundredth.

    Parameters
    ----------
    share
        That of the baseline, ``None`` without one.
    """
    if share is None:
        return _MISSING
    chance = _DEVIATIONS * math.sqrt(share * (1 - share) / LEAST_ROWS)
    return min(1.0, math.ceil(round((share + chance + _TOLERATED) * 100, 6)) / 100)


def _missing(endpoint: str, features: Sequence[WatchedFeature]) -> Iterator[AlertRule]:
    bounds: dict[float, list[str]] = {}
    for feature in features:
        if feature.missing is not None and (bound := missing_bound(feature.missing)) < 1:
            bounds.setdefault(bound, []).append(feature.name)
    known = [feature.name for feature in features if feature.missing is not None]
    for bound, names in sorted(bounds.items()):
        yield _missing_of(endpoint, f"feature=~{_any_of(names)}", bound, f"{bound * 100:g}%", names[0])
    other = next((feature.name for feature in features if feature.missing is None), "mlops_unknown")
    where = f"feature!~{_any_of(known)}" if known else ""
    yield _missing_of(endpoint, where, _MISSING, f"{_MISSING * 100:g}%, without a baseline", other)


def _missing_of(endpoint: str, where: str, bound: float, allowed: str, example: str) -> AlertRule:
    picked = ",".join(filter(None, (selector(endpoint), where)))
    return AlertRule(
        name="MlopsFeatureMissing",
        expression=(
            f"max by ({_FEATURE}) (mlops_feature_missing_ratio{{{picked}}}) > {bound:g}\n{_enough_rows(endpoint)}"
        ),
        lasts="15m",
        severity="ticket",
        summary=(
            f"{endpoint}: {{{{ $value | humanizePercentage }}}} of the values of {{{{ $labels.feature }}}} are missing"
        ),
        advice=f"Allowed are {allowed}. mlops drift {endpoint} puts it beside the baseline.",
        example=Example({"missing": "1x{n}"}, value="100%", labels=_of_version(feature=example)),
        labels={"allowed": allowed},
    )


def _unfit(endpoint: str, feature: str) -> AlertRule:
    requests = f'{recording.requests("30m")}{{endpoint="{endpoint}"}} * {recording.SECONDS["30m"]}'
    return AlertRule(
        name="MlopsFeatureInvalid",
        expression=(
            f"sum by ({_FEATURE}) (increase(mlops_feature_invalid_total{{{selector(endpoint)}}}[30m]))\n"
            f"/ on (endpoint) group_left () ({requests} >= {LEAST_REQUESTS}) > {_UNFIT}"
        ),
        lasts="15m",
        severity="ticket",
        summary=(
            f"{endpoint}: {{{{ $labels.feature }}}} does not fit in {{{{ $value | humanizePercentage }}}} of requests"
        ),
        advice="Somebody sends other types or other names than the model's signature has.",
        example=Example({"invalid": "0+300x{n}"}, value="50%", labels=_of_version(feature=feature)),
    )


def _outside(endpoint: str, feature: str) -> AlertRule:
    picked = selector(endpoint)
    return AlertRule(
        name="MlopsFeatureAnomalies",
        expression=(
            f"sum by ({_FEATURE}) (increase(mlops_feature_anomalies_total{{{picked}}}[1h]))\n"
            f"/ on (endpoint, model, version) group_left () ({_rows(endpoint)} >= {LEAST_ROWS}) > {_OUTSIDE}"
        ),
        lasts="15m",
        severity="ticket",
        summary=(
            f"{endpoint}: {{{{ $value | humanizePercentage }}}} of the values of {{{{ $labels.feature }}}} lie outside "
            "of the baseline"
        ),
        advice=f"mlops drift {endpoint} leads to the rows behind it.",
        example=Example({"anomalies": "0+300x{n}"}, value="50%", labels=_of_version(feature=feature)),
    )


def _worse(endpoint: str) -> Iterator[AlertRule]:
    picked = selector(endpoint)
    for name, metric, sign, factor, key, words, levels in (
        (
            "MlopsQualityDropped",
            "mlops_model_performance_ratio",
            "<",
            _QUALITY_KEPT,
            "performance",
            "dropped",
            "0.9 0.5",
        ),
        ("MlopsModelErrorGrew", "mlops_model_error", ">", _ERROR_GREW, "error", "grew", "1 2"),
    ):
        before, after = levels.split()
        example = "accuracy" if key == "performance" else "rmse"
        yield AlertRule(
            name=name,
            expression=(
                f"max by (endpoint, model, version, metric) ({metric}{{{picked}}})\n"
                f"{sign} {factor} * max by (endpoint, model, version, metric) "
                f"(avg_over_time({metric}{{{picked}}}[7d] offset 1h))\n{_enough_labels(endpoint)}"
            ),
            lasts="30m",
            severity="ticket",
            summary=(
                f"{endpoint}: {{{{ $labels.metric }}}} of version {{{{ $labels.version }}}} {words} to "
                '{{ $value | printf "%.3f" }}'
            ),
            advice=f"Compared with its mean over the week before. mlops monitor {endpoint} shows since when.",
            example=Example(
                {key: f"{before}x90 {after}x90"},
                value=f"{float(after):.3f}",
                labels=_of_version(metric=example),
                minutes=150,
            ),
        )


def _unmet(endpoint: str, metric: str, sign: str, bound: float) -> AlertRule:
    picked = f"{selector(endpoint)},metric={json.dumps(metric, ensure_ascii=False)}"
    # What it is then is far beyond the bound, on the wrong side of it.
    wrong = bound - 1 if sign in {">=", ">"} else bound + 1
    return AlertRule(
        name="MlopsQualityUnmet",
        expression=(
            "max by (endpoint, model, version, metric) "
            f"(mlops_model_performance_ratio{{{picked}}} or mlops_model_error{{{picked}}}) {_UNMET[sign]} {bound!r}\n"
            f"{_enough_labels(endpoint)}"
        ),
        lasts="15m",
        severity="page",
        summary=(
            f"{endpoint}: {{{{ $labels.metric }}}} of version {{{{ $labels.version }}}} is "
            f'{{{{ $value | printf "%.3f" }}}}, which is not {sign} {bound:g}'
        ),
        advice=f"mlops monitor {endpoint} shows since when, mlops rollback {endpoint} serves what was served before.",
        example=Example(
            {"performance": f"{wrong!r}x{{n}}", "error": None},
            value=f"{wrong:.3f}",
            labels=_of_version(metric=metric),
        ),
        labels={"required": f"{sign} {bound:g}"},
    )


def _rows(endpoint: str) -> str:
    return f"sum by (endpoint, model, version) (increase(mlops_predicted_rows_total{{{selector(endpoint)}}}[1h]))"


def _enough_rows(endpoint: str) -> str:
    return f"and on (endpoint, model, version) {_rows(endpoint)} >= {LEAST_ROWS}"


def _enough_labels(endpoint: str) -> str:
    joined = f'mlops_feedback_labels_total{{{selector(endpoint)},result="joined"}}'
    return f"and on (endpoint) sum by (endpoint) (increase({joined}[1d])) >= {LEAST_LABELS}"


def _any_of(names: Sequence[str]) -> str:
    """Return a matcher's text for any of these names: escaped for RE2, then as PromQL writes a text."""
    return json.dumps("|".join(_RE2.sub(r"\\\1", name) for name in names), ensure_ascii=False)
