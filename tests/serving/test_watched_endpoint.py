"""What an endpoint finds out about its own traffic: real supervisor, workers and watcher."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_jupyter.capabilities.drift import Baseline, Profile
from mlops_jupyter.capabilities.endpoints import EndpointPlan, MonitoringPlan, PlannedVersion, windows
from mlops_jupyter.capabilities.endpoints.reports import read_drift
from mlops_jupyter.capabilities.endpoints.series import SeriesFile
from mlops_jupyter.capabilities.endpoints.series_points import totals
from mlops_jupyter.capabilities.processes import identify
from tests.fakes.endpoints import RunningEndpoint
from tests.fakes.waiting import ended, wait_for
from tests.fakes.workers import NAMES, plan_of, planned, request, scoring

Begin = Callable[[EndpointPlan], RunningEndpoint]
QUICK: dict[str, Any] = {"base_window_s": 1.0, "window_s": 60.0}
RANDOM = np.random.default_rng(7)
DRIFT = "mlops_feature_drift_ratio"


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start an endpoint for a plan."""
    started: list[RunningEndpoint] = []

    def make(plan: EndpointPlan) -> RunningEndpoint:
        endpoint = RunningEndpoint(tmp_path, plan)
        started.append(endpoint)
        return endpoint

    yield make
    for one in started:
        one.close()


def trained(folder: Path, version: str = "1") -> PlannedVersion:
    """Return a version with a baseline of standard normal numbers, of which it answers the sum."""
    rows = RANDOM.standard_normal((5_000, 2))
    features, predictions = Profile(), Profile()
    features.update_matrix(NAMES, rows)
    predictions.update({"prediction": rows.sum(axis=1) * float(version)}, len(rows))
    file = folder / f"baseline-{version}.json"
    file.write_text(Baseline(features, predictions, "a test").to_json())
    return planned("Runner", folder, version, baseline=str(file))


def watched(**more: Any) -> MonitoringPlan:
    return MonitoringPlan(**{**QUICK, **more})


def send(endpoint: RunningEndpoint, rows: Any, each: int = 100) -> None:
    """Send rows, some with each request."""
    client = endpoint.client()
    listed = [[None if np.isnan(value) else float(value) for value in row] for row in rows]
    for start in range(0, len(listed), each):
        assert client.ask(request(scoring(listed[start : start + each]))).status == 200


def stored(endpoint: RunningEndpoint, folder: str) -> pa.Table:
    parts = sorted((endpoint.watch / folder).glob("[!.]*.parquet"))
    return pa.concat_tables([pq.read_table(one).replace_schema_metadata(None) for one in parts])


def test_traffic_that_moves_is_told_and_what_is_missing_is_counted(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), workers=2, monitoring=watched()))
    endpoint.watcher()
    send(endpoint, RANDOM.standard_normal((2_000, 2)))
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 2_000)
    like = endpoint.level(DRIFT)
    assert set(like) == set(NAMES)
    thresholds = endpoint.level("mlops_feature_drift_threshold_ratio")
    assert all(like[name] < thresholds[name] for name in NAMES)
    moved = RANDOM.standard_normal((2_000, 2)) + np.array([2.0, 0.0])
    moved[:300, 1] = np.nan
    send(endpoint, moved)
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 4_000)
    unlike = endpoint.level(DRIFT)
    assert unlike["a"] > thresholds["a"]
    assert unlike["b"] < thresholds["b"]
    assert endpoint.level("mlops_prediction_drift_ratio")["prediction"] > like["a"]
    assert endpoint.level("mlops_feature_missing_ratio") == {"a": 0.0, "b": 300 / 4_000}
    endpoint.wait(lambda: endpoint.level("mlops_feature_missing_total").get("b") == 300)
    (report,) = read_drift(endpoint.watch).values()
    assert (report.name, report.version, report.rows_now, report.rows_baseline) == ("e", "1", 4_000, 5_000)
    assert [one.feature for one in report.features if one.drifted] == ["a"]
    text = endpoint.told("metrics")["text"]
    assert 'mlops_feature_missing_ratio{feature="b",model="m",version="1"} 0.075' in text
    assert endpoint.counted("monitoring_dropped") == 0


def test_values_beyond_the_baseline_and_refused_ones_are_counted(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), monitoring=watched()))
    endpoint.watcher()
    send(endpoint, [[1_000.0, 0.0], [0.0, 0.0], [-1_000.0, float("nan")]], each=1)
    client = endpoint.client()
    for row in ('["x", 1]', '["x", 2]', "[1, []]"):
        body = b'{"dataframe_split": {"columns": ["a", "b"], "data": [%b]}}' % row.encode()
        assert client.ask(request(body)).status == 400
    body = b'{"dataframe_split": {"columns": ["a", "made up"], "data": [[1, 2]]}}'
    assert client.ask(request(body)).status == 400
    endpoint.wait(lambda: endpoint.level("mlops_feature_anomalies_total") == {"a": 2})
    invalid = endpoint.told("snapshot")["snapshot"]["counters"]["feature_invalid"]
    assert sorted(invalid) == [[["m", "1", "a"], 2], [["m", "1", "b"], 2]]


