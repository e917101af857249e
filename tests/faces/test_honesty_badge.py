"""The honesty badge of a tracked cell, in a real kernel: ids as JupyterLab sends them, the notebook on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking
from mlops_jupyter.faces import render
from mlops_jupyter.records import Run
from tests.conftest import Kernel, Reply

TRACKED = "%%mlops track one --no-autolog\nscore = data * factor"
CELLS = {"load": "data = 3", "set": "factor = 2", "train": TRACKED}


@pytest.fixture
def notebook(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = project / "train.ipynb"
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(path))
    save(path, CELLS)
    return path


def save(path: Path, cells: dict[str, str], *, before: bool = False) -> None:
    """Save the notebook, now or before anything has run."""
    written = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text, id=one) for one, text in cells.items()])
    path.write_text(nbformat.writes(written))
    if before:
        os.utime(path, (1_000_000_000, 1_000_000_000))


def run_all(kernel: Kernel, *idents: str, cells: dict[str, str] = CELLS) -> Reply:
    replies = [kernel.run(cells[ident], cell_id=ident) for ident in idents]
    assert [one.status for one in replies] == ["ok"] * len(idents)
    return replies[-1]


def tags(reply: Reply) -> dict[str, str]:
    (run,) = reply.records("run")
    return {name: text for name, text in run["tags"].items() if name.startswith("mlops.honesty")}


def card(reply: Reply, kind: str) -> str:
    return "".join("".join(one.get(kind, "")) for one in reply.displayed)


def test_run_from_the_top_is_clean_on_the_card_and_in_the_store(notebook, kernel, project, stored_runs):
    reply = run_all(kernel, "load", "set", "train")
    assert tags(reply) == {"mlops.honesty": "clean"}
    assert "honesty: clean" in card(reply, "text/plain")
    assert ">clean</span>" in card(reply, "text/html")
    (run,) = stored_runs()
    assert run.tags["mlops.honesty"] == "clean"
    kept = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db").read_text(run.run_id, "mlops/honesty.json")
    assert json.loads(kept or "") == {
        "verdict": "clean", "findings": [], "depends_on": [2, 3], "notes": [],
    }  # fmt: skip


def test_out_of_order(notebook, kernel):
    save(notebook, {"set": CELLS["set"], "train": TRACKED, "load": CELLS["load"]})
    reply = run_all(kernel, "load", "set", "train")
    assert tags(reply) == {
        "mlops.honesty": "out-of-order",
        "mlops.honesty.names": "data",
        "mlops.honesty.says": "`data` comes from cell [2], which stands below this cell that uses it",
    }


def test_edited_after_it_ran_is_read_from_the_file_saved_since(notebook, kernel, stored_runs):
    run_all(kernel, "load", "set")
    save(notebook, CELLS | {"set": "factor = 20"})
    reply = run_all(kernel, "train")
    says = "`factor` comes from cell [3], which was edited after it ran"
    assert (tags(reply)["mlops.honesty"], tags(reply)["mlops.honesty.says"]) == ("edited", says)
    assert says in card(reply, "text/plain")
    assert "<code>factor</code> comes from cell [3]" in card(reply, "text/html")
    # A run that is read again shows the same.
    (run,) = stored_runs()
    assert says in render.text(run)


def test_a_file_that_is_merely_older_is_no_edit(notebook, kernel):
    save(notebook, CELLS | {"set": "factor = 20"}, before=True)
    reply = run_all(kernel, "load", "set", "train")
    assert tags(reply)["mlops.honesty"] == "unsaved"
    assert "differs from the saved notebook" in tags(reply)["mlops.honesty.says"]


def test_deleted_since_it_ran(notebook, kernel):
    run_all(kernel, "load", "set")
    save(notebook, {"load": CELLS["load"], "train": TRACKED})
    assert tags(run_all(kernel, "train"))["mlops.honesty"] == "deleted"


def test_a_name_from_outside_of_the_notebook(notebook, kernel):
    run_all(kernel, "load")
    kernel.client.execute("factor = 5", store_history=False, silent=True)
    reply = run_all(kernel, "train")
    assert tags(reply)["mlops.honesty"] == "outside"
    assert "`factor` is used by this cell, and no cell defines it" in card(reply, "text/plain")


def test_cells_that_ran_before_the_extension_was_loaded_count(notebook, start_kernel):
    kernel = start_kernel(load=False)
    run_all(kernel, "load", "set")
    kernel.run("%load_ext mlops_jupyter")
    assert tags(run_all(kernel, "train")) == {"mlops.honesty": "clean"}


def test_what_a_front_end_tells_needs_no_saving(notebook, kernel):
    run_all(kernel, "load", "set")
    told: dict[str, Any] = json.loads(notebook.read_text())
    told["cells"][1]["source"] = "factor = 20"
    data = {"path": "churn/train.ipynb", "content": json.dumps(told)}
    content = {"comm_id": "c1", "target_name": "mlops-jupyter:document", "data": data}
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_open", content))
    assert tags(run_all(kernel, "train"))["mlops.honesty"] == "edited"


def test_a_cell_that_fails_and_one_that_is_no_notebook_s_are_judged_too(project, kernel):
    reply = kernel.run("%%mlops track one\nq = 1\n1/0", cell_id="x")
    assert tags(reply) == {"mlops.honesty": "clean"}


def test_headless_cells_without_ids_are_known_by_their_text(project, terminal, stored_runs: Callable[[], list[Run]]):
    path = project / "train.ipynb"
    save(path, {"ext": "%load_ext mlops_jupyter"} | CELLS)
    assert terminal("run", str(path)).code == 0
    (run,) = [one for one in stored_runs() if one.name == "one"]
    assert {name: text for name, text in run.tags.items() if "honesty" in name} == {"mlops.honesty": "clean"}
    kept = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db").read_text(run.run_id, "mlops/honesty.json")
    assert json.loads(kept or "")["notes"] == []


def test_what_could_not_be_checked_is_on_the_card(notebook, kernel):
    kernel.run("from operator import *", cell_id="load")
    reply = kernel.run("%%mlops track one\nadd(1, 2)", cell_id="train")
    assert tags(reply)["mlops.honesty"] == "unchecked"
    assert "`add` may come from" in card(reply, "text/plain")
    assert ">unchecked</span>" in card(reply, "text/html")
    assert "<code>add</code> may come from" in card(reply, "text/html")
