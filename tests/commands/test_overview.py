"""What a page is told that asks every few seconds."""

from __future__ import annotations

from mlops_jupyter.commands.overview import overview
from tests.fakes.journals import journal, start


def test_a_run_is_open_until_its_body_has_ended(clean_environment, tmp_path):
    (tmp_path / "mlops.toml").touch()
    run = journal(tmp_path / ".mlops" / "journal", start(name="forest"))
    assert [one.name for one in overview(tmp_path).open_runs] == ["forest"]
    # Its journal is open still: there is a snapshot to be taken, and nothing is shipped.
    run.end("FINISHED")
    assert run.folder.owner_lives()
    assert overview(tmp_path).open_runs == ()
    run.close()
