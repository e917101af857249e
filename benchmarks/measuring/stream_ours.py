"""At which rows of streams we alarm: as the watcher of an endpoint that is asked two rows a second.

Of the features and the answers, what is compared is the sliding window of `[monitoring]` as it is unless somebody says
otherwise: 600 s, in steps of 10 s; it is looked at every minute. What labels say is judged by the rules that
`export prometheus` writes, where the last day of answers that have labels is as many rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlops_jupyter.capabilities.drift.tables import baseline_of
from mlops_jupyter.capabilities.endpoints import MonitoringPlan, PlannedVersion
from mlops_jupyter.serving.frames import Frame
from mlops_jupyter.serving.watched import Watched

WINDOW = 1_200
_STEP, _LOOK = 20, 120
_STEP_MS = 10_000
# Of the alerts MlopsQualityDropped and MlopsModelErrorGrew.
_QUALITY_KEPT, _ERROR_GREW = 0.95, 1.25
_BEGIN_MS = 1_790_000_000_000


def alarms(stream: dict[str, Any]) -> dict[str, list[int]]:
    """Return the numbers of the live rows after which there is an alarm: of reports in a row that alarm, the first."""
    table = pd.read_parquet(stream["file"])
    before, live = table[: stream["reference"]], table[stream["reference"] :]
    if stream["looks_at"] == "errors":
        reports = _of_errors(before, live, numbers=stream["regression"])
    else:
        reports = _of_features(before, live)
    found: list[int] = []
    drifted, change = False, stream["change"]
    for row, drifts in reports:
        if change is not None and row > change:
            # What alarmed before is no answer to the change, nor keeps one from being seen.
            drifted, change = False, None
        if drifts and not drifted:
            found.append(row)
        drifted = drifts
    return {"mlops-jupyter": found}


def _of_features(before: pd.DataFrame, live: pd.DataFrame) -> Iterator[tuple[int, bool]]:
    names = [name for name in live.columns if name not in {"target", "error", "prediction"}]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "baseline.json"
        made = baseline_of(before[names], None, "the reference", answers=before["prediction"].to_numpy())
        file.write_text(made.to_json())
        planned = PlannedVersion(version="1", source="", path="", runner="", baseline=str(file))
        watched = Watched("streams", Path(folder), planned, MonitoringPlan(), _BEGIN_MS)
        # A window that is not full is compared, too, but here all have the same number of rows.
        for start in range(0, len(live) - _STEP + 1, _STEP):
            now_ms = _BEGIN_MS + (start // _STEP + 1) * _STEP_MS
            watched.take(_frame(live[start : start + _STEP], names))
            watched.turn(now_ms)
            if start + _STEP >= WINDOW and (start + _STEP) % _LOOK == 0:
                yield start + _STEP, bool(watched.report(now_ms).drifted)


def _of_errors(before: pd.DataFrame, live: pd.DataFrame, *, numbers: bool) -> Iterator[tuple[int, bool]]:
    """Judge as the alerts of quality do: lately beside the mean of before."""
    known, errors = before["error"].to_numpy(dtype=float), live["error"].to_numpy(dtype=float)
    for end in range(WINDOW, len(errors) + 1, _LOOK):
        lately = errors[end - WINDOW : end]
        if numbers:
            # The larger of what MAE and RMSE have grown by.
            grown = max(((lately**power).mean() / (known**power).mean()) ** (1 / power) for power in (1, 2))
            yield end, grown > _ERROR_GREW
        else:
            yield end, 1 - lately.mean() < _QUALITY_KEPT * (1 - known.mean())


def _frame(rows: pd.DataFrame, names: list[str]) -> Frame:
    ids = "\n".join(map(str, range(len(rows)))).encode()
    return Frame(
        model="streams",
        version="1",
        at_us=0,
        ids=ids,
        counts=[1] * len(rows),
        starts=[],
        names=tuple(names),
        matrix=None,
        columns={name: np.asarray(rows[name]) for name in names},
        predictions={"prediction": rows["prediction"].to_numpy()},
    )
