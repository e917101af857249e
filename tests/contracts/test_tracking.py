"""What every store of runs must do: over sqlite, over a real MLflow server, and over one with PostgreSQL and S3."""

from __future__ import annotations

import math
import socket
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest

from mlops_jupyter.errors import CommandError, Conflict, MlopsError, NotFound, Unavailable
from mlops_jupyter.records import RunStart
from tests.fakes.store import WritableStore

NEWEST = "attributes.start_time DESC"


def test_a_run_from_beginning_to_end(store, experiment):
    store.reach(5)
    run_id = store.create_run(experiment, "first", {"team": "risk"})
    run = store.get_run(run_id)
    assert (run.name, run.experiment, run.status, run.duration_s) == ("first", experiment, "RUNNING", None)
    assert run.tags["team"] == "risk"

    at = datetime(2026, 1, 2, tzinfo=UTC)
    store.log(run_id, metrics=[("loss", 0.5, at, 0), ("loss", 0.25, at, 1)], params={"lr": "0.1"}, tags={"a": "b"})
    store.finish_run(run_id, "FINISHED")

    run = store.get_run(run_id)
    assert run.status == "FINISHED"
    assert run.metrics == {"loss": 0.25}
    assert run.params == {"lr": "0.1"}
    assert run.tags["a"] == "b"
    assert run.duration_s is not None
    assert run.duration_s >= 0


def test_more_than_one_batch(store, experiment):
    run_id = store.create_run(experiment, None, {})
    at = datetime.now(UTC)
    metrics = [(f"m{i}", float(i), at, 0) for i in range(2100)]
    store.log(
        run_id,
        metrics=metrics,
        params={f"p{i}": str(i) for i in range(230)},
        tags={f"t{i}": str(i) for i in range(150)},
    )
    run = store.get_run(run_id)
    assert len(run.metrics) == 2100
    assert run.metrics["m2099"] == 2099.0
    assert len(run.params) == 230
    assert {f"t{i}" for i in range(150)} <= set(run.tags)


def test_values_at_the_edges(store, experiment):
    run_id = store.create_run(experiment, "Zoë’s – <b>run</b>", {})
    at = datetime.now(UTC)
    store.log(run_id, metrics=[("nan", math.nan, at, 0), ("big", 1e300, at, 0)], params={"text": "x" * 6000})
    run = store.get_run(run_id)
    assert run.name == "Zoë’s – <b>run</b>"
    assert math.isnan(run.metrics["nan"])
    assert run.metrics["big"] == 1e300
    assert run.params["text"] == "x" * 6000


def test_artifacts(store, experiment, tmp_path):
    run_id = store.create_run(experiment, None, {})
    store.log_text(run_id, "mlops/traceback.txt", "Zeile 1\nline 2 – ü")
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    store.log_file(run_id, "mlops", tmp_path / "a.bin")
    client = mlflow.MlflowClient(store.uri)
    assert Path(client.download_artifacts(run_id, "mlops/traceback.txt")).read_text() == "Zeile 1\nline 2 – ü"
    assert Path(client.download_artifacts(run_id, "mlops/a.bin")).read_bytes() == bytes(range(256))


