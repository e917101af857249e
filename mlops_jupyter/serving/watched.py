"""One version as the watcher sees it: the windows of its traffic, and how far they are from its baseline."""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..capabilities.drift import Baseline, Profile, compare, profile_like
from ..capabilities.endpoints import MonitoringPlan, PlannedVersion, windows
from ..capabilities.endpoints.windows import Window
from ..records import DriftReport
from .frames import Frame
from .rows import Array

_LOG = logging.getLogger(__name__)
_NO_BASELINE = "this version has no baseline, so that drift cannot be told: deploy it again with --data"


class Watched:
    """One version.

    Parameters
    ----------
    endpoint
        The endpoint's name.
    watch
        The folder of what is watched.
    planned
        What the plan says of the version.
    plan
        How it is to be watched.
    now_ms
        The time, in milliseconds of the epoch.
    """

    # What `levels` tells.
    LEVELS = (
        "mlops_feature_drift_ratio",
        "mlops_feature_drift_threshold_ratio",
        "mlops_prediction_drift_ratio",
        "mlops_prediction_drift_threshold_ratio",
        "mlops_feature_missing_ratio",
        "mlops_feature_missing_total",
        "mlops_feature_anomalies_total",
        "mlops_monitoring_rows_total",
        "mlops_drift_window_rows",
    )

    def __init__(self, endpoint: str, watch: Path, planned: PlannedVersion, plan: MonitoringPlan, now_ms: int) -> None:
        self._endpoint, self._folder = endpoint, windows.folder_of(watch, planned.version)
        self.planned, self._plan = planned, plan
        self._baseline, self._note = _baseline(planned)
        self.labels = (planned.model or "", planned.version)
        self.rows = 0
        self.missing: dict[str, int] = {}
        self.anomalies: dict[str, int] = {}
        self._bounds: dict[tuple[str, ...], tuple[Array, Array]] = {}
        self._closed: deque[Window] = deque()
        self._begin(now_ms)
        since = now_ms - int(plan.window_s * 1_000)
        if plan.tumbling:
            since = _floor(now_ms, plan.window_s)
        self._closed.extend(windows.read(self._folder, since, now_ms))

    def take(self, frame: Frame) -> None:
        """Sketch rows that were answered."""
        rows = frame.rows
        self.rows += rows
        if frame.matrix is not None:
            self._features.update_matrix(frame.names, frame.matrix)
            self._count_anomalies(frame.names, frame.matrix)
        else:
            self._features.update(frame.columns, rows)
            for name, values in frame.columns.items():
                if values.ndim == 1 and values.dtype.kind in "fiu":
                    self._count_anomalies((name,), values.reshape(-1, 1))
        self._predictions.update(frame.predictions, rows)

    def turn(self, now_ms: int, *, now: bool = False) -> None:
        """Close the base window when its time is over, or at once, and forget what is too old to be compared.

        Raises
        ------
        OSError
            When it cannot be written; then it is compared all the same, and lost with this process.
        """
        length_ms = int(self._plan.base_window_s * 1_000)
        # A clock that is set back ends it, too.
        if not now and self._start_ms <= now_ms < self._start_ms + length_ms:
            return
        end_ms = max(min(now_ms, self._start_ms + length_ms), self._start_ms + 1)
        closed = Window(self._start_ms, end_ms, self._features, self._predictions)
        self._begin(now_ms)
        self._forget(now_ms)
        if closed.features.rows:
            self._closed.append(closed)
            for name, column in closed.features.columns.items():
                self.missing[name] = self.missing.get(name, 0) + column.missing
            windows.write(self._folder, closed)

    def report(self, now_ms: int) -> DriftReport:
        """Compare the window with the baseline."""
        whole = self._window(now_ms)
        since, until = _moment(whole.start_ms), _moment(now_ms)
        told: dict[str, Any] = {"name": self._endpoint, "version": self.planned.version, "since": since, "until": until}
        if self._baseline is None:
            return DriftReport(
                baseline="", rows_baseline=0, rows_now=whole.features.rows, features=(), notes=(self._note,), **told
            )
        return self._without_redacted(compare(self._baseline, whole.features, whole.predictions, **told))

    def levels(self, report: DriftReport) -> dict[str, list[list[Any]]]:
        """Return a report as the supervisor takes it."""
        labels = list(self.labels)
        told: dict[str, list[list[Any]]] = {
            "mlops_feature_missing_ratio": self._missing_now(),
            "mlops_feature_missing_total": [[[*labels, name], count] for name, count in self.missing.items()],
            "mlops_feature_anomalies_total": [[[*labels, name], count] for name, count in self.anomalies.items()],
            "mlops_monitoring_rows_total": [[labels, self.rows]],
            "mlops_drift_window_rows": [[labels, report.rows_now]],
        }
        for what, found in (("feature", report.features), ("prediction", report.predictions)):
            scored = [(one, one.score) for one in found if one.score is not None and math.isfinite(one.score)]
            told[f"mlops_{what}_drift_ratio"] = [[[*labels, one.feature, one.method], score] for one, score in scored]
            told[f"mlops_{what}_drift_threshold_ratio"] = [[[*labels, one.feature], one.threshold] for one, _ in scored]
        return told

    def _without_redacted(self, report: DriftReport) -> DriftReport:
        """Take columns out of a report of which no values come here, and say so."""
        redacted = set(self._plan.redact)
        found = {one.feature for one in (*report.features, *report.predictions)} & redacted
        if not found:
            return report
        return replace(
            report,
            features=tuple(one for one in report.features if one.feature not in redacted),
            predictions=tuple(one for one in report.predictions if one.feature not in redacted),
            notes=(*report.notes, f"redacted columns are not watched: {', '.join(sorted(found))}"),
        )

    def _missing_now(self) -> list[list[Any]]:
        return [
            [[*self.labels, name], column.missing / column.rows]
            for name, column in self._last.features.columns.items()
            if column.rows
        ]

    def _begin(self, now_ms: int) -> None:
        self._start_ms = _floor(now_ms, self._plan.base_window_s)
        baseline = self._baseline
        self._features = Profile() if baseline is None else profile_like(baseline)
        predictions = None if baseline is None else baseline.predictions
        self._predictions = Profile() if predictions is None else predictions.like()

    def _forget(self, now_ms: int) -> None:
        length_ms = int(self._plan.window_s * 1_000)
        since = _floor(now_ms, self._plan.window_s) if self._plan.tumbling else now_ms - length_ms
        while self._closed and (self._closed[0].end_ms <= since or self._closed[0].start_ms > now_ms + length_ms):
            self._closed.popleft()

    def _window(self, now_ms: int) -> Window:
        """Return all that is compared."""
        self._forget(now_ms)
        every = [*self._closed, Window(self._start_ms, now_ms, self._features, self._predictions)]
        self._last = windows.merged(every) or every[-1]
        return self._last

    def _count_anomalies(self, names: tuple[str, ...], matrix: Array) -> None:
        if self._baseline is None:
            return
        bounds = self._bounds.get(names)
        if bounds is None:
            bounds = self._bounds[names] = self._baseline.bounds(names)
        low, high = bounds
        # What is missing is neither below nor above.
        outside = np.count_nonzero((matrix < low) | (matrix > high), axis=0)
        for at in np.flatnonzero(outside):
            name = names[at]
            self.anomalies[name] = self.anomalies.get(name, 0) + int(outside[at])


def _baseline(planned: PlannedVersion) -> tuple[Baseline | None, str]:
    """Return a version's baseline, or ``None`` and why there is none."""
    if planned.baseline is None:
        return None, _NO_BASELINE
    try:
        return Baseline.from_json(Path(planned.baseline).read_bytes()), ""
    except OSError as error:
        note = f"the baseline of version {planned.version} cannot be read: {error.strerror or error}"
    except ValueError as error:
        note = f"the baseline of version {planned.version} cannot be used: {error}"
    _LOG.warning("%s", note)
    return None, note


def _floor(now_ms: int, length_s: float) -> int:
    length_ms = max(int(length_s * 1_000), 1)
    return now_ms // length_ms * length_ms


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000, UTC)
