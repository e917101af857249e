"""A run's status says how its body ended, whatever ended it, and no second run appears beside it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tests.conftest import Kernel
from tests.fakes.training import wait_for
from tests.faults.conftest import uri_of

_ENDLESS = "import time\nprint('started', flush=True)\nwhile True:\n    time.sleep(0.02)"


def runs_of(project: Path) -> list[Run]:
    client = MlflowClient(uri_of(project))
    return list(client.search_runs([found.experiment_id for found in client.search_experiments()]))


def begin(kernel: Kernel, cell: str) -> None:
    """Run a cell that does not end, until it has printed that it started."""
    kernel.client.execute(cell)
    while "started" not in str(kernel.client.get_iopub_msg(timeout=60)["content"].get("text", "")):
        pass


def shut_down(kernel: Kernel) -> None:
    kernel.manager.shutdown_kernel(now=False)


def restart(kernel: Kernel) -> None:
    kernel.manager.restart_kernel(now=False)


def kill(kernel: Kernel) -> None:
    kernel.manager.provisioner.process.send_signal(signal.SIGKILL)
    kernel.manager.provisioner.process.wait()


ENDS = {"shutdown": shut_down, "restart": restart, "SIGKILL": kill}


def only_status(project: Path) -> str:
    """Return the status of the project's run once it has one; a second run is no run's status."""
    found = [str(run.info.status) for run in runs_of(project)]
    return found[0] if len(found) == 1 else f"{len(found)} runs"


@pytest.mark.parametrize("how", ENDS)
def test_a_tracked_cell_whose_kernel_ends_is_killed(project: Path, kernel: Kernel, how: str) -> None:
    begin(kernel, f"%%mlops track\n{_ENDLESS}")
    ENDS[how](kernel)
    assert wait_for(lambda: only_status(project) == "KILLED")


@pytest.mark.parametrize("how", ENDS)
def test_a_run_opened_by_hand_whose_kernel_ends_is_killed(project: Path, kernel: Kernel, how: str) -> None:
    kernel.run("%mlops status")  # plain MLflow code finds the project's store from here on
    begin(kernel, f"import mlflow\nrun = mlflow.start_run()\nmlflow.log_metric('loss', 1)\n{_ENDLESS}")
    ENDS[how](kernel)
    assert wait_for(lambda: only_status(project) == "KILLED")


def test_a_killed_kernels_run_is_killed_for_whoever_looks_next(
    project: Path, start_kernel: Callable[..., Kernel], shipper
) -> None:
    kernel, other = start_kernel(), start_kernel()
    begin(kernel, f"%%mlops track\n{_ENDLESS}")
    kill(kernel)
    if (pid := shipper()) is not None:
        os.kill(pid, signal.SIGKILL)
    other.run("%%mlops track next\n1")
    statuses = wait_for(
        lambda: (found := sorted(run.info.status for run in runs_of(project))) == ["FINISHED", "KILLED"] and found
    )
    assert statuses == ["FINISHED", "KILLED"]


@pytest.mark.parametrize(
    ("last", "status"),
    [
        ("1", "FINISHED"),
        ("1 / 0", "FAILED"),
        ("import sys; sys.exit()", "FINISHED"),
        ("import sys; sys.exit(0)", "FINISHED"),
        ("import sys; sys.exit(3)", "FAILED"),
        ("raise KeyboardInterrupt", "KILLED"),
    ],
)
def test_what_ends_the_body_is_the_status(project: Path, kernel: Kernel, last: str, status: str) -> None:
    kernel.run(f"%%mlops track\nimport mlops_jupyter\nmlops_jupyter.log(loss=1)\n{last}")
    assert wait_for(lambda: only_status(project) == status)
    assert runs_of(project)[0].data.metrics == {"loss": 1.0}


def test_an_interrupt_is_killed(project: Path, kernel: Kernel) -> None:
    kernel.run(f"%%mlops track\n{_ENDLESS}", interrupt_when="started")
    assert wait_for(lambda: only_status(project) == "KILLED")


# A user's interrupt that comes while something of ours works, which goes on with it.
_INTERRUPTED = """
import os, pkgutil, signal
where, _, name = "{working}".replace(":", ".").rpartition(".")
owner = pkgutil.resolve_name("mlops_jupyter." + where)
real = getattr(owner, name)
def interrupted(*args, **kwargs):
    setattr(owner, name, real)
    for _ in range({times}):
        os.kill(os.getpid(), signal.SIGINT)
    return real(*args, **kwargs)
