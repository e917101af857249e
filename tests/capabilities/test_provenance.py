"""A run's origin, in MLflow's own tag names."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.capabilities.provenance import source_tags
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


def test_the_names_are_mlflow_s():
    from mlflow.utils import mlflow_tags

    known = {value for name, value in vars(mlflow_tags).items() if name.startswith("MLFLOW_")}
    assert set(source_tags(ROOT, Path("/p/a.ipynb"), CHECKOUT)) <= known
