"""A worker loads the files that were deployed, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.capabilities.models import folders
from mlops_jupyter.errors import ConfigurationError
from mlops_jupyter.serving import probing
from tests.fakes.models import behaving_model, planned, small_model


@pytest.mark.parametrize("name", ["model.skops", "MLmodel", "more.txt"])
def test_files_that_have_changed_are_not_loaded(tmp_path, name):
    folder = small_model(tmp_path / "model")
    version = planned(folder, digest=folders.digest(folder))
    probing.load(version, Limits())
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(ConfigurationError) as caught:
        probing.load(version, Limits())
    assert caught.value.lines() == [
        f"ConfigurationError: the files of version 1 in {folder} are not those that were deployed",
        f"  → mlops deploy {folder} --name NAME",
    ]


def test_code_that_python_has_compiled_is_loaded_again(tmp_path):
    folder = behaving_model(tmp_path / "model", "pass")
    version = planned(folder, digest=folders.digest(folder))
    for _ in range(2):
        probing.load(version, Limits())
        (folder / "__pycache__").mkdir(exist_ok=True)
        Path(folder, "__pycache__", "model.pyc").write_bytes(b"compiled")
