"""The target ``mlops`` by each of its names, through MLflow's client and through our own verbs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException

import mlops_jupyter
from mlops_jupyter.errors import ConfigurationError
from tests.fakes.models import small_model

TABLE = pd.DataFrame({"a": [0.0, 3.0], "b": [1.0, 0.0]})
NAMES = ("mlops", "mlops:/local", "mlops:/", "mlops://local")


@pytest.fixture
def model(project: Path) -> Iterator[Path]:
    yield small_model(project / "model")
    for one in mlops_jupyter.deployments().deployments:
        mlops_jupyter.undeploy(one.name, yes=True)


@pytest.mark.usefixtures("model")
def test_every_name_of_the_target_means_this_machine_to_mlflow():
    get_deploy_client("mlops").create_deployment("churn", "model")
    for name in NAMES:
        client = get_deploy_client(name)
        assert [one["name"] for one in client.list_deployments()] == ["churn"], name
        assert [one["percent"] for one in client.get_deployment("churn")["versions"]] == [100.0], name
        assert client.predict("churn", TABLE)["predictions"] == [0, 1], name
    get_deploy_client("mlops").delete_deployment("churn")
    assert len(mlops_jupyter.deployments()) == 0


@pytest.mark.usefixtures("model")
def test_every_name_of_the_target_means_this_machine_to_our_verbs():
    made = mlops_jupyter.deploy("model", name="churn", target="mlops", workers=2)
    assert (made.target, made.workers, len(made.versions)) == ("local", 2, 1)
    for name in NAMES:
        assert mlops_jupyter.deployments(target=name).deployments[0].versions == made.versions, name
        assert mlops_jupyter.deployments("churn", target=name).pid == made.pid, name
        assert mlops_jupyter.predict("churn", TABLE, target=name).predictions == (0, 1), name
    again = mlops_jupyter.deploy("model", name="churn", target="mlops:/local", workers=1)
    # It was asked what it served before.
    assert (again.workers, again.versions) == (1, made.versions)
    assert mlops_jupyter.undeploy("churn", target="mlops:/local", yes=True).was == "ready"
    assert len(mlops_jupyter.deployments()) == 0


@pytest.mark.usefixtures("project")
def test_a_target_of_ours_that_is_not_there():
    with pytest.raises(ConfigurationError, match="there is no deployment target moon"):
        mlops_jupyter.deployments(target="mlops:/moon")
    with pytest.raises(MlflowException, match="there is no deployment target moon"):
        get_deploy_client("mlops:/moon").list_deployments()
    assert len(mlops_jupyter.deployments(target="mlops:/mlops")) == 0
