"""Faults between a training loop and MLflow: every point whose call has returned is in MLflow afterwards, once.

``MLOPS_TEST_OUTAGE_S`` makes the outage of the server shorter, for whoever works on these tests.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import Kernel, end_shipper
from tests.fakes.disks import small_disk
from tests.fakes.servers import MlflowServer
from tests.fakes.training import Training, expected, wait_for
from tests.faults.conftest import known_as, points_in, uri_of

OUTAGE_S = float(os.environ.get("MLOPS_TEST_OUTAGE_S", "20"))
ASLEEP_S = 3
SMALL_DISK = "3m"


def status_in(uri: str, run_id: str) -> str:
    return str(MlflowClient(uri).get_run(known_as(uri, run_id)).info.status)


# --- the process that logs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pace_s", [0.0, 0.01], ids=["flat out", "every 10 ms"])
@pytest.mark.parametrize("store", ["sqlite", "server"])
def test_sigkill_of_the_training_process(
    project: Path, up: MlflowServer, start_training, ship, tell, *, store: str, pace_s: float
) -> None:
    uri = uri_of(project) if store == "sqlite" else up.address
    training = start_training(None if store == "sqlite" else uri, pace_s=pace_s)
    training.wait_for(100 if pace_s else 5_000)

    training.process.send_signal(signal.SIGKILL)
    training.process.wait()
    ship()

    returned, stored = training.returned(), points_in(uri, training.run_id)
    tell(returned, stored.total())
    # The call that was under way may have kept its point before it could return.
    assert stored in (expected(returned), expected(returned + 1))
    assert wait_for(lambda: status_in(uri, training.run_id) == "KILLED")


def test_sigstop_of_the_training_process(
    project: Path, start_training, ship, tell, terminal: Callable[..., object]
) -> None:
    training = start_training()
    training.wait_for(100)

    training.process.send_signal(signal.SIGSTOP)
    time.sleep(ASLEEP_S)  # a laptop asleep; meanwhile another process looks, as its owner's other notebook would
    terminal("runs", cwd=project)
    asleep = status_in(uri_of(project), training.run_id)
    training.process.send_signal(signal.SIGCONT)
    training.wait_for(training.returned() + 100)
    said = training.stop()
    ship()

    stored = points_in(uri_of(project), training.run_id)
    tell(training.returned(), stored.total())
    assert (asleep, said["status"], said["notes"]) == ("RUNNING", "FINISHED", [])
    assert stored == expected(training.returned())
    assert status_in(uri_of(project), training.run_id) == "FINISHED"


def test_sigkill_of_the_shipper(up: MlflowServer, start_training, shipper, ship, tell) -> None:
    training = start_training(up.address, pace_s=0.0, most=20_000)
    training.wait_for(20_000)
    wait_for(lambda: points_in(up.address, training.run_id).total() > 0)

    os.kill(wait_for(shipper), signal.SIGKILL)
    said = training.stop()
    ship()

    stored = points_in(up.address, training.run_id)
    tell(20_000, stored.total())
    assert said["status"] == "FINISHED"
    assert stored == expected(20_000)
    assert status_in(up.address, training.run_id) == "FINISHED"


def test_sigkill_of_the_training_process_and_the_shipper(up: MlflowServer, start_training, shipper, ship, tell) -> None:
    training = start_training(up.address, pace_s=0.0)
    training.wait_for(5_000)

    training.process.send_signal(signal.SIGKILL)
    training.process.wait()
    if (pid := shipper()) is not None:
        os.kill(pid, signal.SIGKILL)
    ship()

    returned, stored = training.returned(), points_in(up.address, training.run_id)
    tell(returned, stored.total())
    assert stored in (expected(returned), expected(returned + 1))
    assert status_in(up.address, training.run_id) == "KILLED"


# --- the server ----------------------------------------------------------------------------------------------


def test_a_server_that_is_down_for_a_while(up: MlflowServer, start_training, ship, tell) -> None:
    training = start_training(up.address)
    training.wait_for(100)

    up.stop()
    before = training.returned()
    time.sleep(OUTAGE_S)
    during = training.returned() - before
    up.start()
    training.wait_for(training.returned() + 100)
    said = training.stop()
    ship()

    stored = points_in(up.address, training.run_id)
    tell(training.returned(), stored.total())
    assert said["status"] == "FINISHED"
    assert stored == expected(training.returned())
    assert status_in(up.address, training.run_id) == "FINISHED"
    # The loop asks for 100 points a second, and a busy machine may give it less; one that waits gets none at all.
    assert during > 25 * OUTAGE_S


def test_a_server_that_is_down_to_the_end(project: Path, up: MlflowServer, start_training, terminal, tell) -> None:
    training = start_training(up.address)
    training.wait_for(100)

    up.stop()
    training.wait_for(training.returned() + 200)
    said = training.stop()
    up.start()
    shipped = terminal("doctor", "--ship", cwd=project, MLFLOW_TRACKING_URI=up.address)
    assert shipped.code in {0, 1}, shipped.err  # 1: something else on this machine could be better

    stored = points_in(up.address, training.run_id)
    tell(training.returned(), stored.total())
    assert said["status"] == "FINISHED"
    assert stored == expected(training.returned())
    assert status_in(up.address, training.run_id) == "FINISHED"


def test_a_server_that_is_down_from_the_beginning(up: MlflowServer, start_training, ship, tell) -> None:
    up.stop()
    training = start_training(up.address)
    training.wait_for(100)
    said = training.stop()
    up.start()
    ship()

    client = MlflowClient(up.address)
    found = [
        run
        for run in client.search_runs([one.experiment_id for one in client.search_experiments()])
        if training.run_id in {run.info.run_id, *run.data.tags.values()}
    ]
    assert len(found) == 1
    stored = points_in(up.address, found[0].info.run_id)
    tell(training.returned(), stored.total())
    assert (said["status"], found[0].info.status) == ("FINISHED", "FINISHED")
    assert stored == expected(training.returned())


# --- the disk ------------------------------------------------------------------------------------------------


@pytest.fixture(name="small_disk")
def project_on_a_small_disk(project: Path) -> Iterator[Path]:
    """A project on a disk of a few megabytes."""
    with small_disk(project.parent / "small", SMALL_DISK) as root:
        shutil.copy(project / "mlops.toml", root)
        try:
            yield root
        finally:
            end_shipper(root)


def dropped(notes: list[str]) -> int:
    """Return how many points the run's notes own up to."""
    found = [re.search(r"([\d,]+)[^.]*dropped", note) for note in notes]
    return sum(int(match.group(1).replace(",", "")) for match in found if match)


