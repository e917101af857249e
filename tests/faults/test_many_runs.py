"""A shipper has enough of what the system gives it, however many runs a day brings."""

from __future__ import annotations

import resource
import subprocess
import time
from pathlib import Path

from mlflow import MlflowClient

from mlops_jupyter.commands.project import shipper_command
from tests.conftest import ship
from tests.fakes.journals import closed, start
from tests.fakes.servers import MlflowServer

# MLflow and its connections take some twenty.
FILES, RUNS = 48, 60


def test_more_runs_than_the_shipper_may_open_files(project: Path, up: MlflowServer, as_a_user_starts_it: None) -> None:
    folder = project / ".mlops" / "journal"
    now = time.time_ns() // 1_000_000
    begun = [start(up.address, experiment="many", started_ms=now) for _ in range(RUNS)]
    for one in begun:
        closed(folder, one, lambda run: run.log({"loss": 0.5}, 0))
    with (folder / "shipper.log").open("ab") as log:
        shipper = subprocess.Popen(shipper_command(project), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        resource.prlimit(shipper.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        left = ship(project, 120)
        said = (folder / "shipper.log").read_text()
    finally:
        shipper.kill()
        shipper.wait()

    client = MlflowClient(up.address)
    stored = client.search_runs([client.get_experiment_by_name("many").experiment_id])
    assert (left, said) == ({}, "")
    assert {run.data.tags["mlops.local_id"] for run in stored} == {one.run_id for one in begun}
    assert {(run.info.status, run.data.metrics["loss"]) for run in stored} == {("FINISHED", 0.5)}
