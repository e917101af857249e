"""Labels that a user gives, in a notebook and a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.capabilities.quality.keeping import read_quality
from mlops_jupyter.errors import CommandError, NotFound
from mlops_jupyter.faces import render
from tests.fakes.models import small_model
from tests.fakes.waiting import wait_for

TABLE = pd.DataFrame({"a": [0.0, 3.0, 0.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})


@pytest.fixture
def endpoint(project: Path) -> Iterator[Path]:
    """An endpoint called churn, and its folder watch."""
    small_model(project / "model")
    mlops_jupyter.deploy("model", name="churn")
    yield project / ".mlops" / "endpoints" / "churn" / "watch"
    mlops_jupyter.undeploy("churn", yes=True)


def answered(watch: Path) -> bool:
    return (watch / "answers").is_dir() and any((watch / "answers").glob("[!.]*.parquet"))


def test_labels_of_a_prediction_are_given_in_its_order(endpoint, project):
    predicted = mlops_jupyter.predict("churn", TABLE)
    assert predicted.rows == (4,)
    # At once, as in the next cell: the answers are waited for.
    found = mlops_jupyter.feedback("churn", np.array([0, 1, 1, 1]), of=predicted)
    assert (found.labels, found.joined, found.unknown, found.duplicates) == (4, 4, 0, 0)
    (quality,) = found.quality
    assert (quality.rows, quality.labelled) == (4, 4)
    accuracy = quality.metrics[0]
    assert (accuracy.name, accuracy.value) == ("accuracy", 0.75)
    assert 0.3 < accuracy.low < 0.75 < accuracy.high < 1
    told = mlops_jupyter.feedback("churn")
    assert told.quality == found.quality
    assert "2 answers" not in render.text(told)
    assert render.text(told).startswith("churn  4 answers have a label\n  version")
    assert "0.75 (0.301 – 0.954)" in render.text(told)
    assert "<b>churn</b>" in render.mime_bundle(told)["text/html"]


def test_labels_that_the_model_cannot_answer_do_not_count(endpoint, project):
    predicted = mlops_jupyter.predict("churn", TABLE)
    wait_for(lambda: answered(endpoint))
    found = mlops_jupyter.feedback("churn", ["yes", "1", "0", "1"], of=predicted)
    (quality,) = found.quality
    assert (quality.labelled, quality.metrics[0].value) == (3, 1.0)
    (version,) = predicted.versions
    said = f"version {version}: 1 label such as 'yes' cannot be answers of the model, and do not count"
    assert found.notes == (said,)
    assert said in render.text(mlops_jupyter.feedback("churn"))
    assert (
        mlops_jupyter.feedback("churn", ["a", "b", "c", "d"], of=predicted, task="regression").quality[0].metrics == ()
    )


def test_segments_of_what_was_asked(endpoint):
    predicted = mlops_jupyter.predict("churn", TABLE)
    wait_for(lambda: answered(endpoint) and any((endpoint / "payloads").glob("[!.]*.parquet")))
    found = mlops_jupyter.feedback("churn", pd.Series([0, 1, 1, 1]), of=predicted, by="a")
    assert [(one.segment, one.labelled, one.metrics[0].value) for one in found.quality] == [
        ("a=0", 2, 0.5),
        ("a=3", 2, 1),
    ]
    (one,) = mlops_jupyter.feedback("churn", segment="a>=1", since="1h").quality
    assert (one.segment, one.rows, one.metrics[0].value) == ("a>=1", 2, 1)
    assert "a>=1" in render.text(mlops_jupyter.feedback("churn", segment="a>=1"))
    nobody = mlops_jupyter.feedback("churn", segment="a=77")
    assert (nobody.quality, nobody.notes) == ((), ("no logged rows with a label have a=77",))
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.feedback("churn", by="plan")
    assert caught.value.message.startswith("the logged rows have no column plan; they have ")


def test_a_terminal_gives_a_file_with_columns_of_other_names(endpoint, project, terminal):
    (project / "truth.csv").write_text("id,churned\nnobody,1\n")
    done = terminal("feedback", "churn", "truth.csv", "--request-id", "id", "--label", "churned")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == "churn  1 label, 0 joined, 1 of unknown requests"
    assert "note: " in done.out
    done = terminal("feedback", "churn", "truth.csv")
    assert (done.code, done.err) == (
        2,
        "CommandError: the labels have no column request_id; their columns are id, churned\n  → --request-id COLUMN\n",
    )
    done = terminal("feedback", "churn", "truth.csv", "--request-id", "id", "--label", "churned", "--json")
    assert (json.loads(done.out)["labels"], json.loads(done.out)["duplicates"]) == (1, 1)
    (project / "twice.csv").write_text("request_id,row,label\nsomebody,0,1\nsomebody,0,0\n")
    done = terminal("feedback", "churn", "twice.csv")
    said = "churn  2 labels, 0 joined, 1 instead of an earlier one, 1 of unknown requests"
    assert done.out.splitlines()[0] == said


def test_what_cannot_be(endpoint, project):
    predicted = mlops_jupyter.predict("churn", TABLE)
    for arguments, said in (
        (([1, 0], predicted), "2 labels cannot be of the 4 rows that were predicted"),
        (([1, 0], [1, 0]), "a list is no prediction"),
        ((None, predicted), "there are no labels for the prediction"),
        (({"request_id": ["a"]}, None), "the labels have no column label; their columns are request_id"),
    ):
        data, of = arguments
        with pytest.raises(CommandError) as caught:
            mlops_jupyter.feedback("churn", data, of=of)
        assert caught.value.message == said
    with pytest.raises(NotFound):
        mlops_jupyter.feedback("nobody", {"request_id": ["a"], "label": [1]})
    with pytest.raises(NotFound):
        mlops_jupyter.feedback("churn", "none.csv")
    with pytest.raises(CommandError):
        mlops_jupyter.feedback("churn", since="soon")


def test_what_labels_say_is_among_the_metrics_soon(endpoint, project):
    predicted = mlops_jupyter.predict("churn", TABLE)
    mlops_jupyter.feedback("churn", [0, 1, 1, 1], of=predicted)
    kept = endpoint / "quality" / f"{predicted.versions[0]}.json"
    wait_for(lambda: kept.exists() and read_quality(endpoint)[predicted.versions[0]].labelled == 4)
    assert read_quality(endpoint)[predicted.versions[0]].metrics[0].value == 0.75
    found = mlops_jupyter.deployments("churn")
    token = Path(found.token_file).read_text().strip()

    def metrics() -> str:
        return httpx.get(f"{found.url}/metrics", headers={"Authorization": f"Bearer {token}"}, trust_env=False).text

    said = f'mlops_model_performance_ratio{{metric="accuracy",model="",version="{predicted.versions[0]}"}} 0.75'
    wait_for(lambda: said in metrics(), 60)
    assert 'mlops_feedback_labels_total{result="joined"}' in metrics()
