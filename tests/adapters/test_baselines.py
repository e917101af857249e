"""Baselines of models in a real MLflow store: made at logging, stored with the model, without its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities.drift import Baseline
from mlops_jupyter.capabilities.endpoints.folder import EndpointFolder
from mlops_jupyter.capabilities.kept_baselines import BASELINE_PATH
from mlops_jupyter.commands import packages
from mlops_jupyter.errors import CommandError
from tests.fakes.models import TRAINING, behaving_model, small_model
from tests.fakes.waiting import wait_for


@pytest.fixture
def training() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"age": rng.normal(40, 10, 2000), "pay": rng.lognormal(8, 1, 2000)})
    return table, (table["age"] > 40).astype(int).to_numpy()


def baseline_of(reference: str) -> Baseline | None:
    found = packages.resolved(settings.current(), reference)
    return None if found.baseline is None else Baseline.from_json(Path(found.baseline).read_text())


def test_a_model_that_is_registered_has_its_baseline_wherever_it_goes(project, training):
    table, answers = training
    model = LogisticRegression().fit(table, answers)
    version = mlops_jupyter.register(model, name="churn", data=(table, answers))
    assert any("baseline for drift" in note for note in version.notes)
    made = baseline_of("models:/churn/1")
    assert made.features.names == ("age", "pay")
    assert made.rows == 2000
    assert made.made_from == "the data (2,000 rows)"
    assert made.features.columns["age"].quantities.mean == pytest.approx(table["age"].mean())
    counts = made.predictions.columns["prediction"].quantities.few
    assert counts == {0.0: int((model.predict(table) == 0).sum()), 1.0: int((model.predict(table) == 1).sum())}
    store = settings.current().tracking_uri
    kept = mlflow.artifacts.download_artifacts(f"runs:/{version.run_id}/{BASELINE_PATH}", tracking_uri=store)
    assert Baseline.from_json(Path(kept).read_text()).rows == 2000
    # Gone from this machine, it comes with the next download.
    shutil.rmtree(settings.current().state / "models")
    assert baseline_of("models:/churn/latest").rows == 2000


def test_a_tracked_cells_model_has_the_baseline_of_its_data(project, training):
    table, answers = training
    with mlops_jupyter.track("fit", data="table", model="model", autolog=False, live=False) as run:
        model = LogisticRegression().fit(table, answers)
    assert run.record.notes[-1].count("baseline for drift made from table") == 1
    assert baseline_of(f"runs:/{run.run_id}/model").made_from == "table (2,000 rows)"
    assert model is not None


def test_columns_that_are_redacted_are_not_in_it(project, training):
    with (project / "mlops.toml").open("a") as settings_file:
        settings_file.write('\n[monitoring]\nredact = ["pay"]\n')
    table, answers = training
    version = mlops_jupyter.register(LogisticRegression().fit(table, answers), name="churn", data=table)
    made = baseline_of(version.uri)
    assert (made.features.names, made.without) == (("age",), ("pay",))


def test_a_model_without_data_has_none(project, training):
    version = mlops_jupyter.register(LogisticRegression().fit(*training), name="churn")
    assert baseline_of(version.uri) is None


def test_a_secret_among_the_categories_keeps_the_baseline_out(project, training, monkeypatch):
    monkeypatch.setenv("SERVICE_TOKEN", "sk-0123456789abcdef0123")
    table, answers = training
    table = table.assign(source=["sk-0123456789abcdef0123"] * 2000)
    model = LogisticRegression().fit(table[["age", "pay"]], answers)

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return model.predict(rows[["age", "pay"]])

    version = mlops_jupyter.register(predict, name="churn", data=table)
    assert any("no baseline: the data holds a secret" in note for note in version.notes)
    assert baseline_of(version.uri) is None


@pytest.fixture
def deployed(project: Path):
    yield small_model(project / "model")
    for one in mlops_jupyter.deployments().deployments:
        mlops_jupyter.undeploy(one.name, yes=True)


def test_a_model_that_is_logged_already_gets_one_when_it_is_deployed(deployed, project):
    table = pd.DataFrame({"b": [1.0, 0.0] * 50, "a": [0.0, 3.0] * 50, "other": ["x", "y"] * 50})
    table.to_parquet(project / "train.parquet")
    for data in (table, str(project / "train.parquet")):
        found = mlops_jupyter.deploy(str(deployed), name="churn", data=data)
        assert any("baseline is made from --data" in note for note in found.notes)
        folder = EndpointFolder(project / ".mlops" / "endpoints" / "churn")
        planned = folder.plan().versions[0].baseline
        assert Path(planned).is_relative_to(folder.path)
        made = Baseline.from_json(Path(planned).read_text())
        assert (made.features.names, made.rows) == (("b", "a"), 100)
        assert sum(made.predictions.columns["prediction"].quantities.few.values()) == 100
    with pytest.raises(CommandError, match="lacks columns"):
        mlops_jupyter.deploy(str(deployed), name="churn", data=table[["a"]])


def test_answers_have_one_name_in_the_baseline_and_at_the_endpoint(deployed, project):
    """Whether the signature was made of targets that have a name, or the answers are a series that has another."""
    table = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 0.0, 0.0]})
    target = pd.Series([0, 0, 1, 1], name="churned")
    model = LogisticRegression().fit(table, target)
    signature = mlflow.models.infer_signature(table, target)
    mlflow.sklearn.save_model(model, str(project / "named"), signature=signature, pip_requirements=["scikit-learn"])
    behaving_model(project / "series", "pass  # whose answers are made of the column a")
    for folder, name in (("named", "churned"), ("series", "prediction")):
        mlops_jupyter.deploy(folder, name=folder, data=TRAINING, trust=True)
        watch = EndpointFolder(project / ".mlops" / "endpoints" / folder)
        made = Baseline.from_json(Path(watch.plan().versions[0].baseline).read_text())
        assert made.predictions.names == (name,)
        mlops_jupyter.predict(folder, table)

        def kept(answers: Path = watch.watch / "answers") -> list[Path]:
            return list(answers.glob("[!.]*.parquet"))

        (file,) = wait_for(kept, 60, "no answer was written down")
        assert pq.read_schema(file).names[-1] == name


def test_a_deployed_models_own_baseline_is_the_endpoints(deployed, project, training):
    table, answers = training
    mlops_jupyter.register(LogisticRegression().fit(table, answers), name="churn", data=table)
    mlops_jupyter.deploy("models:/churn/1", name="churn")
    planned = EndpointFolder(project / ".mlops" / "endpoints" / "churn").plan().versions[0]
    assert planned.baseline == str(Path(planned.path) / BASELINE_PATH)
