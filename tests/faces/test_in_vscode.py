"""What a kernel of VS Code's is told otherwise than one of Jupyter's; its real cell names and its variable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking
from mlops_jupyter.records import Run
from tests.conftest import Kernel, Reply

CELL = "%%mlops track fit\nimport mlops_jupyter\nmlops_jupyter.log(loss=0.5)"
SLOW = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import time\ntime.sleep(0.3)") for _ in range(9)])
# As VS Code 1.139 says it of the third cell that it has met.
NAME = "vscode-notebook-cell://127.0.0.1:8899/home/ana/churn/train.ipynb#W2sdnNjb2RlLXJlbW90ZQ%3D%3D"


@pytest.fixture
def notebook(project: Path, kernel: Kernel) -> Path:
    """The notebook that the kernel believes to be open in VS Code."""
    cells = [
        nbformat.v4.new_markdown_cell("Half the trees.", id="why"),
        nbformat.v4.new_code_cell(CELL, id="5f0a-fit"),
        nbformat.v4.new_code_cell("y = 1", id="9b1c-y"),
    ]
    path = project / "train.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert kernel.run(f"__vsc_ipynb_file__ = {str(path)!r}").status == "ok"
    return path


def shown(reply: Reply) -> list[str]:
    return [one["msg_type"] for one in reply.outputs if one["msg_type"].endswith("display_data")]


def test_the_run_has_the_notebook_s_own_id_of_its_cell(notebook, kernel, project, stored_runs: Callable[[], list[Run]]):
    reply = kernel.run(CELL, cell_id=NAME)
    (record,) = reply.records("run")
    assert not [note for note in record["notes"] if "no cell like this" in note]
    (run,) = stored_runs()
    assert run.tags["mlops.cell_id"] == "5f0a-fit"
    assert run.tags["mlflow.note.content"] == "Half the trees."
    assert run.tags["mlops.honesty"] == "clean"
    cells = MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db").read_text(run.run_id, "mlops/cells.json")
    assert "vscode-notebook-cell" not in str(cells)
    assert json.loads(str(cells))[-1]["source"] == CELL


def test_a_cell_that_is_not_saved_has_none(notebook, kernel, stored_runs: Callable[[], list[Run]]):
    edited = CELL.replace("0.5", "0.25")
    assert kernel.run(edited, cell_id=NAME).records("run")[0]["status"] == "FINISHED"
    (run,) = stored_runs()
    assert "mlops.cell_id" not in run.tags
    assert "vscode" not in str(run.tags)


def test_nothing_is_put_where_vs_code_would_lose_it(notebook, kernel):
    # A place that is made as the cell begins is forgotten when its earlier outputs are cleared.
    assert shown(kernel.run(CELL, cell_id=NAME)) == ["display_data"]
    reply = kernel.run(f"{CELL}\nimport time\ntime.sleep(2.5)", cell_id=NAME)
    chart, nothing, card = [one for one in reply.outputs if one["msg_type"].endswith("display_data")]
    assert (chart["msg_type"], nothing["msg_type"]) == ("display_data", "update_display_data")
    assert "application/vnd.jupyter.widget-view+json" in chart["content"]["data"]
    assert nothing["content"]["data"] == {"text/html": "", "text/plain": ""}
    # And what takes the place of a widget may have no height.
    assert (card["msg_type"], "FINISHED" in card["content"]["data"]["text/plain"]) == ("display_data", True)


def test_a_bar_is_drawn_once_it_would_stay(notebook, kernel):
    (notebook.parent / "slow.ipynb").write_text(nbformat.writes(SLOW))
    reply = kernel.run("%mlops run slow.ipynb", timeout=120)
    drawn = [one for one in reply.outputs if "<progress" in one["content"].get("data", {}).get("text/html", "")]
    assert [one["msg_type"] for one in drawn[:2]] == ["display_data", "update_display_data"]
    assert len({one["content"]["transient"]["display_id"] for one in drawn}) == 1
    assert "FINISHED" in str(reply.outputs[-1]["content"])


def test_no_path_leads_to_a_jupyter_server(kernel, notebook, monkeypatch):
    told = kernel.run(
        "import os\nos.environ['MLOPS_JUPYTER_SERVER_URL'] = '/user/ana/'\n"
        "os.environ['MLOPS_JUPYTER_SERVER_ROOT'] = os.getcwd()\n"
        "from pathlib import Path\nfrom mlops_jupyter.adapters.jupyter_notebook import JupyterNotebook\n"
        "print(JupyterNotebook().server_url(), JupyterNotebook().endpoints_url(Path.cwd()))\n"
        "del __vsc_ipynb_file__\nprint(JupyterNotebook().server_url())"
    )
    assert told.stdout.splitlines() == ["None None", "/user/ana/"]
