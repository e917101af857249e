"""Notebooks that have run, as a real Pushgateway then tells of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.fakes.monitoring import pushgateway
from tests.fakes.notebooks import write_notebook
from tests.fakes.servers import free_port

LOGS = (
    "%load_ext mlops_jupyter",
    "%%mlops track fit --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=level, loss=0.5)",
)


@pytest.fixture
def gateway(tmp_path):
    with pushgateway(tmp_path / "gateway") as url:
        yield url


def told(url: str) -> dict[str, dict[str, float]]:
    """Return of each notebook its metrics, as written: `name`, or `name{label}`."""
    found: dict[str, dict[str, float]] = {}
    for group in httpx.get(f"{url}/api/v1/metrics").json()["data"]:
        assert group["labels"]["job"] == "mlops_notebook"
        assert group["labels"]["project"] == "churn"
        metrics = found.setdefault(group["labels"]["notebook"], {})
        for name, family in group.items():
            if not name.startswith("mlops_"):
                continue
            for one in family["metrics"]:
                own = [one["labels"][label] for label in ("metric", "gate") if label in one["labels"]]
                metrics[f"{name}{{{own[0]}}}" if own else name] = float(one["value"])
    return found


def test_a_run_is_told_and_a_failure_leaves_the_last_success(project, terminal, gateway):
    (project / "work").mkdir()
    write_notebook(project / "work" / "train.ipynb", *LOGS, parameters="level = 0.75")
    began = time.time()
    done = terminal("run", "work/train.ipynb", "--push", gateway, "--require", "accuracy >= 0.7")
    assert done.code == 0, done.err
    first = told(gateway)["work/train.ipynb"]
    assert first["mlops_notebook_success"] == 1
    assert 0 < first["mlops_notebook_duration_seconds"] < 120
    assert began < first["mlops_notebook_last_success_timestamp_seconds"] <= time.time()
    assert first["mlops_notebook_gate_met{accuracy >= 0.7}"] == 1
    assert (first["mlops_notebook_metric{accuracy}"], first["mlops_notebook_metric{loss}"]) == (0.75, 0.5)

    done = terminal("run", "work/train.ipynb", "--push", gateway, "--require", "accuracy >= 0.7", "-p", "level=0.5")
    assert done.code == 1
    second = told(gateway)["work/train.ipynb"]
    assert second["mlops_notebook_success"] == 0
    assert second["mlops_notebook_gate_met{accuracy >= 0.7}"] == 0
    assert second["mlops_notebook_metric{accuracy}"] == 0.5
    last = "mlops_notebook_last_success_timestamp_seconds"
    assert second[last] == first[last]
    assert second["mlops_notebook_last_run_timestamp_seconds"] > first["mlops_notebook_last_run_timestamp_seconds"]

    # Of a run that logs nothing and has no gate nothing is left that an earlier one did.
    write_notebook(project / "work" / "train.ipynb", "raise ValueError('no data')")
    done = terminal("run", "work/train.ipynb", "--push", gateway)
    assert done.code != 0
    third = told(gateway)["work/train.ipynb"]
    names = {"success", "duration_seconds", "last_run_timestamp_seconds", "last_success_timestamp_seconds"}
    assert set(third) == {f"mlops_notebook_{name}" for name in names}
    assert (third["mlops_notebook_success"], third[last]) == (0, first[last])


def test_a_batch_tells_of_each_notebook_by_its_best_combination(project, terminal, gateway):
    (project / "mlops.toml").write_text(f'experiment = "churn"\n[pushgateway]\nurl = "{gateway}"\n')
    for name in ("a", "b"):
        write_notebook(project / f"{name}.ipynb", *LOGS, parameters="level = 0.0")
    done = terminal("run", "a.ipynb", "b.ipynb", "--sweep", "level=0.5,0.25", "--best", "accuracy:max", timeout=300)
    assert done.code == 0, done.err
    found = told(gateway)
    assert set(found) == {"a.ipynb", "b.ipynb"}
    assert {one["mlops_notebook_metric{accuracy}"] for one in found.values()} == {0.5}
    assert {one["mlops_notebook_success"] for one in found.values()} == {1}


def test_papermill_s_own_command_tells_too(project, clean_environment, gateway, monkeypatch):
    monkeypatch.setenv("MLOPS_JUPYTER_PUSHGATEWAY_URL", gateway)
    write_notebook(project / "train.ipynb", "raise ValueError('no data')")
    words = [str(Path(sys.executable).parent / "papermill"), "--engine", "mlops", "train.ipynb", "out.ipynb"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert told(gateway)["train.ipynb"]["mlops_notebook_success"] == 0


def test_a_gateway_that_is_away_is_a_note_and_a_wrong_address_is_said_before_anything_runs(project, terminal):
    write_notebook(project / "train.ipynb", "x = 1")
    done = terminal("run", "train.ipynb", "--push", f"http://127.0.0.1:{free_port()}", "--json")
    assert done.code == 0, done.err
    (note,) = [one for one in json.loads(done.out)["notes"] if "pushed" in one]
    assert note.startswith("its metrics were not pushed: Pushgateway at http://127.0.0.1:")
    done = terminal("run", "train.ipynb", "--push", "localhost:9091")
    assert done.code == 3
    assert "the address of pushgateway is none" in done.err
    assert len(list((project / ".mlops" / "executed").iterdir())) == 1
