"""Forked workers: they tell what a started one tells, and where none can be forked, one is started."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_jupyter.capabilities.forking import supported
from mlops_jupyter.faces.server import forks, jobs
from mlops_jupyter.faces.server.forks import Forks
from mlops_jupyter.faces.server.jobs import Jobs, Wanted
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = pytest.mark.skipif(not supported(), reason="needs Linux")

LOG = logging.getLogger("tests.forks")


@pytest.fixture
def running(project: Path) -> Iterator[Jobs]:
    found = Jobs(Forks(LOG))
    yield found
    found.forks.stop()


@pytest.fixture
def only_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(jobs, "_started", refuse)


def told(running: Jobs, wanted: Wanted) -> list[dict[str, Any]]:
    """Run a verb, and return what it told."""

    async def run() -> list[dict[str, Any]]:
        job = running.start(wanted, "")
        await asyncio.gather(*running._tasks)
        return [without_number(line) for line in job.told.after(0)]

    return asyncio.run(run())


def without_number(line: bytes) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(line)
    return {key: value for key, value in event.items() if key not in {"job", "n"}}


def base(running: Jobs) -> psutil.Process:
    server = running.forks._server
    assert server is not None
    state = server.state()
    assert state is not None
    return psutil.Process(state["pid"])


def test_a_forked_worker_tells_what_a_started_one_tells(running, project, monkeypatch):
    started_in = [Wanted("status", {}, False, project), Wanted("runs", {"limit": 0}, False, project)]
    with monkeypatch.context() as patch:
        patch.setattr(forks, "supported", lambda: False)
        started = [told(running, one) for one in started_in]
    monkeypatch.setattr(jobs, "_started", None)
    assert [told(running, one) for one in started_in] == started
    assert [lines[-1]["event"] for lines in started] == ["result", "error"]


def test_nothing_is_left_for_each_worker_to_import(running, project, only_forks):
    told(running, Wanted("status", {}, False, project))
    (family,) = running.forks._server.state()["families"]
    assert (family["ready"], family["refused"], family["left_out"]) == (True, None, {})


def test_one_process_serves_each_folder_with_its_own_variables(running, project, only_forks, monkeypatch):
    other = project.parent / "sales größe 50%"
    (other / ".mlops").mkdir(parents=True)
    (other / "mlops.toml").write_text('experiment = "sales"\n')
    for folder, experiment in ((project, "churn"), (other, "sales")):
        (line,) = told(running, Wanted("status", {}, False, folder, form="data"))
        (found,) = line["data"].values()
        assert (found["root"], found["experiment"]) == (str(folder), experiment)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named")
    (line,) = told(running, Wanted("status", {}, False, other, form="data"))
    (found,) = line["data"].values()
    assert found["experiment"] == "named"


def test_where_a_fork_would_be_another_thing_one_is_started(running, project, monkeypatch, caplog):
    told(running, Wanted("status", {}, False, project))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    caplog.set_level(logging.INFO, LOG.name)
    for _ in range(2):
        assert told(running, Wanted("status", {}, False, project))[-1]["event"] == "result"
    (record,) = caplog.records
    assert "verbs are started, not forked: OMP_NUM_THREADS is '1', and not set" in record.getMessage()


def test_a_warm_process_that_is_gone_is_replaced(running, project, only_forks):
    told(running, Wanted("status", {}, False, project))
    before = base(running)
    before.send_signal(signal.SIGKILL)
    assert told(running, Wanted("status", {}, False, project))[-1]["event"] == "result"
    assert base(running).pid != before.pid


def test_it_ends_when_nobody_calls_a_verb(running, project, only_forks, monkeypatch):
    monkeypatch.setattr(forks, "_IDLE_S", 0.3)
    told(running, Wanted("status", {}, False, project))
    server = running.forks._server
    # To ask it for its state would be use.
    wait_for(lambda: server._process.poll() is not None)
    assert not server.path.parent.exists()
    assert told(running, Wanted("status", {}, False, project))[-1]["event"] == "result"


def test_it_ends_what_runs_when_it_ends(running, project, only_forks, stored_runs):
    write_notebook(project / "slow.ipynb", "import time\nopen('begun', 'w').close()\ntime.sleep(600)")

    async def run() -> list[dict[str, Any]]:
        job = running.start(Wanted("run", {"notebooks": ["slow.ipynb"]}, False, project), "")
        await asyncio.to_thread(wait_for, (project / "begun").exists)
        await asyncio.to_thread(running.forks.stop)
        await asyncio.gather(*running._tasks)
        return [without_number(line) for line in job.told.after(0)]

    assert asyncio.run(run())[-1]["event"] in {"cancelled", "error"}
    assert [one.status for one in stored_runs()] == ["KILLED"]
