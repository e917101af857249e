"""Live models of XGBoost and LightGBM logged to a real MLflow store on sqlite, as files that run no code."""

from __future__ import annotations

import json
from pathlib import Path

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_jupyter.adapters.mlflow.packages import MlflowPackages
from mlops_jupyter.errors import CommandError

RANDOM = np.random.default_rng(3)
TABLE = pd.DataFrame({"a": RANDOM.standard_normal(200), "b c": RANDOM.integers(0, 9, 200)})
TRUTH = (TABLE["a"] + TABLE["b c"] > 4).astype(int)
WORDS = np.where(TRUTH, "stays", "goes")


def booster_of(rows):
    return lightgbm.train({"objective": "binary", "verbosity": -1}, lightgbm.Dataset(rows, TRUTH), 5)


MODELS = {
    "xgboost": lambda: xgboost.XGBClassifier(n_estimators=5).fit(TABLE, TRUTH),
    "xgboost booster": lambda: xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(TABLE, TRUTH), 5),
    "lightgbm": lambda: lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1).fit(TABLE, WORDS),
    "lightgbm booster": lambda: booster_of(TABLE),
}


@pytest.fixture
def packages(project: Path) -> MlflowPackages:
    uri = f"sqlite:///{project}/.mlops/mlflow.db"
    mlflow.set_tracking_uri(uri)
    mlflow.MlflowClient(uri).create_experiment("models", artifact_location=(project / ".mlops" / "artifacts").as_uri())
    return MlflowPackages(uri)


@pytest.fixture
def log(packages: MlflowPackages, project: Path):
    def logged(model, **options):
        run = mlflow.MlflowClient().create_run("1").info.run_id
        return packages.log(model, run_id=run, folder=project / ".mlops" / "models", **options)

    return logged


def inputs(package) -> list:
    return [(one.get("name"), one["type"]) for one in json.loads(package.signature["inputs"])]


@pytest.mark.parametrize("name", MODELS)
def test_a_boosted_model_is_data_alone(name, log):
    model = MODELS[name]()
    package = log(model, data=(TABLE, TRUTH))
    assert package.executes is None
    assert inputs(package) == [("a", "double"), ("b c", "long")]
    assert json.loads(package.signature["outputs"])
    assert not any("trusts" in note or "failed" in note for note in package.notes)
    (needs,) = [note for note in package.notes if note.startswith("requirements")]
    names = [line.partition("==")[0] for line in needs.partition(": ")[2].split(", ")]
    assert [one for one in names if one.startswith(("xgboost", "lightgbm"))] in (["xgboost-cpu"], ["lightgbm"])
    assert len(names) == len(set(names))
    made = json.loads(Path(package.baseline).read_text())
    assert list(dict(made["features"]["columns"])) == ["a", "b c"]
    assert list(dict(made["predictions"]["columns"])) == ["prediction"]


@pytest.mark.parametrize("name", MODELS)
def test_without_data_the_model_is_asked(name, log):
    package = log(MODELS[name]())
    assert [kind for _, kind in inputs(package)] == ["double", "double"]
    assert "inferred from the names of its 2 features" in package.notes[0]


@pytest.mark.parametrize(
    "model",
    [
        lambda rows: xgboost.train({}, xgboost.DMatrix(rows, TRUTH), 5),
        lambda rows: xgboost.XGBRegressor(n_estimators=5).fit(rows, TRUTH),
        booster_of,
        lambda rows: lightgbm.LGBMRegressor(n_estimators=5, verbosity=-1).fit(rows, TRUTH),
    ],
)
def test_an_array(model, log):
    made = model(TABLE.to_numpy())
    (one,) = json.loads(log(made).signature["inputs"])
    assert one["tensor-spec"] == {"dtype": "float64", "shape": [-1, 2]}
    (one,) = json.loads(log(made, data=TABLE.to_numpy(dtype="float32")).signature["inputs"])
    assert one["tensor-spec"] == {"dtype": "float32", "shape": [-1, 2]}
    with pytest.raises(CommandError, match="has 3 columns, the model was trained on 2"):
        log(made, data=np.zeros((4, 3)))


def test_categories_are_what_they_stand_for(log):
    holes = pd.Series(["x", None, "y", "x"] * 50, dtype="category")
    table = TABLE.assign(town=pd.Categorical(["Bonn", "Kiel"] * 100), code=pd.Categorical([7, 9] * 100), hole=holes)
    model = lightgbm.LGBMRegressor(n_estimators=5, verbosity=-1).fit(table, TRUTH)
    package = log(model, data=table)
    told = {one["name"]: (one["type"], one["required"]) for one in json.loads(package.signature["inputs"])}
    assert told["town"] == ("string", True)
    assert told["code"] == ("long", True)
    assert told["hole"] == ("string", False)
    assert json.loads(package.signature["outputs"])
    assert json.loads(package.example)["dataframe_split"]["data"][0][2:] == ["Bonn", 7, "x"]


def test_boosted_estimators_within_a_pipeline(log):
    for last in (xgboost.XGBClassifier(n_estimators=3), lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1)):
        package = log(make_pipeline(StandardScaler(), last).fit(TABLE, TRUTH), data=TABLE)
        assert package.flavors == ("python_function", "sklearn")
        assert package.executes is None
