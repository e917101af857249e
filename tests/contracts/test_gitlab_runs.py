"""A GitLab project as the store of runs: an MLflow server below the project's API, for who brings a token."""

from __future__ import annotations

import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.errors import ServiceError
from tests.conftest import ship
from tests.fakes.forges import runs_of_a_project

TOKEN = "a-project-s-token"


@pytest.fixture
def gitlab(server, project, monkeypatch):
    with runs_of_a_project(server, TOKEN) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
        settings.forget_root()
        yield address


def test_runs_go_to_a_project_on_gitlab(gitlab, project):
    with mlops_jupyter.track("forest", experiment="on-gitlab") as tracked:
        mlops_jupyter.log(accuracy=0.9)
    assert ship(project) == {}
    (run,) = mlops_jupyter.runs(experiment="on-gitlab").runs
    assert (run.name, run.status, run.metrics["accuracy"]) == ("forest", "FINISHED", 0.9)
    assert TOKEN not in str(run)
    assert TOKEN not in str(tracked.record)


def test_a_token_that_is_not_let_in_is_told(gitlab, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "another")
    with pytest.raises(ServiceError) as refused:
        mlops_jupyter.runs(experiment="on-gitlab")
    assert "another" not in str(refused.value)
