"""A run's origin, in MLflow's own tag names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter.capabilities.provenance import source_tags, told_from_outside, user
from mlops_jupyter.records import Checkout

ROOT = Path("/p")
CHECKOUT = Checkout("/p", "c0ffee", "main", dirty=True, remote="https://h/g.git")


@pytest.mark.parametrize(
    ("notebook", "name"),
    [("/p/a.ipynb", "a.ipynb"), ("/p/sub dir/ü.ipynb", "sub dir/ü.ipynb"), ("/other/a.ipynb", "/other/a.ipynb")],
)
def test_a_notebook_is_named_from_the_project(notebook, name):
    assert source_tags(ROOT, Path(notebook), None) == {
        "mlflow.source.name": name,
        "mlflow.source.type": "NOTEBOOK",
    }


def test_a_checkout_is_told():
    assert source_tags(ROOT, None, CHECKOUT) == {
        "mlflow.source.git.commit": "c0ffee",
        "mlflow.source.git.branch": "main",
        "mlflow.source.git.dirty": "true",
        "mlflow.source.git.repoURL": "https://h/g.git",
    }


def test_what_is_not_known_is_no_tag():
    bare = Checkout("/p", None, None, dirty=False, remote=None)
    assert source_tags(ROOT, None, bare) == {"mlflow.source.git.dirty": "false"}
    assert source_tags(ROOT, None, None) == {}


def test_a_container_that_knows_no_name_of_the_user_has_the_number(monkeypatch, project, stored_runs):
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    assert user() == "54321"
    with mlops_jupyter.track("one"):
        pass
    assert [run.tags["mlflow.user"] for run in stored_runs()] == ["54321"]


@pytest.mark.parametrize(("told", "tags"), [('{"team": "risk"}', {"team": "risk"}), ("{", {}), ("[1]", {}), ("", {})])
def test_what_is_no_json_object_tells_nothing(told, tags):
    assert told_from_outside({"MLFLOW_RUN_CONTEXT": told}) == tags


def test_the_names_are_mlflow_s():
    from mlflow.utils import mlflow_tags

    known = {value for name, value in vars(mlflow_tags).items() if name.startswith("MLFLOW_")}
    assert set(source_tags(ROOT, Path("/p/a.ipynb"), CHECKOUT)) <= known