def test_a_version_without_a_baseline_says_so(begin, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema": 99}')
    plan = plan_of(
        planned("Runner", tmp_path, "1", percent=50.0),
        planned("Runner", tmp_path, "2", percent=50.0, baseline=str(broken)),
        monitoring=watched(),
    )
    endpoint = begin(plan)
    endpoint.watcher()
    send(endpoint, RANDOM.standard_normal((100, 2)), each=10)
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 100)
    reports = endpoint.wait(lambda: len(found := read_drift(endpoint.watch)) == 2 and found)
    assert reports["1"].notes == (
        "this version has no baseline, so that drift cannot be told: deploy it again with --data",
    )
    assert "the baseline of version 2 cannot be used" in reports["2"].notes[0]
    assert "schema version 99" in reports["2"].notes[0]
    assert endpoint.level(DRIFT) == {}
    assert endpoint.level("mlops_feature_missing_ratio") == {"a": 0.0, "b": 0.0}


def test_every_answer_is_kept_with_its_request_and_a_killed_worker_loses_little(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), workers=2, monitoring=watched()))
    endpoint.watcher()
    answers = {f"id-{at}": endpoint.ask([[at, 1.0], [at, 2.0]], f"x-request-id: id-{at}").json() for at in range(20)}
    endpoint.wait(lambda: endpoint.counted("mlops_monitoring_rows_total") == 40)
    os.kill(endpoint.now().workers[0].pid, signal.SIGKILL)
    endpoint.wait(lambda: endpoint.now().restarts == 1 and {one.status for one in endpoint.now().workers} == {"ready"})
    answers["last"] = endpoint.ask([[7.0, 1.0]], "x-request-id: last").json()
    endpoint.close()
    for folder in ("answers", "payloads"):
        found = stored(endpoint, folder)
        told: dict[str, list[float]] = {}
        for row in sorted(found.to_pylist(), key=lambda row: row["row"]):
            told.setdefault(row["request_id"], []).append(row["prediction"])
        assert told == {name: answer["predictions"] for name, answer in answers.items()}
        assert found.schema.field("at").type == pa.timestamp("us", "UTC")
        assert set(found["version"].to_pylist()) == {"1"}
    values = {(row["a"], row["b"]) for row in stored(endpoint, "payloads").to_pylist()}
    assert {(7.0, 1.0), (7.0, 2.0)} <= values


def test_redacted_values_are_nowhere_on_the_disk(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), monitoring=watched(redact=("b",))))
    endpoint.watcher()
    secret = 123_456.789
    send(endpoint, [[0.5, secret]] * 50, each=5)
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 50)
    endpoint.close()
    found = stored(endpoint, "payloads")
    assert found.column_names == ["request_id", "row", "at", "version", "a", "prediction"]
    needles = [np.float64(secret).tobytes(), str(secret).encode()]
    for file in endpoint.watch.rglob("*"):
        if file.is_file():
            assert not any(needle in file.read_bytes() for needle in needles), file
    (report,) = read_drift(endpoint.watch).values()
    assert [one.feature for one in report.features] == ["a"]
    assert report.notes[-1] == "redacted columns are not watched: b"
    assert endpoint.watch.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o077 for one in endpoint.watch.rglob("*")} == {0}


def test_a_watcher_that_stands_still_costs_rows_and_no_request(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), monitoring=watched()))
    watcher = endpoint.watcher()
    endpoint.ask([[1.0, 2.0]])
    endpoint.wait(lambda: endpoint.counted("mlops_monitoring_rows_total") == 1)
    watcher.suspend()
    many = RANDOM.standard_normal((20_000, 2))
    client = endpoint.client()
    body = request(scoring(many.tolist()))
    endpoint.wait(lambda: client.ask(body).status == 200 and endpoint.counted("monitoring_dropped") > 0)
    watcher.resume()
    before = endpoint.counted("mlops_monitoring_rows_total")
    endpoint.wait(lambda: endpoint.counted("mlops_monitoring_rows_total") > before)


