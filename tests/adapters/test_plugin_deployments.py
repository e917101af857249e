"""Targets of others, by their MLflow deployment plugins."""

from __future__ import annotations

import pandas as pd
import pytest
from mlflow.deployments.interface import plugin_store

import mlops_jupyter
from mlops_jupyter.errors import CommandError, ConfigurationError, MlopsError, NotFound
from tests.fakes import mlflow_target
from tests.fakes.models import TRAINING, behaving_model, small_model


@pytest.fixture
def stranger(project, monkeypatch):
    monkeypatch.setitem(plugin_store.registry, "stranger", mlflow_target)
    monkeypatch.setattr(mlflow_target, "kept", {})
    return small_model(project / "model")


def test_a_plugin_deploys_lists_predicts_and_ends(stranger, project):
    found = mlops_jupyter.deploy("model", name="churn", target="stranger", config={"size": "2"})
    assert (found.name, found.target, found.status) == ("churn", "stranger", "ready")
    assert mlflow_target.kept["churn"]["model_uri"] == str(stranger)
    assert mlflow_target.kept["churn"]["config"] == {"size": "2"}
    assert [one.name for one in mlops_jupyter.deployments(target="stranger").deployments] == ["churn"]
    told = mlops_jupyter.predict("churn", pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), target="stranger")
    assert told.result["sum"].tolist() == [4.0, 6.0]
    assert mlops_jupyter.undeploy("churn", target="stranger", yes=True).target == "stranger"
    assert mlflow_target.kept == {}
    assert not (project / ".mlops" / "endpoints").exists()


def test_only_who_loads_a_model_here_asks_for_trust(stranger, project):
    behaving_model(project / "own", "pass")
    mlops_jupyter.deploy("own", name="churn", target="stranger")
    assert mlflow_target.kept["churn"]["model_uri"] == str(project / "own")
    # It is asked about the data in this process.
    with pytest.raises(ConfigurationError, match="may run code when it is loaded"):
        mlops_jupyter.deploy("own", name="churn", target="stranger", data=TRAINING)


def test_what_a_plugin_cannot_do_is_said(stranger):
    for options, said in (
        ({"workers": 2}, "the target stranger takes options of its own only"),
        ({"canary": 10}, "churn serves nothing that version"),
    ):
        with pytest.raises(MlopsError) as caught:
            mlops_jupyter.deploy("model", name="churn", target="stranger", **options)
        assert caught.value.message.startswith(said)
    with pytest.raises(MlopsError) as caught:
        mlops_jupyter.deploy("model", name="churn", target="stranger", config={"colour": "red"})
    assert "only a size can be chosen" in caught.value.message
    with pytest.raises(NotFound):
        mlops_jupyter.undeploy("churn", target="stranger", yes=True)
    mlops_jupyter.deploy("model", name="churn", target="stranger")
    with pytest.raises(CommandError):
        mlops_jupyter.deploy("model", name="churn", target="stranger", canary=10)


def test_a_target_that_nobody_has_installed(stranger):
    with pytest.raises(ConfigurationError) as caught:
        mlops_jupyter.deploy("model", name="churn", target="moon")
    assert caught.value.message.startswith("there is no deployment target moon: ")
    assert "stranger" in caught.value.hint
