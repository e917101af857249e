"""``ui`` opens pages, from a terminal and from a kernel below a Jupyter server."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import httpx
import pytest

import mlops_jupyter
from mlops_jupyter.errors import CommandError, Unavailable


@pytest.fixture
def state(project):
    """The server's state file; the server ends with the test."""
    file = project / ".mlops" / "ui" / "mlflow.json"
    yield file
    if file.exists():
        os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)


def jupyter_server(base_url: str, pid: int) -> None:
    """Leave the file that a Jupyter server leaves while it runs."""
    directory = Path(os.environ["JUPYTER_RUNTIME_DIR"])
    directory.mkdir(parents=True, exist_ok=True)
    told = {"url": f"http://127.0.0.1:1{base_url}", "base_url": base_url, "token": "t", "root_dir": "/", "pid": pid}
    (directory / f"jpserver-{pid}.json").write_text(json.dumps(told))


def test_in_a_kernel_the_pages_lie_below_jupyter(state, project, start_kernel, terminal):
    jupyter_server("/another/", os.getpid() + 1)
    jupyter_server("/user/ana/", os.getpid())  # this process has started the kernel, and says so
    kernel = start_kernel()
    kernel.run("%%mlops track fit --no-autolog\n1")
    reply = kernel.run("%mlops ui mlflow")
    (page,) = reply.records("webpage")
    server = json.loads(state.read_text())
    found = re.fullmatch(
        rf"/user/ana/proxy/{server['port']}/\?ticket=([\w.-]+)#/experiments/\d+/runs", page["jupyter_url"]
    )
    assert found
    assert page["url"] == page["jupyter_url"].replace("/user/ana/proxy/", "http://127.0.0.1:", 1)
    assert page["detail"] == f"served by process {server['pid']}, which ends after an hour without use"

    # The frame below the cell spends the ticket; what is saved in the notebook opens nothing afterwards.
    html = reply.displayed[-1]["text/html"]
    assert html.count(found[1]) == 1
    assert httpx.get(page["url"]).status_code == 303
    assert httpx.get(page["url"]).status_code == 403

    # A terminal finds the same server, and has no Jupyter around it.
    done = terminal("ui", "--json")
    assert (done.code, done.err) == (0, "")
    from_terminal = json.loads(done.out)
    assert from_terminal["jupyter_url"] is None
    assert from_terminal["detail"] == page["detail"]
    assert httpx.get(from_terminal["url"]).headers["location"] == "./"
    for said in (str(reply.outputs), done.out):
        assert server["secret"] not in said


def test_below_a_hub_without_a_server_file(state, project, start_kernel, monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/bob/")
    kernel = start_kernel(load=False)
    code = "from mlops_jupyter.commands import project\nprint(project.notebook_host().server_url())"
    assert kernel.run(code).stdout == "/user/bob/\n"


def test_a_store_that_cannot_be_served_says_why(state, project):
    """MLflow's pages need the tables that this file has not."""
    (project / ".mlops" / "mlflow.db").write_text("no database " * 1000)
    with pytest.raises(Unavailable) as caught:
        mlops_jupyter.ui()
    assert caught.value.message.startswith("MLflow's pages did not start: ")
    assert "file is not a database" in caught.value.message
    assert caught.value.exit_code == 5


def test_a_tracking_server_has_its_own_pages_and_is_asked_first(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ana:hunter2@127.0.0.1:1")
    with pytest.raises(Unavailable) as caught:
        mlops_jupyter.ui()
    assert caught.value.message == "MLflow at http://127.0.0.1:1 did not answer: [Errno 111] Connection refused"


def test_an_unknown_tool(kernel):
    reply = kernel.run("%mlops ui tensorflow")
    assert reply.ename == CommandError.__name__
    said = (
        "CommandError: ui: invalid value for '[mlflow|tensorboard]': 'tensorflow' is not one of 'mlflow', 'tensorboard'"
    )
    assert reply.traceback == [said, "  → mlops ui --help"]
