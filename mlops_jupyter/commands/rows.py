"""``rows``: what a deployment was asked."""

from __future__ import annotations

import difflib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import pyarrow as pa

from .. import settings
from ..capabilities.drift import compare
from ..capabilities.endpoints.folder import endpoint_folder
from ..capabilities.endpoints.reports import read_drift
from ..capabilities.monitoring import stretches
from ..capabilities.quality import logged, segments
from ..capabilities.quality.anomalies import COLUMN, Anomalies
from ..capabilities.quality.assessing import Wanted
from ..errors import CommandError, NotFound
from ..protocols import DeploymentName, Short
from ..records import Deployment, DriftReport, FeatureDrift, LoggedRows
from . import drift_sources, targets


def rows(
    name: DeploymentName,
    feature: str = "",
    *,
    anomalies: bool = False,
    segment: str = "",
    since: str = "1h",
    version: str | None = None,
    limit: Annotated[int, Short("-n")] = 10_000,
) -> LoggedRows:
    """Show logged rows of a deployment: those behind the drift of a feature, or of a segment.

    Of a feature that has drifted these are the rows whose values have become more frequent than in the baseline, as
    `drift` tells it of the same time. Logged are samples of what was asked, with what was answered, without columns
    that the settings redact.

    Parameters
    ----------
    name
        The deployment.
    feature
        The feature, or the prediction, that has drifted; else all rows are shown.
    anomalies
        Show the rows that have a number far from those of the baseline, or a category that it does not know though it
        knows all; the column ``anomalies`` names the features.
    segment
        Look only at rows whose value is so: plan=premium, age>=30.
    since
        How far back to look: 15m, 1h, 7d.
    version
        The version that was asked; else, with a feature or --anomalies, the one with the most traffic.
    limit
        How many rows at the most; the newest ones.

    Returns
    -------
    LoggedRows
        The rows, in `result` as a DataFrame.

    Raises
    ------
    NotFound
        When there is no such deployment, nothing is logged, nothing is known of the feature, or there is no baseline.
    CommandError
        When an option does not fit.
    """
    if limit < 1:
        raise CommandError(f"--limit takes 1 or more, not {limit}", "-n 100")
    current = settings.current()
    found = targets.target(current).get(name)
    watch = endpoint_folder(current.state, name).watch
    since_s = stretches.seconds(since, "--since")
    start = datetime.now(UTC) - timedelta(seconds=since_s)
    chosen = segments.parsed(segment) if segment else None
    behind: logged.Chosen | None = None
    notes: tuple[str, ...] = ()
    unlike: Anomalies | None = None
    if anomalies:
        if feature:
            raise CommandError("--anomalies are of all features", f"mlops rows {name} --anomalies")
        version = version or _main(found)
        planned = drift_sources.planned(current, name, version)
        behind = unlike = Anomalies.of(drift_sources.of_version(name, planned))
    elif feature:
        version = version or _main(found)
        report, notes = _report(current, name, version, since_s)
        drift = _of_feature(name, report, feature)
        behind, notes = logged.moved(drift), (*notes, *_remarks(drift))
    seen = logged.find(watch, Wanted(version=version, since=start, segment=chosen), behind, limit)
    chosen_rows = seen.table
    if unlike is not None:
        chosen_rows = chosen_rows.append_column(COLUMN, pa.array(unlike.features(chosen_rows), pa.string()))
    table = chosen_rows.to_pandas()
    return LoggedRows(
        name=name,
        feature=feature or None,
        where=", and ".join(filter(None, ("" if behind is None else behind.words(), segment and str(chosen)))),
        matching=seen.matching,
        looked_at=seen.looked_at,
        columns=tuple(map(str, table.columns)),
        rows=tuple(tuple(row.values()) for row in chosen_rows.slice(0, 100).to_pylist()),
        notes=notes,
        result=table,
    )


def _remarks(drift: FeatureDrift) -> tuple[str, ...]:
    if drift.drifted or drift.missing_drifted:
        return ()
    return (f"{drift.feature} has not drifted: these are the values that have become more frequent all the same",)


def _main(found: Deployment) -> str:
    answering = [one for one in found.versions if not one.shadow]
    if not answering:
        raise NotFound(f"{found.name} serves nothing", f"mlops deployments {found.name}")
    return max(answering, key=lambda one: one.percent).version


def _report(
    current: settings.Settings, name: str, version: str, since_s: float
) -> tuple[DriftReport | None, tuple[str, ...]]:
    """Compare what a version was asked in this time with its baseline.

    Of one that is served no more, and whose baseline is not known, the endpoint's last report is what there is.
    """
    folder = endpoint_folder(current.state, name)
    plan = folder.plan()
    planned = next((one for one in plan.versions if one.version == version), None) if plan is not None else None
    if planned is None or planned.baseline is None:
        last = read_drift(folder.watch).get(version)
        if last is None or last.until is None:
            return last, ()
        return last, (f"by the last drift report of version {version}, up to {last.until:%Y-%m-%d %H:%M} UTC",)
    baseline = drift_sources.of_version(name, planned)
    now = drift_sources.seen(folder, version, since_s, baseline, drift_sources.Asked())
    report = compare(baseline, now.features, now.predictions, name=name, version=version)
    seen = tuple(one for one in report.features if one.feature not in now.unseen)
    return replace(report, features=seen), now.notes


def _of_feature(name: str, report: DriftReport | None, feature: str) -> FeatureDrift:
    """Return what the last report says of a feature, or of a prediction."""
    if report is None:
        raise NotFound(f"of {name} there is no drift report yet", f"mlops drift {name}")
    known = {one.feature: one for one in (*report.predictions, *report.features)}
    if feature not in known:
        near = difflib.get_close_matches(feature, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
        raise NotFound(f"the drift report of {name} has no {feature}", hint)
    return known[feature]
