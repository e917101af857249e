"""A worker loads the files that were deployed, and no others."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from mlops_jupyter.capabilities.endpoints import Limits, PlannedVersion, runners
from mlops_jupyter.capabilities.models import folders
from mlops_jupyter.errors import ConfigurationError
from mlops_jupyter.serving import probing
from mlops_jupyter.serving.rows import Rows
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


@pytest.mark.parametrize(
    ("flavor", "module", "needs", "hint"),
    [
        ("catboost", "catboost", "catboost==1.2.8", "pip install catboost==1.2.8"),
        ("onnx", "onnxruntime", "onnxruntime-gpu==1.2", "pip install -r {folder}/requirements.txt"),
        ("onnx", "onnxruntime", None, None),
    ],
)
def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(tmp_path, *, flavor, module, needs, hint):
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed here")
    folder = tmp_path / "model"
    folder.mkdir()
    function = {"loader_module": f"mlflow.{flavor}", "data": "model", "python_version": "3.11"}
    told = {"flavors": {"python_function": function, flavor: {"data": "model"}}}
    (folder / "MLmodel").write_text(yaml.safe_dump(told))
    (folder / "model").write_text("")
    if needs is not None:
        (folder / "requirements.txt").write_text(f"mlflow\n{needs}\n")
    version = PlannedVersion("1", str(folder), str(folder), runners.PYFUNC, trusted=True)
    with pytest.raises(ConfigurationError) as caught:
        probing.load(version, Limits())
    assert caught.value.message == f"version 1 cannot be loaded: No module named '{module}'"
    assert caught.value.hint == (None if hint is None else hint.format(folder=folder))


@pytest.mark.parametrize(("takes_s", "calls", "joins"), [(0.001, 5 + 3 * 8, True), (3.0, 4, False), (90.0, 1, False)])
def test_a_slow_model_is_not_called_for_minutes(monkeypatch, takes_s, calls, joins):
    now = 0.0

    class Slow:
        asked = 0

        def predict(self, rows: Rows) -> np.ndarray:
            nonlocal now
            self.asked, now = self.asked + 1, now + takes_s
            return rows.matrix[:, 0]

    monkeypatch.setattr(probing, "perf_counter", lambda: now)
    runner = Slow()
    sample = Rows(2, ["a"], np.array([[1.0], [2.0]]))
    assert probing._tried(runner, sample) == (joins, pytest.approx(takes_s))
    assert runner.asked == calls
