"""Environments of Python, made by the real uv without a network."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from mlops_jupyter.adapters.uv_environments import UvEnvironments
from mlops_jupyter.errors import ConfigurationError, MissingDependency


def test_an_environment_of_its_own(tmp_path):
    interpreter = UvEnvironments().build(tmp_path / "environment", platform.python_version(), [])
    asked = "import sys, importlib.util as u; print(sys.prefix, u.find_spec('mlflow'))"
    told = subprocess.run([interpreter, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert told.split() == [str(tmp_path / "environment"), "None"]


def test_what_uv_refuses_is_told_in_its_words(tmp_path, monkeypatch):
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(ConfigurationError, match=r"uv cannot install the 1 recorded distributions: .*surely-no-such"):
        UvEnvironments().build(tmp_path / "one", platform.python_version(), ["surely-no-such-package==1"])
    with pytest.raises(ConfigurationError, match=r"uv cannot install Python 3\.1\.4"):
        UvEnvironments().build(tmp_path / "two", "3.1.4", [])


def test_without_uv_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("mlops_jupyter.adapters.uv_environments.find_spec", lambda name: None)
    with pytest.raises(MissingDependency) as missing:
        UvEnvironments().build(tmp_path / "one", "3.11.0", [])
    assert (missing.value.exit_code, missing.value.hint) == (3, "pip install 'uv'")
