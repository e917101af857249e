"""Metrics as TensorBoard's own reader finds them in event files, and its pages behind a ticket."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import mlops_jupyter
from mlops_jupyter import registry
from mlops_jupyter.errors import MissingDependency
from tests.conftest import ship
from tests.fakes.waiting import wait_for

CELL = (
    "import mlops_jupyter\nfor step in range(5):\n    mlops_jupyter.log(loss=1 / (step + 1), acc=step / 4, step=step)"
)


def mirrored(root: Path) -> dict[str, Path]:
    """Return the folders of mirrored runs by the runs' names."""
    folder = root / ".mlops" / "tensorboard"
    return {one.name.rpartition("-")[0]: one for one in folder.iterdir()} if folder.is_dir() else {}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    read = EventAccumulator(str(folder)).Reload()
    return {tag: [(one.step, one.value) for one in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


@pytest.fixture
def state(project):
    """The server's state file; the server ends with the test."""
    file = project / ".mlops" / "ui" / "tensorboard.json"
    yield file
    if file.exists():
        os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)


def test_a_run_that_asks_for_it_is_in_event_files_and_in_mlflow(project, kernel, stored_runs):
    reply = kernel.run(f"%%mlops track fit/1 --tensorboard --no-autolog\n{CELL}")
    assert reply.status == "ok", reply.traceback
    kernel.run(f"%%mlops track other --no-autolog\n{CELL}")
    runs = {run.name: run for run in stored_runs()}
    assert runs["fit/1"].metrics == {"loss": 0.2, "acc": 1.0}
    assert list(mirrored(project)) == ["fit_1"]
    found = scalars(mirrored(project)["fit_1"])
    assert [step for step, _ in found["loss"]] == [0, 1, 2, 3, 4]
    assert [value for _, value in found["loss"]] == pytest.approx([1, 0.5, 1 / 3, 0.25, 0.2])
    assert [value for _, value in found["acc"]] == [0, 0.25, 0.5, 0.75, 1]


def test_a_project_may_ask_for_it_and_a_process_that_is_killed_loses_nothing(project):
    (project / "mlops.toml").write_text('experiment = "churn"\n[track]\ntensorboard = true\n')
    code = (
        "import os, mlops_jupyter\n"
        "with mlops_jupyter.track('killed', autolog=False):\n"
        "    for step in range(1000):\n        mlops_jupyter.log(loss=step, step=step)\n"
        "    os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == -9
    assert ship(project) == {}
    assert len(scalars(mirrored(project)["killed"])["loss"]) > 0
    # All steps are there, though a reader keeps a sample of so many.
    kept = EventAccumulator(str(mirrored(project)["killed"]), size_guidance={"scalars": 0}).Reload().Scalars("loss")
    assert [one.step for one in kept] == list(range(1000))
    with mlops_jupyter.track("not", tensorboard=False, autolog=False):
        mlops_jupyter.log(loss=1)
    assert ship(project) == {}
    assert list(mirrored(project)) == ["killed"]


def test_without_tensorboard_it_is_said_before_anything_runs(project, monkeypatch):
    def missing(kind: str, name: str) -> object:
        raise MissingDependency(f"the {kind} adapter {name}", "mlops-jupyter[tensorboard]")

    monkeypatch.setattr(registry, "load", missing)
    with pytest.raises(MissingDependency) as raised, mlops_jupyter.track("fit", tensorboard=True):
        pytest.fail("it ran")
    assert raised.value.hint == "pip install 'mlops-jupyter[tensorboard]'"


def test_the_pages_show_what_was_mirrored_behind_a_ticket(state, project, start_kernel, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ana/")
    kernel = start_kernel()
    assert kernel.run(f"%%mlops track fit --tensorboard --no-autolog\n{CELL}").status == "ok"
    reply = kernel.run("%mlops ui tensorboard")
    assert reply.status == "ok", reply.traceback
    (page,) = reply.records("webpage")
    server = json.loads(state.read_text())
    assert re.fullmatch(rf"/user/ana/proxy/{server['port']}/\?ticket=[\w.-]+", page["jupyter_url"])
    assert page["detail"].startswith("it shows .mlops/tensorboard, served by process ")
    assert server["secret"] not in str(reply.outputs)

    base = f"http://127.0.0.1:{server['port']}"
    refused = httpx.get(f"{base}/data/runs")
    assert refused.status_code == 403
    assert refused.text == "This page needs a fresh link. Run: %mlops ui tensorboard\n"
    with httpx.Client(follow_redirects=True) as browser:
        below = {"X-Forwarded-Context": f"/user/ana/proxy/{server['port']}"}
        first = httpx.get(page["url"], headers=below)
        assert (first.status_code, first.headers["location"]) == (303, "./")
        assert f"Path={below['X-Forwarded-Context']}" in first.headers["set-cookie"]
        assert httpx.get(page["url"]).status_code == 403
        link = mlops_jupyter.ui("tensorboard").url
        opened = browser.get(link)
        assert opened.status_code == 200
        assert "<title>TensorBoard" in opened.text
        # Nothing on the page is asked for from the server's root, which below Jupyter is another's.
        assert not re.findall(r'(?:src|href)="/', opened.text)
        # The shipper writes a moment later, and the pages look again by the second.
        (run,) = wait_for(lambda: browser.get(f"{base}/data/runs").json(), 60, "the run never came")
        assert re.fullmatch(r"fit-\w{8}", run)
        told = wait_for(
            lambda: browser.get(f"{base}/data/plugin/scalars/scalars", params={"run": run, "tag": "loss"}).json(), 60
        )
        assert [point[1] for point in told] == [0, 1, 2, 3, 4]
        assert browser.get(f"{base}/data/runs", headers={"Origin": "https://evil.example"}).status_code == 403
    assert json.loads(state.read_text()) == server