def test_artifacts_of_the_embedded_store_lie_in_the_project(project, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db", None, project / ".mlops" / "artifacts")
    run_id = store.create_run("a/b ü", None, {})
    store.log_text(run_id, "note.txt", "here")
    assert [file.name for file in (project / ".mlops" / "artifacts").rglob("note.txt")] == ["note.txt"]
    assert not (tmp_path / "mlruns").exists()


def test_search(store, experiment):
    made = []
    for number in range(3):
        run_id = store.create_run(experiment, f"r{number}", {"group": "even" if number % 2 == 0 else "odd"})
        store.log(run_id, metrics=[("score", float(number), datetime.now(UTC), 0)])
        store.finish_run(run_id, "FAILED" if number == 1 else "FINISHED")
        made.append(run_id)
    best = store.find_runs(experiment, "", "metrics.`score` DESC", 2)
    assert [run.run_id for run in best] == [made[2], made[1]]
    assert best.more
    even = store.find_runs(experiment, "tags.group = 'even' and attributes.status = 'FINISHED'", NEWEST, 10)
    assert {run.run_id for run in even} == {made[0], made[2]}
    assert not even.more
    assert set(made) <= {run.run_id for run in store.find_runs(None, "", NEWEST, 1000)}
    with pytest.raises(CommandError, match="cannot read this query"):
        store.find_runs(experiment, "accuracy is good", NEWEST, 10)
    with pytest.raises(NotFound, match="no experiment called nowhere"):
        store.find_runs("nowhere", "", NEWEST, 10)


def test_what_is_not_there(store, experiment):
    with pytest.raises(NotFound):
        store.get_run("0" * 32)
    assert store.page("nowhere") == ""
    run_id = store.create_run(experiment, None, {})
    assert store.page(experiment).startswith("#/experiments/")
    client = mlflow.MlflowClient(store.uri)
    experiment_id = client.get_run(run_id).info.experiment_id
    assert store.experiment_name(experiment_id) == experiment
    client.delete_experiment(experiment_id)
    fresh = WritableStore(store.uri)
    with pytest.raises(Conflict, match="has been deleted") as refusal:
        fresh.create_run(experiment, None, {})
    assert refusal.value.hint == f"mlflow experiments restore --experiment-id {experiment_id}"


def test_errors_are_ours(store, experiment):
    run_id = store.create_run(experiment, None, {})
    store.log(run_id, params={"lr": "1"})
    with pytest.raises(MlopsError, match="lr"):
        store.log(run_id, params={"lr": "2"})


def test_a_link_to_the_servers_pages(server, project):
    store = WritableStore(server)
    run_id = store.create_run("linked", None, {})
    run = store.get_run(run_id)
    assert run.link is not None
    assert run.link.startswith(f"{server}/#/experiments/")
    assert run.link.endswith(f"/runs/{run_id}")
    assert run.tracking_uri == server


@pytest.mark.parametrize("listening", [False, True], ids=["refused", "silent"])
def test_a_server_that_does_not_answer(project, listening):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        if listening:
            sock.listen()
        store = WritableStore(f"http://ana:s3cret@127.0.0.1:{sock.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer") as failure:
            store.reach(1.0)
    assert time.monotonic() - began < 4
    assert "s3cret" not in str(failure.value)
    assert "s3cret" not in store.shown_uri


# --- the writing side: whatever is cut short is done again, and is done once -----------------------------------


def start_of(experiment: str, **more: object) -> RunStart:
    return RunStart(
        **{
            "run_id": uuid.uuid4().hex,
            "experiment": experiment,
            "experiment_id": None,
            "name": "journaled",
            "started_ms": 1_767_312_000_000,
            "tags": {},
            "store": "",
            **more,
        }
    )


def test_a_run_that_is_created_again_is_found(store, experiment):
    start = start_of(experiment)
    assert store.sink.find(start) is None
    run_id = store.sink.create(start, {"mlflow.user": "ana", "team": "risk"})
    assert store.sink.find(start) == run_id
    run = store.get_run(run_id)
    assert (run.name, run.status, run.started) == ("journaled", "RUNNING", datetime(2026, 1, 2, tzinfo=UTC))
    assert run.tags["team"] == "risk"
    if store.uri.startswith("sqlite:"):
        assert run_id == start.run_id
        assert store.sink.create(start, {}) == run_id
    else:
        assert run.tags["mlops.local_id"] == start.run_id


def test_points_sent_twice_are_there_once(store, experiment):
    run_id = store.sink.create(start_of(experiment), {})
    points = [("loss", 1 / (step + 1), 1_767_312_000_000 + step, step) for step in range(998)]
    points[7] = ("loss", math.nan, points[7][2], 7)
    points[8] = ("loss", math.inf, points[8][2], 8)
    for _ in range(2):
        store.sink.write(run_id, points, {"lr": "0.1"}, {"a": "b"})
        store.sink.end(run_id, "KILLED", 1_767_312_001_000)
    client = mlflow.MlflowClient(store.uri)
    history = client.get_metric_history(run_id, "loss")
    assert sorted(point.step for point in history) == list(range(998))
    assert math.isnan(next(point.value for point in history if point.step == 7))
    run = store.get_run(run_id)
    assert (run.status, run.duration_s, run.params) == ("KILLED", 1.0, {"lr": "0.1"})


def test_the_last_run_of_a_cell_is_found(store, experiment):
    start = start_of(experiment, cell_id="cell-7")
    assert store.sink.last_of_cell(start) is None
    earlier = store.sink.create(start_of(experiment), {"mlops.cell_id": "cell-7"})
    store.sink.create(start_of(experiment), {"mlops.cell_id": "cell-8"})
    assert store.sink.last_of_cell(start) == earlier


def test_what_plain_code_wrote_is_copied(store, experiment, project, tmp_path):
    local = WritableStore(f"sqlite:///{project}/.mlops/local.db", None, project / ".mlops" / "artifacts")
    mine, target = (place.sink.create(start_of(experiment), {}) for place in (local, store))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"\x00\xff")
    client = mlflow.MlflowClient(local.uri)
    client.log_artifacts(mine, str(tmp_path / "model"), "model/inner")
    client.log_text(mine, "ours", "mlops/traceback.txt")
    data = {"name": "train", "digest": "d1", "source_type": "code", "source": "{}", "schema": None, "profile": "{}"}
    local.sink.inputs(mine, [{**data, "context": "validation"}])

    local.sink.copy_rest(mine, store.sink, target)

    copied = mlflow.MlflowClient(store.uri)
    assert Path(copied.download_artifacts(target, "model/inner/weights.bin")).read_bytes() == b"\x00\xff"
    assert copied.list_artifacts(target, "mlops") == []
    (dataset,) = copied.get_run(target).inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("train", "d1")
    assert [(tag.key, tag.value) for tag in dataset.tags] == [("mlflow.data.context", "validation")]
