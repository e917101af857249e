"""One version as the watcher sees it, with windows that nobody wishes for: each is told, and stops nothing."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.capabilities.drift.tables import baseline_of
from mlops_jupyter.capabilities.endpoints import MonitoringPlan, PlannedVersion, windows
from mlops_jupyter.capabilities.endpoints.levels import Levels
from mlops_jupyter.capabilities.endpoints.reports import read_drift, write_drift
from mlops_jupyter.records import DriftReport, FeatureDrift
from mlops_jupyter.serving.frames import Frame
from mlops_jupyter.serving.watched import Watched

NOW_MS = 1_790_000_000_000
RANDOM = np.random.default_rng(3)
TRAINED = pd.DataFrame(
    {
        "age": RANDOM.normal(40, 10, 2_000),
        "fixed": np.full(2_000, 7.0),
        "town": RANDOM.choice(["Bern", "Basel", "Chur"], 2_000).astype(object),
    }
)
DRIFT, THRESHOLD = "mlops_feature_drift_ratio", "mlops_feature_drift_threshold_ratio"


def watched(folder: Path, baseline: str | None = None) -> Watched:
    """Return a version whose model was trained with `TRAINED`, and answered half of it with 1."""
    file = folder / "baseline.json"
    made = baseline_of(TRAINED, None, "training data", answers=np.array([0.0, 1.0] * 1_000))
    file.write_text(made.to_json() if baseline is None else baseline)
    planned = PlannedVersion(version="1", source="", path="", runner="", baseline=str(file))
    return Watched("churn", folder, planned, MonitoringPlan(), NOW_MS)


def ask(version: Watched, rows: int, *, answers: Any = None, **columns: Any) -> None:
    """Let it see rows, like those of its training but for some columns, or without those that are ``None``."""
    usual = {name: TRAINED[name].to_numpy()[np.arange(rows) % len(TRAINED)] for name in TRAINED}
    asked = {name: np.asarray(values) for name, values in {**usual, **columns}.items() if values is not None}
    told = np.arange(rows, dtype=float) % 2 if answers is None else np.asarray(answers)
    ids = "\n".join(map(str, range(rows))).encode()
    frame = Frame("churn", "1", 0, ids, [1] * rows, [], tuple(asked), None, asked, {"prediction": told})
    data = frame.to_bytes()
    head = int.from_bytes(data[:4], "little")
    version.take(Frame.from_bytes(data[12 : 12 + head], data[12 + head :]))


def reported(version: Watched, folder: Path) -> tuple[DriftReport, dict[str, FeatureDrift], dict[str, dict[str, Any]]]:
    """Return its report as others read it, the same by name, and what the supervisor is told, by feature or output."""
    report = version.report(NOW_MS + 1)
    write_drift(folder, report)
    (read,) = read_drift(folder).values()
    assert read == report
    told = version.levels(report)
    # The supervisor takes what a message of JSON says of it.
    Levels().take(json.loads(json.dumps(told, allow_nan=False)), 0.0)
    by_name = {name: {labels[2]: value for labels, value in series if len(labels) > 2} for name, series in told.items()}
    return report, {one.feature: one for one in (*report.features, *report.predictions)}, by_name


def test_what_is_as_it_was_has_not_drifted(tmp_path):
    version = watched(tmp_path)
    ask(version, 1_000)
    report, found, told = reported(version, tmp_path)
    assert (report.drifted, report.rows_now, report.notes) == ((), 1_000, ())
    assert set(told[DRIFT]) == set(told[THRESHOLD]) == set(TRAINED)
    assert (found["fixed"].score, found["fixed"].note) == (0.0, "it is constant in the baseline")


def test_a_window_of_three_rows_says_that_it_is_too_small(tmp_path):
    version = watched(tmp_path)
    ask(version, 3, age=[1e6, 1e6, 1e6])
    report, found, told = reported(version, tmp_path)
    assert report.drifted == ()
    assert report.notes == ("3 rows are too few to tell drift from chance (needs 30)",)
    assert {one.score for one in found.values()} == {None}
    # No score is none, not 0.
    assert told[DRIFT] == told[THRESHOLD] == told["mlops_prediction_drift_ratio"] == {}
    assert told["mlops_feature_missing_ratio"] == dict.fromkeys(TRAINED, 0.0)
    # Each row alone is beyond the baseline all the same.
    assert told["mlops_feature_anomalies_total"] == {"age": 3}


def test_a_constant_that_is_another_has_drifted(tmp_path):
    version = watched(tmp_path)
    ask(version, 200, fixed=np.full(200, 8.0))
    report, found, told = reported(version, tmp_path)
    assert [one.feature for one in report.drifted] == ["fixed"]
    assert math.isfinite(found["fixed"].score)
    assert told[DRIFT]["fixed"] > told[THRESHOLD]["fixed"]


@pytest.mark.parametrize("missing", [np.full(200, np.nan), np.full(200, None, object)])
def test_a_feature_of_which_all_is_missing(tmp_path, missing):
    version = watched(tmp_path)
    ask(version, 200, age=missing, answers=np.full(200, np.nan))
    report, found, told = reported(version, tmp_path)
    assert {one.feature for one in report.drifted} == {"age", "prediction"}
    for name in ("age", "prediction"):
        one = found[name]
        assert (one.score, one.missing_now, one.missing_drifted) == (None, 1.0, True)
        assert one.note == "all values are missing"
    assert "age" not in told[DRIFT]
    assert told["mlops_feature_missing_ratio"]["age"] == 1.0
    assert told["mlops_feature_anomalies_total"] == {}


def test_infinite_values_are_told_and_are_no_distance(tmp_path):
    version = watched(tmp_path)
    values = TRAINED["age"].to_numpy()[:500].copy()
    values[:50] = np.inf
    ask(version, 500, age=values)
    _, found, told = reported(version, tmp_path)
    assert (found["age"].note, found["age"].missing_now) == ("50 values are infinite", pytest.approx(0.1))
    assert told[DRIFT]["age"] < told[THRESHOLD]["age"]
    assert told["mlops_feature_anomalies_total"] == {"age": 50}


def test_a_million_categories_take_little_room(tmp_path):
    version = watched(tmp_path)
    for start in range(0, 1_000_000, 100_000):
        ask(version, 100_000, town=np.array([f"town {at}" for at in range(start, start + 100_000)], object))
        version.turn(NOW_MS + 10_000 * (1 + start // 100_000))
    report = version.report(NOW_MS + 110_000)
    assert report.rows_now == 1_000_000
    town = next(one for one in report.features if one.feature == "town")
    assert town.drifted
    assert town.note == "100% of the values are of rare categories, which are compared as one"
    write_drift(tmp_path, report)
    files = [one.path.stat().st_size for one in windows.files(windows.folder_of(tmp_path, "1"))]
    assert len(files) == 10
    assert max(files) < 100_000
    assert (tmp_path / "drift" / "1.json").stat().st_size < 20_000


def test_a_renamed_feature_is_gone_and_the_report_asks(tmp_path):
    version = watched(tmp_path)
    ask(version, 200, age=None, years=TRAINED["age"].to_numpy()[:200])
    report, found, told = reported(version, tmp_path)
    assert [one.feature for one in report.drifted] == ["age"]
    assert (found["age"].absent, found["age"].note) == (True, "the new data has no such column")
    assert report.notes == ("columns are gone (age) and others are new (years): were they renamed?",)
    assert "age" not in told[DRIFT]


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ('{"schema": 9}', "cannot be used: the baseline is of schema version 9, which is not known here"),
        ("{", "cannot be used"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_baseline_that_is_of_no_use_is_told_and_rows_are_sketched_all_the_same(tmp_path, baseline, said):
    watched(tmp_path, baseline or "")
    if baseline is None:
        (tmp_path / "baseline.json").unlink()
    planned = PlannedVersion(version="1", source="", path="", runner="", baseline=str(tmp_path / "baseline.json"))
    version = Watched("churn", tmp_path, planned, MonitoringPlan(), NOW_MS)
    ask(version, 200)
    report, _, _ = reported(version, tmp_path)
    assert (report.features, report.drifted, report.rows_now) == ((), (), 200)
    assert f"the baseline of version 1 {said}" in report.notes[0]
    version.turn(NOW_MS + 10_000)
    (kept,) = windows.read(windows.folder_of(tmp_path, "1"), 0, 2**43)
    assert kept.features.rows == 200
