"""Two runs side by side, from every store: exactly what differs, and nothing else."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import mlflow
import pandas as pd
from mlflow.entities import DatasetInput, InputTag

ENVIRONMENT = {
    "python": "3.11.7",
    "implementation": "CPython",
    "platform": "Linux-6.1-x86_64",
    "hardware": {"cpus": 2, "memory_mb": 8192},
    "distributions": {"numpy": "2.1.0", "pandas": "2.2.3", "scikit-learn": "1.5.2"},
}
CELL = "model = fit(X, y)\n"


def train(store, experiment, name, *, seed, frame, packages, cell=CELL):
    """Make a run as a tracked cell leaves it."""
    run_id = store.create_run(experiment, name, {"mlflow.source.git.commit": "c0ffee", "mlops.cell_id": name})
    losses = [("loss", seed / (step + 1), datetime.now(UTC), step) for step in range(300)]
    store.log(run_id, metrics=[*losses, ("accuracy", seed / 10, datetime.now(UTC), 0)])
    store.log(run_id, params={"seed": str(seed), "depth": "3"})
    data = mlflow.data.from_pandas(frame, source="https://data.example.org/iris.csv", name="iris")
    tags = [InputTag("mlflow.data.context", "training")]
    mlflow.MlflowClient(store.uri).log_inputs(run_id, [DatasetInput(data._to_mlflow_entity(), tags)])
    environment = ENVIRONMENT | {"distributions": ENVIRONMENT["distributions"] | packages}
    store.log_text(run_id, "mlops/environment.json", json.dumps(environment))
    store.log_text(run_id, "mlops/cell.py", cell)
    sources = ("X = 1", f"%%mlops track\n{cell}")
    cells = [{"id": f"c{n}", "execution_count": n, "source": source, "ok": True} for n, source in enumerate(sources)]
    store.log_text(run_id, "mlops/cells.json", json.dumps(cells))
    written = [
        {"id": one["id"], "cell_type": "code", "metadata": {}, "source": one["source"], "outputs": []} for one in cells
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": written}
    store.log_text(run_id, "mlops/notebook.ipynb", json.dumps(notebook))
    store.finish_run(run_id, "FINISHED")
    return run_id


def test_seeds_data_and_packages_are_listed_and_nothing_else(store, experiment, terminal, monkeypatch, project):
    if store.uri.startswith("http"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})
    grown = pd.concat([frame, frame])
    first = train(store, experiment, "one", seed=1, frame=frame, packages={})
    second = train(store, experiment, "two", seed=2, frame=grown, packages={"numpy": "2.2.0", "rich": "13.0"})

    done = terminal("compare", first[:10], second, "--json", MLFLOW_TRACKING_URI=os.environ.get("MLFLOW_TRACKING_URI"))
    assert done.code == 0, done.err
    told = json.loads(done.out)
    found = {
        section["name"]: {one["name"]: one["values"] for one in section["differences"]} for section in told["sections"]
    }
    digests = found["data"].pop("iris (training).digest")
    assert len(set(digests)) == 2
    assert None not in digests
    assert found == {
        "params": {"seed": ["1", "2"]},
        "data": {"iris (training).rows": ["3", "6"]},
        "environment": {"distributions.numpy": ["2.1.0", "2.2.0"], "distributions.rich": [None, "13.0"]},
        "cell": {},
        "cells": {},
        "tags": {},
        "notebook": {},
    }
    assert [section["not_recorded"] for section in told["sections"]] == [[]] * len(found)
    assert [run["run_id"] for run in told["runs"]] == [first, second]
    best = {one["name"]: (one["best"], one["direction"], one["direction_from"]) for one in told["metrics"]}
    assert best == {"accuracy": ([1], "higher", "name"), "loss": ([0], "lower", "name")}
    steps = told["runs"][0]["history"]["loss"]["step"]
    assert (steps[0], steps[-1]) == (0, 299)
    assert len(steps) <= 200


def test_a_cell_that_differs_and_artifacts_that_are_missing(store, experiment, terminal, monkeypatch, project):
    frame = pd.DataFrame({"x": [1.0]})
    first = train(store, experiment, "one", seed=1, frame=frame, packages={})
    second = train(store, experiment, "two", seed=1, frame=frame, packages={}, cell="model = fit(X, y, tries=3)\n")
    bare = store.create_run(experiment, "bare", {})
    done = terminal("compare", first, second, bare, MLFLOW_TRACKING_URI=store.uri)
    assert (done.code, "artifacts" in done.err) == (0, False), done.err
    assert "-model = fit(X, y)\n+model = fit(X, y, tries=3)\n" in done.out
    assert "source            model = fit(X, y)  model = fit(X, y, tries=3)  ?\n" in done.out
    assert done.out.count("not recorded for C") == 5
    assert "environment: not recorded for C\nnothing differs, 8 the same" in done.out