def test_a_disk_that_is_full(small_disk: Path, up: MlflowServer, start_training, ship, tell) -> None:
    training: Training = start_training(up.address, directory=small_disk, pace_s=0.0, most=200_000)
    # Nothing leaves the disk while the server is down, and 200,000 points need twice of what there is.
    up.stop()
    training.wait_for(200_000)
    said = training.stop()
    up.start()
    ship(small_disk)

    stored = points_in(up.address, training.run_id)
    told = dropped(said["notes"])
    tell(200_000 - told, stored.total())
    assert said["status"] == "FINISHED"
    assert told > 0
    assert stored.total() == 200_000 - told
    assert stored <= expected(200_000)
    assert any("disk" in warning or "space" in warning for warning in said["warnings"])
    assert status_in(up.address, training.run_id) == "FINISHED"


# --- two kernels ---------------------------------------------------------------------------------------------


def test_two_kernels_on_one_sqlite(project: Path, start_kernel: Callable[..., Kernel], ship, tell) -> None:
    kernels = {"first": start_kernel(), "second": start_kernel()}
    for number, (name, kernel) in enumerate(kernels.items()):
        kernel.client.execute(
            f"%%mlops track {name} --no-autolog\n"
            "import mlflow, mlops_jupyter\n"
            f"for step in range({number}, 2000, 2):\n"
            "    mlops_jupyter.log(loss=step * 0.5, step=step)\n"
            "    mlflow.log_metric('plain', step * 0.5, step=step)\n"
        )
    for kernel in kernels.values():
        assert kernel.client.get_shell_msg(timeout=120)["content"]["status"] == "ok"
    ship()

    client = MlflowClient(uri_of(project))
    runs = {
        run.info.run_name: run for run in client.search_runs([client.get_experiment_by_name("churn").experiment_id])
    }
    assert set(runs) == set(kernels)
    for number, name in enumerate(kernels):
        assert runs[name].info.status == "FINISHED"
        for key in ("loss", "plain"):
            wanted = {(key, step, step * 0.5): 1 for step in range(number, 2000, 2)}
            stored = points_in(uri_of(project), runs[name].info.run_id, key)
            tell(1000, stored.total())
            assert stored == wanted
