"""What a store is spoken to with may come after the runs: who brings it is followed, and it is told to nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlops_jupyter.capabilities.journal import Journals
from tests.fakes.gate import gate
from tests.fakes.servers import MlflowServer
from tests.fakes.training import wait_for

TOKEN = "come-in-and-welcome"


@pytest.mark.parametrize("variable", ["MLFLOW_TRACKING_TOKEN", "AWS_SESSION_TOKEN"], ids=["at once", "anew"])
def test_a_token_that_is_brought_by_ship_gets_through(
    project: Path, up: MlflowServer, start_training, shipper, terminal: Callable[..., object], *, variable: str
) -> None:
    journal = project / ".mlops" / "journal"
    with gate(up.address, TOKEN) as address:
        training = start_training(address)
        training.wait_for(20)
        training.stop()
        waiting = Journals(journal, address, lambda: None).waiting
        wait_for(lambda: "who are you?" in str(waiting().values()))
        before = shipper()
        brought = {"MLFLOW_TRACKING_TOKEN": TOKEN, variable: TOKEN}
        said = terminal("doctor", "--ship", cwd=project, MLFLOW_TRACKING_URI=address, **brought)
        assert said.code in {0, 1}, said.err
        assert "all runs are in the store" in said.out + said.err
        assert waiting() == {}
        if variable != "MLFLOW_TRACKING_TOKEN":
            # A cloud's client keeps what it has read: the process has begun anew, under its number.
            assert shipper() == before

    client = MlflowClient(up.address)
    (stored,) = client.search_runs(
        [one.experiment_id for one in client.search_experiments()], f"tags.`mlops.local_id` = '{training.run_id}'"
    )
    assert stored.info.status == "FINISHED"
    (left,) = (journal / "stores").iterdir()
    assert TOKEN in left.read_text()
    assert (left.stat().st_mode & 0o777, left.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert TOKEN not in (journal / "shipper.log").read_text()
    assert TOKEN not in said.out + said.err
