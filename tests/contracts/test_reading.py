"""What can be read from every store of runs: pages, histories, data, artifacts."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import DatasetInput, InputTag

from mlops_jupyter.errors import NotFound
from tests.fakes.store import WritableStore

OLDEST = "attributes.start_time ASC"
AT = datetime(2026, 1, 2, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)


def test_pages_follow_one_another_to_the_end(store, experiment):
    made = [store.create_run(experiment, f"r{number}", {}) for number in range(5)]
    found, page, sizes = [], None, []
    while True:
        table = store.find_runs(experiment, "", OLDEST, 2, page)
        found += [run.run_id for run in table]
        sizes.append(len(table))
        page = table.next_page
        assert table.more == (page is not None)
        if page is None:
            break
    assert (sizes, set(found), len(found)) == ([2, 2, 1], set(made), 5)


def test_all_experiments_are_searched_however_many_there_are(store, experiment, monkeypatch):
    made = {store.create_run(f"{experiment}-{number}", None, {}) for number in range(3)}
    search = store.client.search_experiments
    monkeypatch.setattr(store.client, "search_experiments", lambda **options: search(max_results=1, **options))
    assert made <= {run.run_id for run in store.find_runs(None, "", OLDEST, 1000)}


def test_histories_of_several_runs(store, experiment):
    first, second, third = (store.create_run(experiment, None, {}) for _ in range(3))
    store.log(first, metrics=[("loss", 1 / (step + 1), AT, step) for step in range(500)])
    store.log(second, metrics=[("loss", value, AT, step) for step, value in enumerate([1.0, math.nan, math.inf])])
    store.log(third, metrics=[("other", 1.0, AT, 0)])

    found = store.histories([first, second, third], "loss", 40)
    assert set(found) == {first, second, third}
    assert 20 <= len(found[first]) <= 40
    assert (found[first][0].step, found[first][0].value, found[first][0].time_ms) == (0, 1.0, AT_MS)
    assert (found[first][-1].step, found[first][-1].value) == (499, 1 / 500)
    assert [point.step for point in found[first]] == sorted(point.step for point in found[first])
    one, nan, infinite = (point.value for point in found[second])
    assert one == 1.0
    assert math.isnan(nan)
    # A database keeps the largest number instead of infinity.
    assert infinite > 1e300
    assert found[third] == ()
    assert store.histories([], "loss", 40) == {}


def test_a_history_whose_points_share_a_step(store, experiment):
    run_id = store.create_run(experiment, None, {})
    points = [("loss", float(number), datetime.fromtimestamp(AT.timestamp() + number, UTC), 0) for number in range(200)]
    store.log(run_id, metrics=points)
    found = store.histories([run_id], "loss", 20)[run_id]
    assert 10 <= len(found) <= 20
    assert (found[0].value, found[-1].value) == (0.0, 199.0)


def test_histories_of_more_runs_than_one_call_takes(store, experiment):
    made = [store.create_run(experiment, None, {}) for _ in range(103)]
    for run_id in (made[0], made[102]):
        store.log(run_id, metrics=[("loss", 0.5, AT, 0)])
    found = store.histories(made, "loss", 10)
    assert [len(found[run_id]) for run_id in (made[0], made[1], made[102])] == [1, 0, 1]


def test_text_artifacts(store, experiment):
    run_id = store.create_run(experiment, None, {})
    assert store.read_text(run_id, "mlops/cell.py") is None
    store.log_text(run_id, "mlops/cell.py", "größe = 1\r\n# <b>\n")
    store.log_text(run_id, "note.txt", "at the top")
    assert store.read_text(run_id, "mlops/cell.py") == "größe = 1\r\n# <b>\n"
    assert store.read_text(run_id, "note.txt") == "at the top"
    assert store.read_text(run_id, "mlops/cell") is None
    assert store.read_text(run_id, "mlops") is None
    assert store.read_text(run_id, "mlops/cell.py/x") is None
    assert (store.files(run_id, "mlops"), store.files(run_id, "none")) == (("mlops/cell.py",), ())
    assert store.files(run_id, "") == ("note.txt",), "no folders"
    with pytest.raises(NotFound):
        store.read_text("0" * 32, "note.txt")


def test_data(store, experiment):
    run_id = store.create_run(experiment, None, {})
    assert store.datasets(run_id) == ()
    frame = pd.DataFrame({"x": [1.5, 2.5, 3.5], "kind": ["a", "b", "a"]})
    table = mlflow.data.from_pandas(frame, source="https://ana:s3cret@data.example.org/iris.csv", name="iris")
    array = mlflow.data.from_numpy(np.zeros((7, 2)), name="pixels")
    inputs = [
        DatasetInput(table._to_mlflow_entity(), [InputTag("mlflow.data.context", "training")]),
        DatasetInput(array._to_mlflow_entity(), []),
    ]
    mlflow.MlflowClient(store.uri).log_inputs(run_id, inputs)

    found = {one.name: one for one in store.datasets(run_id)}
    iris, pixels = found["iris"], found["pixels"]
    assert (iris.digest, iris.context, iris.rows) == (table.digest, "training", 3)
    assert set(iris.columns) == {"x", "kind"}
    assert iris.columns["x"] == "double"
    assert "s3cret" not in iris.source
    assert iris.source.endswith("data.example.org/iris.csv")
    assert (pixels.rows, pixels.context, pixels.source) == (7, "", "code")
    assert "float64" in pixels.columns["features"]


def test_data_that_says_nothing_of_itself(store, experiment):
    run_id = store.create_run(experiment, None, {})
    plain = mlflow.entities.Dataset("odd", "d1", "local", "not JSON", schema="[1", profile="7")
    mlflow.MlflowClient(store.uri).log_inputs(run_id, [DatasetInput(plain, [])])
    (odd,) = store.datasets(run_id)
    assert (odd.columns, odd.rows, odd.source) == ({"schema": "[1"}, None, "not JSON")


# --- sqlite --------------------------------------------------------------------------------------------------------


@pytest.fixture
def embedded(project):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    run_id = store.create_run("churn", None, {})
    store.log(run_id, metrics=[("loss", 0.5, AT, step) for step in range(1500)])
    return store, run_id, project / ".mlops" / "mlflow.db"


def plan(file):
    """How sqlite finds a run's history."""
    with closing(sqlite3.connect(file)) as database:
        asked = "SELECT value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY 3, 2, 1, 4"
        return database.execute(f"EXPLAIN QUERY PLAN {asked}", ("a", "b")).fetchone()[3]


def test_a_history_is_found_by_its_run(embedded):
    store, run_id, file = embedded
    assert "(key=?)" in plan(file)
    store.histories([run_id], "loss", 10)
    assert "(run_uuid=? AND key=?)" in plan(file)


@pytest.mark.parametrize("why", ["busy", "read only"])
def test_what_cannot_be_written_is_read_all_the_same(why, embedded, monkeypatch):
    store, run_id, file = embedded
    if why == "busy":
        writer = sqlite3.connect(file, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
    else:
        connect = sqlite3.connect
        monkeypatch.setattr(
            sqlite3, "connect", lambda name, **options: connect(f"file:{name}?mode=ro", uri=True, **options)
        )
    assert len(store.histories([run_id], "loss", 10)[run_id]) == 10
    assert len(store.find_runs("churn", "", OLDEST, 10)) == 1
    if why == "busy":
        writer.rollback()
        writer.close()
    monkeypatch.undo()
    assert "(key=?)" in plan(file)
