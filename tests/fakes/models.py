"""Models that are made in a moment."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_jupyter.capabilities.endpoints import PlannedVersion, neutral_examples, runners

# Rows for a baseline.
TRAINING = pd.DataFrame({"a": [0.0, 3.0] * 250, "b": [1.0, 0.0] * 250})


def small_model(path: Path, *, turned: bool = False) -> Path:
    """Save a classifier of the columns a and b as a folder; one that is turned answers the other way round."""
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
    model = LogisticRegression().fit(table, [1, 1, 0, 0] if turned else [0, 0, 1, 1])
    signature = mlflow.models.infer_signature(table, model.predict(table))
    # Nothing is inferred: that takes seconds.
    requirements = ["scikit-learn"]
    mlflow.sklearn.save_model(
        model, str(path), signature=signature, input_example=table.head(2), pip_requirements=requirements
    )
    return path


def small_regressor(path: Path) -> Path:
    """Save a model of numbers, 10 a + 5, of the columns a and b as a folder."""
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
    model = LinearRegression().fit(table, 10 * table["a"] + 5)
    signature = mlflow.models.infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(
        model, str(path), signature=signature, input_example=table.head(2), pip_requirements=["scikit-learn"]
    )
    return path


def small_forest(path: Path) -> Path:
    """Save a pipeline with a forest of the columns a and b as a folder; skops does not trust the nodes of trees."""
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)).fit(table, [0, 0, 1, 1])
    signature = mlflow.models.infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(
        model, str(path), signature=signature, input_example=table.head(2), pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",
    )  # fmt: skip
    return path


def choosy_model(path: Path) -> Path:
    """Save a classifier of a number and a person's address, which raises for addresses that it was not trained with."""
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "email": ["ada@example.org", "eve@example.org"] * 2})
    encoder = ColumnTransformer([("email", OneHotEncoder(), ["email"])], remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression()).fit(table, [0, 0, 1, 1])
    signature = mlflow.models.infer_signature(table, model.predict(table))
    mlflow.sklearn.save_model(
        model, str(path), signature=signature, input_example=table.head(2), pip_requirements=["scikit-learn"]
    )
    return path


_BEHAVING = """\
import time

import mlflow
import pandas as pd


class Behaving(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        {does}
        return pd.Series((model_input["a"] > 1.5).astype("int64"))


mlflow.models.set_model(Behaving())
"""


def behaving_model(path: Path, does: str) -> Path:
    """Save a classifier of the columns a and b as code, in whose call stands a statement about ``model_input``."""
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
    code = path.with_suffix(".py")
    code.write_text(_BEHAVING.format(does=does))
    signature = mlflow.models.infer_signature(table, pd.Series([0, 0, 1, 1]))
    mlflow.pyfunc.save_model(
        str(path), python_model=str(code), signature=signature, input_example=table.head(2), pip_requirements=["pandas"]
    )
    return path


def planned(folder: Path, **more) -> PlannedVersion:
    """Return a model's folder as a version of an endpoint's plan."""
    told = mlflow.models.Model.load(str(folder)).to_dict()
    example = neutral_examples.strict((folder / "serving_input_example.json").read_text())
    signature = {name: text for name, text in told["signature"].items() if text}
    runner = runners.choose(told["flavors"], folder, signature)
    more = {"trusted": True, "signature": signature, "example": example, **more}
    return PlannedVersion("1", str(folder), str(folder), runner, **more)


def body(table: pd.DataFrame) -> str:
    """Return a table as a scoring request."""
    return json.dumps({"dataframe_split": json.loads(table.to_json(orient="split", index=False, double_precision=15))})
