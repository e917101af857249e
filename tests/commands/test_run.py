"""``mlops run``: real Papermill, real kernels, real stores."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

import mlops_jupyter
from mlops_jupyter.records import Run
from tests.conftest import REPOSITORY, end_shipper
from tests.fakes.environments import python_with
from tests.fakes.notebooks import write_notebook
from tests.fakes.store import WritableStore
from tests.fakes.waiting import ended, wait_for

pytestmark = pytest.mark.usefixtures("no_process_left")
LOAD = "%load_ext mlops_jupyter"
TRACKED = "%%mlops track fit --param lr --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(loss=1 / (lr * 10))"


def executed(text: str) -> dict[str, Any]:
    """Read the record of ``mlops run --json``."""
    return json.loads(text)


@pytest.fixture
def artifact(project: Path) -> Callable[[str, str], str]:
    """Read an artifact of a run as text."""

    def read(run_id: str, path: str) -> str:
        import mlflow

        store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
        return Path(mlflow.MlflowClient(store.uri).download_artifacts(run_id, path)).read_text()

    return read


def test_parameters_children_and_files(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", LOAD, TRACKED, parameters="lr: float = 0.1  # rate\nname = 'a'")
    done = terminal("run", "train.ipynb", "-p", "lr=0.5", "--html", "--json")
    assert done.code == 0, done.err
    record = executed(done.out)

    runs = {run.name: run for run in stored_runs()}
    assert runs["train"].params == {"lr": "0.5", "name": "a"}, "defaults and overrides"
    assert runs["train"].tags["mlops.overrides"] == "lr"
    assert runs["train"].status == runs["fit"].status == "FINISHED"
    assert runs["fit"].parent == runs["train"].run_id
    assert runs["fit"].params == {"lr": "0.5"}
    assert runs["fit"].metrics == {"loss": 0.2}
    assert runs["train"].notebook == runs["fit"].notebook == "train.ipynb"
    assert [child["run_id"] for child in record["children"]] == [runs["fit"].run_id]

    output = nbformat.read(record["output"], as_version=4)
    assert output.cells[1].source.splitlines()[-1] == "lr = 0.5", "Papermill's injected cell"
    card = output.cells[-1].outputs[-1].data
    assert "FINISHED" in card["text/html"]
    assert card["application/vnd.mlops-jupyter.run+json"]["metrics"] == {"loss": 0.2}
    page = Path(record["html"]).read_text()
    assert "FINISHED" in page
    assert Path(record["output"]).is_relative_to(project / ".mlops")
    original = nbformat.read(project / "train.ipynb", as_version=4)
    assert all(not cell.outputs for cell in original.cells), "the user's notebook stays as it was"


def test_executed_notebook_is_an_artifact_of_the_run(project, terminal, artifact):
    write_notebook(project / "train.ipynb", "6 * 7")
    record = executed(terminal("run", "train.ipynb", "--json").out)
    name = Path(record["output"]).name
    kept = json.loads(artifact(record["run"]["run_id"], f"mlops/executed/{name}"))
    assert "".join(kept["cells"][0]["outputs"][0]["data"]["text/plain"]) == "42"


def test_what_was_executed_is_brought_back_by_its_run_or_one_of_its_cells(project, terminal, stored_runs):
    (project / "work").mkdir()
    write_notebook(project / "work" / "train.ipynb", LOAD, TRACKED, "6 * 7", parameters="lr = 0.1")
    record = executed(terminal("run", "work/train.ipynb", "-p", "lr=0.5", "--json").out)
    # The files of a headless run may be on another machine.
    Path(record["output"]).unlink()
    for name in ("train", "fit"):
        done = terminal("restore", name, "--executed", "--json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert told["version"]["title"] == "train as it was executed"
        copy = project / told["path"]
        assert copy.parent == project / "work", "beside the notebook"
        assert "-executed" in copy.name
        cells = nbformat.read(copy, as_version=4).cells
        assert (cells[1].source.splitlines()[-1], cells[-1].outputs[0].data["text/plain"]) == ("lr = 0.5", "42")
    assert "-executed" not in json.loads(terminal("restore", "fit", "--json").out)["path"]


def test_what_was_not_executed_headless_is_not_brought_back(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", "1")
    with mlops_jupyter.track("by hand") as run:
        pass
    done = terminal("restore", run.run_id, "train.ipynb", "--executed")
    assert done.code == 4
    assert f"the run {run.run_id[:8]} by hand is of no notebook that was executed headless" in done.err
    assert f"mlops restore {run.run_id[:8]}" in done.err
    assert terminal("restore", "nobody", "--executed").code == 4
    assert [path.name for path in project.glob("*.ipynb")] == ["train.ipynb"]


def test_output_where_the_user_says_and_never_over_the_notebook(project, terminal):
    notebook = write_notebook(project / "train.ipynb", "1")
    before = notebook.read_bytes()
    done = terminal("run", "train.ipynb", "--output", "out/deep/result.ipynb")
    assert done.code == 0, done.err
    assert (project / "out/deep/result.ipynb").is_file()
    assert "out/deep/result.ipynb" in done.out
    refused = terminal("run", "train.ipynb", "--output", "train.ipynb")
    assert refused.code == 2
    assert refused.err.splitlines()[0] == ("CommandError: --output train.ipynb would overwrite the notebook itself")
    assert notebook.read_bytes() == before


def test_runs_in_the_notebooks_own_directory(project, terminal):
    (project / "work").mkdir()
    (project / "work" / "data.txt").write_text("rows")
    write_notebook(project / "work" / "train.ipynb", "open('data.txt').read()")
    assert terminal("run", "work/train.ipynb").code == 0


def test_failing_cell_is_on_the_run(project, terminal, stored_runs, artifact):
    write_notebook(
        project / "train.ipynb", LOAD, "a = 1", "def deep():\n    return a / 0\n\ndeep()", "b = 2", parameters="lr = 1"
    )
    done = terminal("run", "train.ipynb", "-p", "lr=2", "--output", "result.ipynb")
    assert done.code == 6
    lines = done.err.splitlines()
    assert "ExecutionFailed: train.ipynb failed at cell 3: ZeroDivisionError: division by zero" in lines
    assert lines[-1] == f"  → read {project}/result.ipynb, where the cell is marked"

    (run,) = stored_runs()
    assert run.status == "FAILED"
    assert run.tags["mlops.failed_cell"] == "3", "as the user wrote it, without Papermill's injected cell"
    assert run.error == "ZeroDivisionError: division by zero"
    assert artifact(run.run_id, "mlops/failed_cell.txt") == "def deep():\n    return a / 0\n\ndeep()"
    traceback = artifact(run.run_id, "mlops/traceback.txt")
    assert "deep()" in traceback
    assert "ZeroDivisionError: division by zero" in traceback
    assert "\x1b[" not in traceback, "no colours"
    output = nbformat.read(project / "result.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in output.cells if cell.source == "b = 2")


def test_secrets_of_the_environment_are_in_nothing_that_is_kept_of_a_failure(
    project, terminal, stored_runs, artifact, monkeypatch
):
    monkeypatch.setenv("API_TOKEN", "s3cr3t-t0ken")
    fails = "import os\nraise ValueError('no login with ' + os.environ['API_TOKEN'])"
    write_notebook(project / "bad.ipynb", fails)
    done = terminal("run", "bad.ipynb", "--retries", "1", "--json")
    assert done.code == 6
    assert "[API_TOKEN]" in done.err
    (run,) = stored_runs()
    assert run.error == "ValueError: no login with [API_TOKEN]"
    # The file is the user's; its copy on the run is for others, too.
    (name,) = [one.name for one in (project / ".mlops" / "executed").glob("bad-*.ipynb")]
    assert "s3cr3t" in (project / ".mlops" / "executed" / name).read_text()
    copy = artifact(run.run_id, f"mlops/executed/{name}")
    assert "s3cr3t" not in copy
    assert "no login with [API_TOKEN]" in str(nbformat.reads(copy, as_version=4).cells)
    texts = [
        artifact(run.run_id, path) for path in ("mlops/traceback.txt", "mlops/attempts/1.txt", "mlops/failed_cell.txt")
    ]
    assert [("[API_TOKEN]" in one) for one in texts] == [True, True, False]
    assert not any("s3cr3t" in one for one in (*texts, done.out, done.err))


def test_a_notebook_of_another_project_says_where_its_run_is(project, terminal, stored_runs):
    below = project / "fraud"
    below.mkdir()
    (below / "mlops.toml").write_text('experiment = "fraud"\n')
    write_notebook(below / "score.ipynb", "1")
    done = terminal("run", "fraud/score.ipynb")
    assert f"score.ipynb lies in the project {below}, and its run is kept in {project}: cd {below}" in done.out
    assert len(stored_runs()) == 1
    done = terminal("run", "score.ipynb", cwd=below)
    assert "lies in the project" not in done.out
    end_shipper(below)
    # A folder is no project.
    apart = project.parent / "apart"
    apart.mkdir()
    done = terminal("run", str(write_notebook(apart / "score.ipynb", "1")))
    assert (done.code, "lies in the project" in done.out) == (0, False)


def test_failing_tracked_cell_fails_both_runs(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", LOAD, "%%mlops track fit\nraise ValueError('no data')")
    assert terminal("run", "train.ipynb").code == 6
    assert {run.name: (run.status, run.error) for run in stored_runs()} == {
        "train": ("FAILED", "ValueError: no data"),
        "fit": ("FAILED", "ValueError: no data"),
    }


def test_error_of_ours_survives_with_class_and_message(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", LOAD, "%mlops runs --experiment nowhere")
    done = terminal("run", "train.ipynb")
    assert done.code == 6
    assert "NotFound: there is no experiment called nowhere" in done.err
    (run,) = stored_runs()
    assert run.error is not None
    assert run.error.startswith("NotFound: there is no experiment called nowhere")


def test_plain_mlflow_runs_are_children_of_the_notebooks_run(project, terminal, stored_runs):
    write_notebook(
        project / "train.ipynb",
        LOAD,
        "%%mlops track fit --no-autolog\npass",
        "import mlflow\nfor depth in (1, 2):\n"
        "    with mlflow.start_run(run_name=f'd{depth}'):\n        mlflow.log_metric('depth', depth)",
    )
    assert terminal("run", "train.ipynb").code == 0
    runs = {run.name: run for run in stored_runs()}
    assert set(runs) == {"train", "fit", "d1", "d2"}
    assert {runs[name].parent for name in ("fit", "d1", "d2")} == {runs["train"].run_id}
    assert (runs["d1"].metrics, runs["d2"].metrics) == ({"depth": 1.0}, {"depth": 2.0})
    assert {run.status for run in runs.values()} == {"FINISHED"}


@pytest.mark.parametrize("variable", ["MLFLOW_RUN_ID", "MLOPS_JUPYTER_PARENT_RUN_ID"])
def test_child_of_the_run_around_it(project, terminal, stored_runs, variable):
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    outer = store.create_run("churn", "pipeline", {})
    write_notebook(project / "train.ipynb", "1")
    assert terminal("run", "train.ipynb", **{variable: outer}).code == 0
    assert {run.name: run.parent for run in stored_runs()}["train"] == outer


EDITED = """
from pathlib import Path
file = Path("train.ipynb")
file.write_text(file.read_text().replace("factor = 1", "factor = 1000"))
"""


def test_a_notebook_that_is_edited_while_it_runs_is_kept_as_it_runs(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", LOAD, EDITED, "factor = 1", "%%mlops track fit --no-autolog\nfactor")
    assert terminal("run", "train.ipynb").code == 0
    assert "factor = 1000" in (project / "train.ipynb").read_text()
    store = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
    for run in stored_runs():
        kept = nbformat.reads(store.read_text(run.run_id, "mlops/notebook.ipynb"), as_version=4)
        assert kept.cells[2].source == "factor = 1", run.name


def test_git_state_and_path(project, terminal, stored_runs):
    git = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org"]
    (project / "notebooks").mkdir()
    write_notebook(project / "notebooks" / "train.ipynb", LOAD, "%%mlops track fit --no-autolog\npass")
    (project / ".gitignore").write_text(".mlops/\n")
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *words], check=True, cwd=project)
    remote = "https://ana:s3cret@git.example.org/team/churn.git"
    subprocess.run([*git, "remote", "add", "origin", remote], check=True, cwd=project)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, cwd=project, capture_output=True, text=True)

    assert terminal("run", "notebooks/train.ipynb", cwd=project / "notebooks" / "..").code == 0
    for run in stored_runs():
        assert run.notebook == "notebooks/train.ipynb"
        assert run.git_commit == head.stdout.strip()
        assert run.tags["mlflow.source.git.branch"] == "main"
        assert run.tags["mlflow.source.git.dirty"] == "false"
        assert run.tags["mlflow.source.git.repoURL"] == "https://git.example.org/team/churn.git"
        assert "s3cret" not in str(run.tags)


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["-p", "rate=1"], "train.ipynb declares no parameter rate", "did you mean rates?"),
        (["-p", "zzz=1"], "train.ipynb declares no parameter zzz", "its parameters cell declares: rates, depth"),
        (["-p", "rates"], "run: invalid value for '-p' / '--parameters': 'rates' is not key=value", "mlops run --help"),
        (["--timeout", "0"], "--timeout must be more than 0 seconds, not 0", "leave it out for no limit"),
    ],
)
def test_wrong_words(project, terminal, stored_runs, words, message, hint):  # noqa: PLR0917
    write_notebook(project / "train.ipynb", "1", parameters="rates = 1\ndepth = 2")
    done = terminal("run", "train.ipynb", *words)
    assert (done.code, done.err.splitlines()[-2:]) == (2, [f"CommandError: {message}", f"  → {hint}"])
    assert stored_runs() == []


def test_parameter_without_a_parameters_cell(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", "1")
    done = terminal("run", "train.ipynb", "-p", "lr=1")
    assert done.code == 2
    assert done.err.splitlines() == [
        "CommandError: train.ipynb has no cell tagged parameters, so lr=1 would change nothing".replace("lr=1", "lr"),
        "  → in JupyterLab, tag the cell that holds the defaults with: parameters",
    ]
    assert stored_runs() == []
    assert terminal("run", "train.ipynb").code == 0, "without -p it runs"


NOT_A_NOTEBOOK = {
    "text.ipynb": (b"hello", "text.ipynb is no notebook: it is not JSON"),
    "latin.ipynb": (b'{"cells": ["\xe9"]}', "latin.ipynb is not UTF-8 text (byte 12)"),
    "cells.ipynb": (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "x"}]}', None),
    "list.ipynb": (b"[]", None),
    "conflict.ipynb": (b'<<<<<<< HEAD\n{"cells": []}\n=======\n', "conflict.ipynb is no notebook: it is not JSON"),
}


@pytest.mark.parametrize("name", NOT_A_NOTEBOOK)
def test_not_a_notebook(project, terminal, stored_runs, name):
    content, message = NOT_A_NOTEBOOK[name]
    (project / name).write_bytes(content)
    done = terminal("run", name)
    assert done.code == 3, done.err
    first, second = done.err.splitlines()
    assert (
        first == f"ConfigurationError: {message}"
        if message
        else re.match(rf"ConfigurationError: {name} is no valid notebook: .+", first)
    )
    assert second == "  → open it in JupyterLab and save it"
    assert stored_runs() == []
    assert (project / name).read_bytes() == content


def test_no_such_notebook(project, terminal):
    write_notebook(project / "train.ipynb", "1")
    done = terminal("run", "trian.ipynb")
    assert done.code == 4
    assert done.err.splitlines() == ["NotFound: there is no notebook trian.ipynb", "  → did you mean train.ipynb?"]
    directory = terminal("run", str(project))
    assert (directory.code, "1 done of 1" in directory.out) == (0, True), "all that is in it"


def test_unreadable_notebook(project, as_unprivileged):
    notebook = write_notebook(project / "train.ipynb", "1")
    notebook.chmod(0)
    done = as_unprivileged(["mlops", "run", "train.ipynb"], project)
    assert done.returncode == 3, done.stderr
    assert done.stderr.splitlines() == [
        "ConfigurationError: cannot read train.ipynb: Permission denied",
        "  → check the path and its permissions",
    ]


def test_kernel_that_is_not_installed(project, terminal):
    write_notebook(project / "train.ipynb", "1", kernel="julia-1.9")
    done = terminal("run", "train.ipynb")
    assert done.code == 3
    assert done.err.splitlines() == [
        "ConfigurationError: train.ipynb wants the kernel julia-1.9, which is not installed",
        "  → jupyter kernelspec list",
    ]


def test_notebook_without_kernelspec_runs_on_python3(project, terminal):
    write_notebook(project / "train.ipynb", "1", kernel=None)
    assert terminal("run", "train.ipynb").code == 0


def test_timeout(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", LOAD, "%%mlops track fit --no-autolog\nimport time\ntime.sleep(600)")
    done = terminal("run", "train.ipynb", "--timeout", "10")
    assert done.code == 6
    assert "ExecutionFailed: train.ipynb failed at cell 1: CellTimeoutError: the cell ran longer than 10 s" in done.err
    statuses = {run.name: run.status for run in stored_runs()}
    assert statuses["train"] == "FAILED"
    assert statuses["fit"] == "KILLED"


def test_kernel_that_dies(project, terminal, stored_runs):
    body = "%%mlops track fit --no-autolog\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    write_notebook(project / "train.ipynb", LOAD, body, "1")
    done = terminal("run", "train.ipynb")
    assert done.code == 6
    assert "failed at cell 1: DeadKernelError: the kernel was killed by SIGKILL" in done.err
    assert {run.name: run.status for run in stored_runs()} == {"train": "KILLED", "fit": "KILLED"}


def test_interrupt_keeps_what_ran(project, stored_runs, clean_environment):
    write_notebook(
        project / "train.ipynb",
        LOAD,
        "open('before', 'w').close()",
        "%%mlops track fit --no-autolog\nopen('started', 'w').close()\nimport time\ntime.sleep(600)",
    )
    process = subprocess.Popen(
        ["mlops", "run", "train.ipynb", "--output", "result.ipynb"], cwd=project, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for((project / "started").exists)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted"
    assert {run.name: run.status for run in stored_runs()} == {"train": "KILLED", "fit": "KILLED"}
    assert (project / "result.ipynb").is_file()


def test_nothing_is_left_alive_when_the_command_is_killed(project, stored_runs, as_a_user_starts_it):
    """But for the process that brings the run to the store, which says how it ended."""
    write_notebook(project / "train.ipynb", "import os\nopen('pid', 'w').write(str(os.getpid()))", "while True: pass")
    shipping = project / ".mlops" / "journal" / "shipper.json"
    process = subprocess.Popen(["mlops", "run", "train.ipynb"], cwd=project, stderr=subprocess.DEVNULL)
    family = []
    try:
        wait_for(lambda: (project / "pid").exists() and (project / "pid").read_text() and shipping.exists())
        family = psutil.Process(process.pid).children(recursive=True)
        assert int((project / "pid").read_text()) in {child.pid for child in family}
        shipper = json.loads(shipping.read_text())["pid"]
        family = [child for child in family if child.pid != shipper]
        process.kill()
        wait_for(lambda: all(map(ended, family)), 30)
    finally:
        process.kill()
        process.wait()
        for one in family:
            if one.is_running():
                one.kill()
    (run,) = stored_runs()
    assert (run.name, run.status) == ("train", "KILLED")


def test_a_store_that_is_down_holds_nothing_up(project, terminal):
    write_notebook(project / "train.ipynb", LOAD, TRACKED, parameters="lr = 0.5")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        began = time.monotonic()
        done = terminal("run", "train.ipynb", "--json", MLFLOW_TRACKING_URI=address)
        assert time.monotonic() - began < 60
        assert done.code == 0, done.err
        record = executed(done.out)
        assert (record["run"]["status"], record["run"]["tracking_uri"]) == ("FINISHED", address)
        assert f"not in {address} yet: MLflow at {address} did not answer" in record["run"]["notes"][0]
        assert "Connection refused" in record["run"]["notes"][0]

        # Meanwhile both runs are where the project's own runs are.
        local = WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")
        wait_for(lambda: {run.status for run in local.find_runs(None, "", "", 10)} == {"FINISHED"})
        runs = {run.name: run for run in local.find_runs(None, "", "", 10)}
        assert set(runs) == {"train", "fit"}
        assert runs["train"].run_id == record["run"]["run_id"]
        assert (runs["fit"].parent, runs["fit"].metrics) == (runs["train"].run_id, {"loss": 0.2})
        card = nbformat.read(record["output"], as_version=4).cells[-1].outputs[-1].data["text/html"]
        assert address in card


def test_in_a_kernel_beside_the_kernels_own_event_loop(project, kernel, stored_runs: Callable[[], list[Run]]):
    write_notebook(project / "train.ipynb", "lr", parameters="lr = 1")
    reply = kernel.run("lr = 3\nx = %mlops run train.ipynb -p lr=$lr\nx.run.params['lr'], x.run.status")
    assert reply.displayed[-1]["text/plain"] == "('3', 'FINISHED')"
    bars = [one for one in reply.outputs if one["msg_type"] == "update_display_data"]
    assert bars, "the progress bar was drawn in place"
    failing = kernel.run("%mlops run nowhere.ipynb")
    assert (failing.status, failing.ename) == ("error", "NotFound")
    write_notebook(project / "bad.ipynb", "1 / 0")
    failing = kernel.run("%mlops run bad.ipynb")
    assert (failing.status, failing.ename) == ("error", "ExecutionFailed")
    assert failing.records("execution")[0]["failure"]["ename"] == "ZeroDivisionError"
    assert [run.status for run in stored_runs()] == ["FINISHED", "FAILED"]


def test_python_values_keep_their_types(project, clean_environment):
    write_notebook(
        project / "train.ipynb",
        "assert (a, b, c, d, e) == (None, [1, 2.5], 'x', True, 3), (a, b, c, d, e)",
        parameters="a = 1\nb = 1\nc = 'q'\nd = False\ne = 1",
    )
    script = (
        "import numpy, mlops_jupyter as m\n"
        "x = m.run('train.ipynb', parameters={'a': None, 'b': [1, 2.5], 'c': 'x', 'd': True, 'e': numpy.int64(3)})\n"
        "print(x.run.status)\n"
        "m.run('train.ipynb', parameters={'a': object()})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False)
    assert done.stdout == "FINISHED\n", done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("mlops_jupyter.errors.CommandError: the parameter a cannot be written into a notebook")


def test_text_from_the_command_line_gets_its_type(project, terminal):
    write_notebook(
        project / "train.ipynb",
        "assert (a, b, c, d, e) == (None, [1, 2], '007', True, 'free text'), (a, b, c, d, e)",
        parameters="a = 1\nb = 1\nc: str = 'q'\nd = False\ne = 0",
    )
    words = ["-p", "a=None", "-p", "b=[1, 2]", "-p", "c=007", "-p", "d=true", "-p", "e=free text"]
    done = terminal("run", "train.ipynb", *words)
    assert done.code == 0, done.err


def test_the_first_run_of_a_project_has_what_frameworks_log(project, terminal, stored_runs):
    """The store's tables are made by whoever comes first; autologging, beside it, says nothing when it fails."""
    cell = "%%mlops track fit\nfrom sklearn.svm import SVC\nSVC(C=2.5).fit([[0.0], [1.0], [2.0]], [0, 0, 1])"
    write_notebook(project / "train.ipynb", LOAD, cell)
    assert terminal("run", "train.ipynb", timeout=300).code == 0
    fit = next(run for run in stored_runs() if run.name == "fit")
    assert fit.params["C"] == "2.5"
    assert "training_score" in fit.metrics


