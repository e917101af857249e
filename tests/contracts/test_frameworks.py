"""What this project says it deploys, deployed from the live object: each library's model answers as it does itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.adapters.mlflow.loading import executes
from mlops_jupyter.capabilities.endpoints import windows
from mlops_jupyter.errors import CheckFailed, ConfigurationError
from tests.fakes.waiting import wait_for

RANDOM = np.random.default_rng(5)
TABLE = pd.DataFrame({"age": RANDOM.integers(18, 80, 300), "income": RANDOM.standard_normal(300) * 9.0})
HOLES = TABLE.assign(income=TABLE["income"].mask(RANDOM.random(300) < 0.1))
TOWNS = TABLE.assign(town=pd.Categorical(RANDOM.choice(["Bonn", "Kiel", "Ulm"], 300)))
STAYS = (TABLE["age"] + TABLE["income"] > 50).astype(int)
WORDS = np.where(STAYS, "stays", "goes")
ASKED = slice(0, 20)


@pytest.fixture(autouse=True)
def keras_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest of those that Keras can compute with, here and in the endpoint."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")


@pytest.fixture
def deployed(project: Path) -> Iterator[Any]:
    with (project / "mlops.toml").open("a") as file:
        file.write("\n[monitoring]\nbase_window_s = 1\n")
    yield lambda model, **options: mlops_jupyter.deploy(model, name="churn", **options)
    for one in mlops_jupyter.deployments().deployments:
        mlops_jupyter.undeploy(one.name, yes=True)


def sklearn_model():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(TABLE, WORDS), TABLE


def xgboost_classifier():
    import xgboost

    return xgboost.XGBClassifier(n_estimators=10).fit(HOLES, STAYS), HOLES


def xgboost_of_categories():
    import xgboost

    return xgboost.XGBRegressor(n_estimators=10, enable_categorical=True).fit(TOWNS, STAYS), TOWNS


def xgboost_booster():
    import xgboost

    return xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(TABLE, STAYS), 10), TABLE


def lightgbm_classifier():
    import lightgbm

    return lightgbm.LGBMClassifier(n_estimators=10, verbosity=-1).fit(HOLES, WORDS), HOLES


def lightgbm_of_categories():
    import lightgbm

    return lightgbm.LGBMRegressor(n_estimators=10, verbosity=-1).fit(TOWNS, STAYS), TOWNS


def lightgbm_booster():
    import lightgbm

    return lightgbm.train({"verbosity": -1}, lightgbm.Dataset(TABLE.to_numpy(), STAYS), 10), TABLE.to_numpy()


def function():
    return (lambda rows: (rows["age"] * 2 + 1).to_numpy()), TABLE


def torch_module(*, dropout: bool = True):
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Linear(2, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Dropout(0.5 * dropout)]
    # As a loop of training leaves it: with dropout, and statistics that every call changes.
    return torch.nn.Sequential(*layers, torch.nn.Linear(8, 1)).train(), TABLE


def torch_of_pictures():
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(3)]
    model = torch.nn.Sequential(*layers)
    pictures = RANDOM.standard_normal((40, 1, 8, 8)).astype("float32")
    model(torch.as_tensor(pictures))
    return model, pictures


def torch_that_decides():
    import torch

    class Decides(torch.nn.Module):
        def forward(self, rows):
            return rows * 2 if float(rows.sum()) > 0 else rows

    return Decides(), TABLE


def keras_model():
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    model.compile(loss="mse")
    return model, TABLE


def itself(model: Any, rows: Any) -> Any:
    """Return what a model answers here, where it was made."""
    library = type(model).__mro__[-2].__module__.partition(".")[0]
    if type(model).__module__ == "xgboost.core":
        import xgboost

        return model.predict(xgboost.DMatrix(rows))
    if library == "torch":
        import torch

        with torch.no_grad():
            return model.eval()(torch.as_tensor(np.asarray(rows, "float32"))).numpy()
    return np.asarray(model.predict(rows) if hasattr(model, "predict") else model(rows))


# They are large: where they are missing, their tests run in an environment that has them.
TORCH = pytest.mark.beside("torch", "torch>=2.13,<2.14")
KERAS = pytest.mark.beside("keras", "keras>=3.15,<4", "jax")


@pytest.mark.parametrize(
    ("make", "runs_code"),
    [
        (sklearn_model, None),
        (xgboost_classifier, None),
        (xgboost_of_categories, None),
        (xgboost_booster, None),
        (lightgbm_classifier, None),
        (lightgbm_of_categories, None),
        (lightgbm_booster, None),
        (function, "python_model.pkl is a pickle"),
        pytest.param(torch_module, "PyTorch unpickles what lies in it", marks=TORCH),
        pytest.param(torch_of_pictures, "PyTorch unpickles what lies in it", marks=TORCH),
        pytest.param(torch_that_decides, "data/model.pth is a pickle", marks=TORCH),
        pytest.param(keras_model, "Keras makes objects of the classes that the file names", marks=KERAS),
    ],
)
def test_a_live_model_answers_as_it_does_itself(make, runs_code, deployed, project):
    model, data = make()
    found = deployed(model, data=data)
    (version,) = found.versions
    assert (found.status, version.trusted) == ("ready", True)
    asked = data[ASKED]
    told = mlops_jupyter.predict("churn", asked).predictions
    # Numbers of 32 bits are widened, as MLflow does; a graph of tensors may add them up in another order.
    expected = np.asarray(itself(model, asked))
    if runs_code is None:
        assert np.array_equal(np.asarray(told), expected)
    else:
        np.testing.assert_allclose(np.asarray(told, float), expected, rtol=1e-5, atol=1e-6)
    flavors = mlflow.models.Model.load(version.path).flavors
    assert executes(Path(version.path), flavors) == runs_code
    # What was asked can be held against what the model was made with.
    folder = windows.folder_of(project / ".mlops" / "endpoints" / "churn" / "watch", version.version)
    wait_for(lambda: windows.files(folder), 60, "no window was closed")
    try:
        report = mlops_jupyter.drift("churn")
    except CheckFailed as failed:
        # So few rows tell of nothing.
        report = failed.record
    names = {one.feature for one in report.features}
    assert names == set(dict(json.loads(Path(version.baseline).read_text())["features"]["columns"]))


@TORCH
def test_layers_are_left_in_training(project):
    model, data = torch_module()
    mlops_jupyter.register(model, name="churn", data=data)
    assert all(layer.training for layer in model.modules())


@KERAS
def test_keras_keeps_no_code_of_ones_own(project):
    import keras

    class Doubled(keras.layers.Layer):
        def call(self, rows):
            return rows * 2

    model = keras.Sequential([keras.Input((2,)), Doubled(), keras.layers.Dense(1)])
    with pytest.raises(ConfigurationError, match="made of classes of yours: Doubled") as caught:
        mlops_jupyter.register(model, name="churn", data=TABLE)
    assert "PythonModel" in caught.value.hint


def test_modules_of_ones_own_go_along(deployed, tmp_path, monkeypatch):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    folder = tmp_path / "lib"
    folder.mkdir()
    (folder / "own_scaling.py").write_text("def halved(rows):\n    return rows / 2\n")
    monkeypatch.syspath_prepend(folder)
    import own_scaling

    model = make_pipeline(FunctionTransformer(own_scaling.halved), LogisticRegression()).fit(TABLE, WORDS)
    monkeypatch.undo()
    deployed(model, data=TABLE)
    assert list(mlops_jupyter.predict("churn", TABLE[ASKED]).predictions) == model.predict(TABLE[ASKED]).tolist()
