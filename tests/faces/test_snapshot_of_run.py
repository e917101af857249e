"""A run's notebook is kept as it was when its cell ran, and the cell waits for nothing."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking
from mlops_jupyter.faces.magic import DOCUMENTS
from mlops_jupyter.records import Run
from tests.conftest import Kernel, ship
from tests.fakes.repositories import git
from tests.fakes.waiting import wait_for

CELL = "%%mlops track one\nx = 1"


def document(*cells: tuple[str, str], saved_output: bool = True) -> str:
    notebook = nbformat.v4.new_notebook()
    for ident, source in cells:
        cell = nbformat.v4.new_code_cell(source, id=ident)
        if saved_output:
            cell.outputs = [nbformat.v4.new_output("stream", text="an output")]
        notebook.cells.append(cell)
    return str(nbformat.writes(notebook))


@pytest.fixture
def notebook(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = project / "train.ipynb"
    path.write_text(document(("before", "y = 2"), ("tracked", CELL)))
    monkeypatch.setenv("MLOPS_JUPYTER_NOTEBOOK", str(path))
    return path


@pytest.fixture
def kept(project: Path, stored_runs: Callable[[], list[Run]]) -> Callable[[], tuple[Run, dict[str, Any] | None]]:
    """Return the one run and what it keeps of its notebook."""

    def read() -> tuple[Run, dict[str, Any] | None]:
        (run,) = stored_runs()
        store = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db")
        text = store.read_text(run.run_id, "mlops/notebook.ipynb")
        return run, None if text is None else json.loads(text)

    return read


def sources(notebook: dict[str, Any] | None) -> dict[str, str]:
    assert notebook is not None
    assert not any(cell["outputs"] for cell in notebook["cells"])
    return {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}


def test_outside_git_the_run_itself_holds_the_notebook(notebook, kernel, kept):
    assert kernel.run(CELL, cell_id="tracked").status == "ok"
    run, told = kept()
    assert sources(told) == {"before": "y = 2", "tracked": CELL}
    assert (run.tags["mlops.snapshot"], run.tags["mlops.snapshot_from"]) == ("artifact", "disk")


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("owner", "another user owns the repository"),
        ("filter", "git cannot take the files"),
        ("no git", "git is not installed"),
    ],
)
def test_where_git_fails_the_run_itself_holds_the_notebook(notebook, kernel, kept, broken, said):
    project = notebook.parent
    git(project, "init", "-q")
    git(project, "add", ".")
    if broken == "owner":
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder to another user: run the tests as root")
        for one in (project, project / ".git"):
            os.chown(one, 12345, 12345)
    elif broken == "filter":
        (project / ".gitattributes").write_text("*.py filter=broken\n")
        (project / "model.py").write_text("one = 1\n")
        git(project, "add", ".")
        git(project, "config", "filter.broken.clean", "false")
        git(project, "config", "filter.broken.required", "true")
        (project / "model.py").write_text("two = 2\n")
    else:
        kernel.run(f"import os\nos.environ['PATH'] = {str(project / 'nowhere')!r}")
    body = "[one.join() for one in __import__('threading').enumerate() if one.name == 'mlops-snapshot']"
    reply = kernel.run(f"{CELL}\n{body}", cell_id="tracked")
    (note,) = (one for one in reply.records("run")[0]["notes"] if "in no commit" in one)
    assert said in note
    run, told = kept()
    assert sources(told)["tracked"].startswith(CELL)
    assert run.tags["mlops.snapshot"] == "artifact"


def test_the_card_says_what_was_kept_and_from_where(notebook, kernel):
    # A body that lasts as long as the snapshot takes.
    body = "import threading\n[one.join() for one in threading.enumerate() if one.name == 'mlops-snapshot']"
    reply = kernel.run(f"%%mlops track one\n{body}", cell_id="tracked")
    assert "notebook kept with the run, from disk, maybe unsaved" in reply.displayed[-1]["text/plain"]
    assert "from disk, maybe unsaved" in reply.displayed[-1]["text/html"]


def test_the_notebook_comes_as_a_page_too(notebook, project, kernel, kept):
    assert kernel.run(CELL, cell_id="tracked").status == "ok"
    run, _ = kept()
    store = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db")
    wait_for(lambda: store.read_text(run.run_id, "mlops/notebook.html"))
    page = store.read_text(run.run_id, "mlops/notebook.html") or ""
    # The highlighter takes the line apart.
    assert "mlops" in page
    assert "an output" not in page


def test_a_cell_that_is_not_saved_is_kept_as_it_ran(notebook, kernel, kept):
    reply = kernel.run(CELL.replace("1", "3"), cell_id="tracked")
    assert "edits that are not saved" in str(reply.records("run")[0]["notes"])
    assert sources(kept()[1])["tracked"] == CELL.replace("1", "3")
    assert json.loads(notebook.read_text())["cells"][1]["source"] == CELL.splitlines(keepends=True)


def test_a_cell_that_the_file_does_not_have_is_told(notebook, kernel, kept):
    reply = kernel.run(CELL, cell_id="quite-new")
    assert "has no cell like this one on disk" in str(reply.records("run")[0]["notes"])
    assert sources(kept()[1]) == {"before": "y = 2", "tracked": CELL}


def open_comm(kernel: Kernel, path: str, content: str, ident: str = "c1") -> str:
    message = kernel.client.session.msg(
        "comm_open", {"comm_id": ident, "target_name": DOCUMENTS, "data": {"path": path, "content": content}}
    )
    kernel.client.shell_channel.send(message)
    return ident


def test_what_the_front_end_tells_wins_over_the_disk(notebook, kernel, kept):
    open_comm(kernel, "churn/train.ipynb", document(("before", "y = 'not saved'"), ("tracked", CELL)))
    reply = kernel.run(CELL, cell_id="tracked")
    assert reply.records("run")[0]["notes"] == []
    run, told = kept()
    assert sources(told)["before"] == "y = 'not saved'"
    assert run.tags["mlops.snapshot_from"] == "live"


def test_a_document_that_changes_and_one_that_is_closed(notebook, kernel, kept):
    ident = open_comm(kernel, "churn/train.ipynb", document(("before", "1"), ("tracked", CELL)))
    for kind, data in (
        ("comm_msg", {"path": "churn/train.ipynb", "content": document(("before", "2"), ("tracked", CELL))}),
        ("comm_msg", {"something": "else"}),
    ):
        kernel.client.shell_channel.send(kernel.client.session.msg(kind, {"comm_id": ident, "data": data}))
    assert kernel.run(CELL, cell_id="tracked").status == "ok"
    assert sources(kept()[1])["before"] == "2"
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_close", {"comm_id": ident, "data": {}}))
    assert kernel.run(CELL, cell_id="tracked").records("run")[0]["tags"]["mlops.snapshot_from"] == "disk"


def test_of_two_pages_the_one_that_runs_the_cell_is_meant(notebook, kernel, kept):
    first = open_comm(kernel, "churn/train.ipynb", document(("before", "'first'"), ("tracked", CELL)))
    open_comm(kernel, "churn/train.ipynb", document(("before", "'second'"), ("tracked", CELL)), "c2")
    # The first page has not changed since it told of itself.
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_msg", {"comm_id": first, "data": {}}))
    assert kernel.run(CELL, cell_id="tracked").status == "ok"
    assert sources(kept()[1])["before"] == "'first'"


def test_a_notebook_whose_file_is_gone_is_kept_from_the_screen(notebook, kernel, terminal):
    open_comm(kernel, "churn/train.ipynb", document(("before", "'all that is left'")))
    notebook.unlink()
    reply = kernel.run("%load_ext mlops_jupyter\n%mlops snapshot")
    assert reply.status == "ok"
    (kept,) = reply.records("snapshot")
    assert kept["origin"] == "live"
    notebook.write_text(document(("before", "'another'")))
    assert "all that is left" in terminal("diff", kept["ref"], "train.ipynb").out


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"{", "not valid JSON"), (b'{"nbformat": 3, "worksheets": []}', "format 3")],
)
def test_a_notebook_that_cannot_be_read_does_not_end_the_cell(notebook, kernel, kept, content, said):
    if content is None:
        notebook.unlink()
    else:
        notebook.write_bytes(content)
    reply = kernel.run(CELL, cell_id="tracked")
    assert reply.status == "ok"
    assert said in str(reply.records("run")[0]["notes"])
    run, told = kept()
    assert (run.status, told) == ("FINISHED", None)
    assert "mlops.snapshot" not in run.tags


def test_a_project_can_do_without(notebook, project, kernel, kept):
    (project / "mlops.toml").write_text('experiment = "churn"\n[snapshots]\nof_runs = false\n')
    assert kernel.run(CELL, cell_id="tracked").records("run")[0]["notes"] == []
    run, told = kept()
    assert told is None
    assert "mlops.snapshot" not in run.tags


def test_runs_of_a_loop_share_one(notebook, kernel, project, stored_runs):
    body = "import mlops_jupyter\nfor _ in range(3):\n    with mlops_jupyter.track():\n        pass"
    assert kernel.run(body, cell_id="loop").status == "ok"
    runs = stored_runs()
    store = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db")
    assert len(runs) == 3
    assert len({store.read_text(run.run_id, "mlops/notebook.ipynb") for run in runs}) == 1


def test_a_headless_notebook_keeps_what_was_run(notebook, project, terminal):
    notebook.write_text(document(("only", "print(1)"), saved_output=True))
    assert terminal("run", "train.ipynb", cwd=project).code == 0
    assert ship(project) == {}
    store = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db")
    (run,) = store.find_runs(None, "", "attributes.start_time ASC", 10)
    assert sources(json.loads(store.read_text(run.run_id, "mlops/notebook.ipynb") or "")) == {"only": "print(1)"}
    assert run.tags["mlops.snapshot_from"] == "disk"
