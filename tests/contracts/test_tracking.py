"""What every store of runs must do: over sqlite, and over a real MLflow server."""

from __future__ import annotations

import math
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest

from mlops_jupyter.adapters.mlflow_tracking import MlflowTracking
from mlops_jupyter.capabilities.tracking import Intent, open_run
from mlops_jupyter.errors import CommandError, Conflict, MlopsError, NotFound, Rejected, Unavailable

NEWEST = "attributes.start_time DESC"


def test_a_run_from_beginning_to_end(store, experiment):
    store.reach(5)
    run_id = store.create_run(experiment, "first", {"team": "risk"})
    run = store.get_run(run_id)
    assert (run.name, run.experiment, run.status, run.duration_s) == ("first", experiment, "RUNNING", None)
    assert run.tags["team"] == "risk"

    store.enter_run(run_id)
    assert store.active_run_id() == run_id
    mlflow.log_metric("plain", 1.5)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    store.log(run_id, metrics=[("loss", 0.5, at, 0), ("loss", 0.25, at, 1)], params={"lr": "0.1"}, tags={"a": "b"})
    store.leave_run(run_id, "FINISHED")
    assert store.active_run_id() is None

    run = store.get_run(run_id)
    assert run.status == "FINISHED"
    assert run.metrics == {"plain": 1.5, "loss": 0.25}
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
    store = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db", None, project / ".mlops" / "artifacts")
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


def test_runs_of_others_left_open_end_with_the_body(store, experiment):
    outer = store.create_run(experiment, "outer", {})
    store.enter_run(outer)
    with_nested = mlflow.start_run(nested=True, run_name="inner")
    store.leave_run(outer, "FAILED")
    assert store.get_run(outer).status == "FAILED"
    assert store.get_run(with_nested.info.run_id).status == "FAILED"
    assert store.active_run_id() is None


def test_a_run_that_the_body_ended_itself_gets_the_last_word(store, experiment):
    run_id = store.create_run(experiment, None, {})
    store.enter_run(run_id)
    mlflow.end_run()
    assert store.get_run(run_id).status == "FINISHED"
    store.leave_run(run_id, "KILLED")
    assert store.get_run(run_id).status == "KILLED"


def test_a_users_run_around_stays_open(store, experiment):
    mlflow.set_experiment(experiment)
    users = mlflow.start_run()
    run_id = store.create_run(experiment, None, {})
    assert store.get_run(run_id).parent is None
    store.enter_run(run_id)
    store.leave_run(run_id, "FINISHED")
    assert store.active_run_id() == users.info.run_id
    store.enter_run(second := store.create_run(experiment, None, {}))
    store.detach_run(second)
    assert store.active_run_id() == users.info.run_id
    mlflow.end_run()


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
    fresh = MlflowTracking(store.uri)
    with pytest.raises(Conflict, match="has been deleted") as refusal:
        fresh.create_run(experiment, None, {})
    assert refusal.value.hint == f"mlflow experiments restore --experiment-id {experiment_id}"


def test_errors_are_ours(store, experiment):
    run_id = store.create_run(experiment, None, {})
    store.log(run_id, params={"lr": "1"})
    with pytest.raises(MlopsError, match="lr"):
        store.log(run_id, params={"lr": "2"})


def test_a_link_to_the_servers_pages(server, project):
    store = MlflowTracking(server)
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
        store = MlflowTracking(f"http://ana:s3cret@127.0.0.1:{sock.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer") as failure:
            store.reach(1.0)
    assert time.monotonic() - began < 4
    assert "s3cret" not in str(failure.value)
    assert "s3cret" not in store.shown_uri


def test_a_run_that_cannot_be_entered_is_not_left_running(store, experiment, monkeypatch):
    monkeypatch.setattr(store, "enter_run", lambda run_id: (_ for _ in ()).throw(Rejected("MLflow", "no")))
    opened = open_run(store, Intent(experiment=experiment, autolog=False))
    assert not opened.tracked
    assert opened.close(None).notes == ("not tracked: no",)
    (run,) = store.find_runs(experiment, "", NEWEST, 10)
    assert run.status == "FAILED"