setattr(owner, name, interrupted)
"""


# What works when it comes: at the body's start its journal is there; at its end nothing is told yet.
_WORKING = {
    "faces.magic:_kernel": "KILLED",
    "capabilities.child_runs:begun": "KILLED",
    "capabilities.tracking:close_when_the_process_ends": "KILLED",
    "faces.kernel:CapturedOutput": "KILLED",
    "capabilities.honesty:examine": "FINISHED",
    "capabilities.tracking:OpenRun._write_end": "FINISHED",
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("working", _WORKING)
def test_an_interrupt_at_a_bodys_very_start_or_end_leaves_no_open_run(
    project: Path, kernel: Kernel, working: str, times: int
) -> None:
    status = _WORKING[working]
    kernel.run("%%mlops track\npass")
    kernel.run(_INTERRUPTED.format(working=working, times=times))
    reply = kernel.run("%%mlops track second\nprint('the body')")
    if times == 1:
        (record,) = reply.records("run")
        assert record["status"] == status
        assert len(reply.traceback) == (status == "KILLED")
    assert (reply.ename, reply.stdout) == (("KeyboardInterrupt", "") if status == "KILLED" else ("", "the body\n"))
    # What is logged next is not logged to it.
    kernel.run("%%mlops track third\nimport mlops_jupyter\nmlops_jupyter.log(loss=1)")
    assert wait_for(lambda: "third" in {run.info.run_name for run in runs_of(project)})
    assert wait_for(lambda: all(run.info.status != "RUNNING" for run in runs_of(project)))
    logged = {run.info.run_name: run.data.metrics for run in runs_of(project)}
    assert logged["third"] == {"loss": 1.0}
    # Twice in the first moment of all, and there is none.
    assert logged.get("second", {}) == {}
    assert times == 2 or "second" in logged


LOGGED_BY = {
    "mlops_jupyter.log": "lambda n: mlops_jupyter.log(score=n, step=n)",
    "mlflow.log_metric": "lambda n: mlflow.log_metric('score', n, step=n)",
}
WORKERS = {
    "a thread": "for n in range(20):\n    one = threading.Thread(target=work, args=(n,)); one.start(); one.join()",
    "a pool of threads": "with ThreadPoolExecutor(4) as pool: list(pool.map(work, range(20)))",
    "a pool of threads from before": "list(earlier.map(work, range(20)))",
    "a pool of processes": (
        "with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool:\n"
        "    list(pool.map(work, range(20)))"
    ),
}


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("how", LOGGED_BY)
def test_what_workers_log_reaches_the_cells_run(project: Path, kernel: Kernel, ship, how: str, workers: str) -> None:
    kernel.run(
        "import mlflow, mlops_jupyter, multiprocessing, threading\n"
        "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
        "earlier = ThreadPoolExecutor(2)\n"
        "list(earlier.map(abs, range(4)))\n"
        # A lambda does not travel to another process, a function of the notebook does.
        f"logs = {LOGGED_BY[how]}\n"
        "def work(n): logs(n)\n"
    )
    reply = kernel.run(f"%%mlops track cell --no-autolog\n{WORKERS[workers]}", timeout=120)
    ship()

    assert reply.status == "ok", reply.traceback
    (run,) = runs_of(project)
    assert (run.info.run_name, run.info.status) == ("cell", "FINISHED")
    history = MlflowClient(uri_of(project)).get_metric_history(run.info.run_id, "score")
    assert sorted((point.step, point.value) for point in history) == [(n, float(n)) for n in range(20)]