def test_a_run_that_plain_mlflow_code_leaves_open_has_finished(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", "import mlflow\nmlflow.log_metric('loss', 0.5)", "1 + 1")
    assert terminal("run", "train.ipynb", timeout=300).code == 0
    plain = next(run for run in stored_runs() if "loss" in run.metrics)
    assert (plain.status, plain.metrics) == ("FINISHED", {"loss": 0.5})


def test_a_notebook_in_another_language_takes_parameters(project, terminal, monkeypatch):
    """Papermill writes them in a language in which it cannot read what the cell declares."""
    python = python_with("bash_kernel==0.10.0", "--constraint", str(REPOSITORY / "constraints.txt"))
    folder = project.parent / "jupyter" / "kernels" / "bash"
    folder.mkdir(parents=True)
    spec = {"argv": [str(python), "-m", "bash_kernel", "-f", "{connection_file}"], "display_name": "Bash"}
    (folder / "kernel.json").write_text(json.dumps({**spec, "language": "bash"}))
    monkeypatch.setenv("JUPYTER_PATH", str(project.parent / "jupyter"))
    write_notebook(project / "train.ipynb", 'echo "$n, $word"', parameters="n=1\nword=none", kernel="bash")
    done = terminal("run", "train.ipynb", "-p", "n=5", "-p", "word=two words", "--output", "out.ipynb")
    assert done.code == 0, done.err
    assert nbformat.read("out.ipynb", as_version=4).cells[-1].outputs[0].text == "5, two words\n"
    swept = terminal("run", "train.ipynb", "--sweep", "n=1,2", "--json")
    assert [row["parameters"] for row in json.loads(swept.out)["rows"]] == [{"n": 1}, {"n": 2}]