def test_a_watcher_that_is_killed_is_started_again_and_knows_its_windows(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), monitoring=watched(window_s=600.0)))
    watcher = endpoint.watcher()
    send(endpoint, RANDOM.standard_normal((500, 2)))
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 500)
    endpoint.wait(lambda: windows.files(windows.folder_of(endpoint.watch, "1")))
    # A file that was written in part, and one of garbage, are passed over.
    folder = windows.folder_of(endpoint.watch, "1")
    (kept,) = windows.files(folder)
    (folder / f"{kept.start_ms - 1000:013d}-{kept.start_ms:013d}-1.sketch").write_bytes(kept.path.read_bytes()[:100])
    (folder / f".{kept.path.name}").write_bytes(b"half")
    watcher.kill()
    endpoint.watcher(other_than=watcher.pid)
    endpoint.ask([[0.0, 0.0]])
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 501)
    assert "was killed by SIGKILL" in endpoint.log()


def test_the_plan_is_followed(begin, tmp_path):
    first, second = trained(tmp_path), trained(tmp_path, "2")
    endpoint = begin(plan_of(first, monitoring=watched()))
    endpoint.watcher()
    send(endpoint, RANDOM.standard_normal((100, 2)))
    endpoint.wait(lambda: endpoint.counted("mlops_drift_window_rows") == 100)
    endpoint.change(plan_of(second, monitoring=watched()))

    def of_second() -> bool:
        endpoint.ask([[0.0, 1.0]])
        levels = endpoint.told("snapshot")["snapshot"]["levels"]
        return {labels[1] for labels, rows in levels["mlops_drift_window_rows"] if rows} == {"2"}

    endpoint.wait(of_second)
    endpoint.change(plan_of(second, monitoring=watched(enabled=False)))
    endpoint.wait(lambda: not endpoint.processes("mlops_jupyter.serving.watcher"))
    assert endpoint.ask([[0.0, 1.0]]).status == 200


def test_what_has_ended_leaves_no_process_and_has_written_everything(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), workers=2, monitoring=watched(base_window_s=10.0)))
    watcher = endpoint.watcher()
    endpoint.ask([[0.0, 1.0]])
    endpoint.wait(lambda: endpoint.counted("mlops_monitoring_rows_total") == 1)
    # This one is sent while nothing has been written yet, and is told to the watcher only as the worker ends.
    endpoint.ask([[0.0, 2.0]], "x-request-id: late")
    endpoint.close()
    assert not psutil.pid_exists(watcher.pid)
    assert not endpoint.folder.rows_socket.exists()
    assert sorted(stored(endpoint, "answers")["prediction"].to_pylist()) == [1.0, 2.0]
    whole = windows.merged(windows.read(windows.folder_of(endpoint.watch, "1"), 0, 2**43))
    assert whole is not None
    assert whole.features.rows == 2


def test_what_is_asked_before_the_watcher_looks_is_in_the_history(begin, tmp_path):
    endpoint = begin(plan_of(trained(tmp_path), monitoring=watched()))
    send(endpoint, [[1.0, 2.0]] * 5, each=1)
    endpoint.watcher()
    series = SeriesFile(endpoint.watch / "series.db")

    def risen() -> float:
        found = series.read(0, 2**40)
        columns = [place for _, place in found.columns("counters", "requests")]
        return float(totals(found, columns)[-1].sum()) if columns else 0.0

    endpoint.wait(lambda: risen() == 5)


def test_the_history_is_kept_across_restarts(begin, tmp_path):
    plan = plan_of(trained(tmp_path), monitoring=watched())
    endpoint = begin(plan)
    endpoint.watcher()
    series = SeriesFile(endpoint.watch / "series.db")
    endpoint.wait(lambda: len(series.read(0, 2**40).times) > 1)
    endpoint.close()
    before = series.read(0, 2**40)
    again = begin(plan)
    again.watcher()
    again.wait(lambda: series.read(0, 2**40).times[-1] > before.times[-1])
    assert series.read(0, 2**40).times[0] == before.times[0]
    assert json.loads(again.folder.plan_file.read_text())["monitoring"]["base_window_s"] == 1.0


@pytest.mark.parametrize("ready", [False, True])
def test_a_supervisor_that_is_killed_takes_its_watcher_along(begin, tmp_path, ready):
    endpoint = begin(plan_of(trained(tmp_path), monitoring=watched()))
    if ready:
        endpoint.watcher()
    # Else it has just been started, and has not imported anything yet.
    (watcher,) = endpoint.wait(lambda: endpoint.processes("mlops_jupyter.serving.watcher"))
    workers = endpoint.now().workers
    os.kill(endpoint.state.pid, signal.SIGKILL)
    wait_for(lambda: ended(watcher), 30)
    endpoint.wait(lambda: not any(identify(one.pid) for one in workers))
    endpoint.wait(lambda: endpoint.now().status == "ready")
    endpoint.state = endpoint.now()
    # The next one has a watcher of its own.
    assert endpoint.watcher(watcher.pid).is_running()
