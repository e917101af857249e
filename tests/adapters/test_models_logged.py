"""Live models logged to a real MLflow store on sqlite."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlops_jupyter.adapters.mlflow.packages import MlflowPackages
from mlops_jupyter.errors import CommandError, ConfigurationError

TABLE = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1, 1, 0, 0], "label": [0, 0, 1, 1]})
X, Y = TABLE[["a", "b"]], TABLE["label"]


@pytest.fixture
def uri(project: Path) -> str:
    return f"sqlite:///{project}/.mlops/mlflow.db"


@pytest.fixture
def store(project: Path) -> Path:
    return project / ".mlops" / "models"


@pytest.fixture
def run_id(project: Path, uri: str) -> str:
    mlflow.set_tracking_uri(uri)
    artifacts = (project / ".mlops" / "artifacts").as_uri()
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("models", artifact_location=artifacts)
    run = client.create_run(experiment, run_name="trained").info.run_id
    client.set_terminated(run)
    return run


@pytest.fixture
def log(uri: str, store: Path, run_id: str):
    packages = MlflowPackages(uri)
    return lambda model, **options: packages.log(model, run_id=run_id, folder=store, **options)


def inputs(package) -> list:
    return [(one.get("name"), one["type"]) for one in json.loads(package.signature["inputs"])]


def predictions(package, rows) -> list:
    """Load the model in a process of its own, which knows nothing of this one."""
    code = (
        "import sys, json, mlflow, pandas; model = mlflow.pyfunc.load_model(sys.argv[1]);"
        "rows = pandas.DataFrame(json.loads(sys.argv[2]));"
        "print(json.dumps([float(one) for one in model.predict(rows)]))"
    )
    words = [sys.executable, "-c", code, package.path, json.dumps(rows.to_dict("list"))]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True, timeout=120).stdout)


def test_an_estimator_with_its_data(log, run_id, uri, store):
    model = LogisticRegression().fit(X, Y)
    package = log(model, near={"y": Y, "train": TABLE})
    assert (package.source, package.run_id) == (f"runs:/{run_id}/model", run_id)
    assert inputs(package) == [("a", "double"), ("b", "long")]
    assert json.loads(package.example)["dataframe_split"]["data"] == [[0.0, 1], [1.0, 1]]
    assert (package.executes, package.trusted) == (None, True)
    assert package.notes[:2] == (
        "signature (2 columns) and example (2 rows) inferred from train",
        "columns of train that the model does not take were left out: label",
    )
    assert package.notes[2].startswith("requirements inferred from what it is made of: mlflow==")
    assert "scikit-learn==" in package.notes[2]
    assert MlflowPackages(uri).resolve(f"runs:/{run_id}", store).digest == package.digest
    assert predictions(package, X) == [float(one) for one in model.predict(X)]


@pytest.mark.parametrize("data", [(X, Y), {"X": X, "y": Y}, {"a": [1.0, 2.0], "b": [1, 2]}])
def test_forms_of_data(log, data):
    assert inputs(log(LogisticRegression().fit(X, Y), data=data)) == [("a", "double"), ("b", "long")]


def test_an_array(log):
    package = log(LogisticRegression().fit(X.to_numpy(), Y), data=X.to_numpy())
    (one,) = json.loads(package.signature["inputs"])
    assert one["tensor-spec"] == {"dtype": "float64", "shape": [-1, 2]}


def test_without_data_the_model_is_asked(log):
    named = log(LogisticRegression().fit(X, Y))
    assert inputs(named) == [("a", "double"), ("b", "double")]
    assert named.example is None
    assert "inferred from the names of its 2 features, each taken to be a number" in named.notes[0]
    counted = log(LogisticRegression().fit(X.to_numpy(), Y))
    assert "inferred from its number of features, 2" in counted.notes[0]
    words = pd.DataFrame({"town": ["Bonn", "Kiel", "Bonn", "Kiel"]})
    texts = log(make_pipeline(OneHotEncoder(), LogisticRegression()).fit(words, Y))
    assert texts.signature is None
    assert "add --data X" in texts.notes[0]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (X[["a"]], "the data lacks columns that the model was trained on: b"),
        (np.zeros((3, 5)), "the data has 5 columns, the model was trained on 2"),
        (X.head(0), "the data has no rows"),
        ("train.csv", "the data is a str, no table or array"),
    ],
)
def test_data_that_does_not_fit(log, store, data, said):
    with pytest.raises(CommandError) as caught:
        log(LogisticRegression().fit(X, Y), data=data)
    assert (caught.value.message, caught.value.exit_code) == (said, 2)
    assert list(store.glob("*/MLmodel")) == []


def test_what_skops_does_not_trust_this_project_does(log):
    model = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=1)).fit(X, Y)
    package = log(model, data=X)
    assert package.executes == "it wants types loaded that skops does not know: sklearn.tree._tree.Tree"
    assert package.trusted
    assert predictions(package, X) == [float(one) for one in model.predict(X)]


def test_what_skops_cannot_keep_is_pickled(log):
    model = make_pipeline(FunctionTransformer(lambda rows: rows * 2), LogisticRegression()).fit(X, Y)
    package = log(model, data=X)
    assert (package.executes, package.trusted) == ("model.pkl is a pickle", True)
    assert any("skops cannot keep it" in note for note in package.notes)
    assert predictions(package, X) == [float(one) for one in model.predict(X)]


def test_a_function(log, recwarn):
    package = log(lambda rows: rows["a"] * 2, data=X[["a"]][:1])
    assert package.notes[0] == "signature (1 column) and example (1 row) inferred from the data"
    assert not any("type hints" in str(one.message) for one in recwarn)
    assert package.flavors == ("python_function",)
    assert (package.executes, package.trusted) == ("python_model.pkl is a pickle", True)
    assert predictions(package, X) == [0.0, 2.0, 4.0, 6.0]


def test_a_wrapped_model(log):
    class Wrapped(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["b"] + 1

    assert predictions(log(Wrapped(), data=X), X) == [2.0, 2.0, 1.0, 1.0]


def test_modules_of_the_user_go_with_it(log, tmp_path, monkeypatch):
    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "own_features.py").write_text("def double(rows):\n    return rows * 2\n")
    monkeypatch.syspath_prepend(folder)
    import own_features

    model = make_pipeline(FunctionTransformer(own_features.double), LogisticRegression()).fit(X, Y)
    package = log(model, data=X)
    assert "modules of yours go with it: own_features.py" in package.notes
    monkeypatch.undo()
    assert predictions(package, X) == [float(one) for one in model.predict(X)]
    del sys.modules["own_features"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (3, "no MLflow flavour takes a builtins.int"),
        (X, "no MLflow flavour takes a pandas"),
        (LogisticRegression, "LogisticRegression is a class, no model"),
    ],
)
def test_no_model(log, model, said):
    with pytest.raises(CommandError, match=said):
        log(model)


def test_secrets_stay_here(log, store, monkeypatch):
    monkeypatch.setenv("CHURN_API_KEY", "hunter2hunter2")
    secret = "hunter2hunter2"
    words = pd.DataFrame({"key": [secret, "b", "c", "d"]})
    package = log(
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(words[1:], Y[1:]), data=words
    )
    assert package.example is None
    assert "the example was left out: it holds a secret that this process knows" in package.notes
    with pytest.raises(ConfigurationError, match=r"python_model\.pkl holds a secret that this process knows") as caught:
        log(lambda rows: [secret] * len(rows), data=X)
    assert secret not in str(caught.value)
    assert not [file for file in store.rglob("*") if file.is_file() and secret in file.read_bytes().decode("latin-1")]
