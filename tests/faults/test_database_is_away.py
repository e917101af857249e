"""A database server that is away costs a training loop nothing: what is logged arrives when it is back."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
from mlflow import MlflowClient

from mlops_jupyter.capabilities.journal import RunFolders
from tests.fakes.servers import PostgresqlServer
from tests.fakes.training import expected, wait_for
from tests.fakes.waiting import ended
from tests.faults.conftest import points_in, uri_of


def test_a_database_that_is_down_from_the_beginning(  # noqa: PLR0917 -- fixtures
    project: Path, database: PostgresqlServer, start_training, shipper, ship, tell
) -> None:
    database.stop()
    training = start_training(database.address)
    # By plain MLflow too, whose own store would try to open the database for minutes.
    training.wait_for(100)
    folder = RunFolders(project / ".mlops" / "journal").of(training.run_id)
    wait_for(lambda: folder.shipped().local_position)
    local = points_in(uri_of(project), training.run_id)
    said = training.stop()
    assert (said["status"], "did not answer" in str(said["notes"])) == ("FINISHED", True)
    assert local <= expected(training.returned())

    process = psutil.Process(wait_for(shipper))
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: ended(process), limit_s=30)
    database.start()
    ship()

    stored = points_in(database.address, training.run_id)
    tell(training.returned(), stored.total())
    assert stored == expected(training.returned())
    assert MlflowClient(database.address).get_run(training.run_id).info.status == "FINISHED"


def test_a_database_that_goes_and_comes_back(database: PostgresqlServer, start_training, shipper, ship, tell) -> None:
    database.start()
    training = start_training(database.address)
    training.wait_for(50)
    wait_for(lambda: shipper() is not None)

    database.stop()
    training.wait_for(training.returned() + 200)
    database.start()
    training.wait_for(training.returned() + 50)
    said = training.stop()
    ship()

    stored = points_in(database.address, training.run_id)
    tell(training.returned(), stored.total())
    assert said["status"] == "FINISHED"
    assert stored == expected(training.returned())
    assert MlflowClient(database.address).get_run(training.run_id).info.status == "FINISHED"
