"""What runs a notebook without a person stops at a failing tracked cell exactly as at a plain one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import PythonExporter
from papermill.exceptions import PapermillExecutionError

from mlops_jupyter.records import Run

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LOAD = "%load_ext mlops_jupyter"
_FAILING = "ages = {}\nprint('before')\nages['ana']\nprint('within')"
_LATER = "open('later', 'w').close()"
_CARD = "application/vnd.mlops-jupyter.run+json"
# What a notebook that a kernel has run says of its language; without it nbconvert exports no IPython script.
_METADATA = {
    "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
    "language_info": {
        "name": "python",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


def write(path: Path, *cells: str) -> Path:
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=_METADATA), path)
    return path


@pytest.fixture
def tracked(project: Path) -> Path:
    return write(project / "tracked.ipynb", _LOAD, f"%%mlops track doomed\n{_FAILING}", _LATER)


@pytest.fixture
def untracked(project: Path) -> Path:
    """The same notebook with a comment where the magic line was."""
    return write(project / "plain.ipynb", _LOAD, f"# as it was\n{_FAILING}", _LATER)


def observed(notebook: Any) -> list[tuple[bool, list[tuple[str, str]]]]:
    """Of each code cell: whether it ran, and what it put out, without run cards."""
    return [
        (cell.execution_count is not None, [_described(output) for output in cell.outputs if not _is_card(output)])
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def _is_card(output: Any) -> bool:
    return _CARD in output.get("data", {})


def _described(output: Any) -> tuple[str, str]:
    said = output.get("text") or f"{output.get('ename')}: {output.get('evalue')}"
    return output.output_type, said


def tracebacks(text: str) -> int:
    return _COLOUR.sub("", text).count("Traceback (most recent call last)")


def assert_one_failed_run(project: Path, runs: list[Run]) -> None:
    (run,) = runs
    assert (run.name, run.status, run.error) == ("doomed", "FAILED", "KeyError: 'ana'")
    assert not (project / "later").exists()


def test_nbclient(project: Path, tracked: Path, untracked: Path, stored_runs: Callable[[], list[Run]]) -> None:
    raised, seen = [], []
    for path in (tracked, untracked):
        notebook = nbformat.read(path, as_version=4)
        with pytest.raises(CellExecutionError) as caught:
            NotebookClient(notebook, resources={"metadata": {"path": str(project)}}).execute()
        raised.append((type(caught.value), caught.value.ename, caught.value.evalue, tracebacks(str(caught.value))))
        seen.append(observed(notebook))

    assert raised[0] == raised[1] == (CellExecutionError, "KeyError", "'ana'", 1)
    assert seen[0] == seen[1]
    assert seen[0] == [(True, []), (True, [("stream", "before\n"), ("error", "KeyError: 'ana'")]), (False, [])]
    assert_one_failed_run(project, stored_runs())


def test_nbclient_goes_on_where_it_is_told_to(
    project: Path, tracked: Path, stored_runs: Callable[[], list[Run]]
) -> None:
    notebook = nbformat.read(tracked, as_version=4)
    NotebookClient(notebook, allow_errors=True, resources={"metadata": {"path": str(project)}}).execute()

    assert [ran for ran, _ in observed(notebook)] == [True, True, True]
    assert [run.status for run in stored_runs()] == ["FAILED"]
    assert (project / "later").exists()


def test_papermill(project: Path, tracked: Path, untracked: Path, stored_runs: Callable[[], list[Run]]) -> None:
    raised, seen = [], []
    for path in (tracked, untracked):
        output = project / f"{path.stem}-executed.ipynb"
        with pytest.raises(PapermillExecutionError) as caught:
            papermill.execute_notebook(str(path), str(output), progress_bar=False, cwd=str(project))
        error = caught.value
        where, what = (error.cell_index, error.exec_count), (error.ename, error.evalue)
        raised.append((type(error), where, what, tracebacks(str(error))))
        seen.append(observed(nbformat.read(output, as_version=4)))

    assert raised[0] == raised[1] == (PapermillExecutionError, (1, 2), ("KeyError", "'ana'"), 1)
    assert seen[0] == seen[1]
    assert seen[0] == [(True, []), (True, [("stream", "before\n"), ("error", "KeyError: 'ana'")]), (False, [])]
    assert_one_failed_run(project, stored_runs())


def _finish(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    executable, *rest = words
    return subprocess.run(
        [str(Path(sys.executable).parent / executable), *rest],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_papermill_command(
    project: Path, tracked: Path, untracked: Path, stored_runs: Callable[[], list[Run]]
) -> None:
    done, seen = [], []
    for path in (tracked, untracked):
        output = project / f"{path.stem}-executed.ipynb"
        done.append(_finish("papermill", "--no-progress-bar", str(path), str(output), cwd=project))
        seen.append(observed(nbformat.read(output, as_version=4)))

    assert done[0].returncode == done[1].returncode == 1
    last = [_COLOUR.sub("", one.stderr).strip().splitlines()[-1] for one in done]
    assert last[0] == last[1] == "KeyError: 'ana'"
    assert tracebacks(done[0].stderr) == tracebacks(done[1].stderr)
    assert seen[0] == seen[1]
    assert_one_failed_run(project, stored_runs())


def test_nbconvert_execute(project: Path, tracked: Path, untracked: Path, stored_runs: Callable[[], list[Run]]) -> None:
    done = [
        _finish("jupyter", "nbconvert", "--to", "notebook", "--execute", "--output", "executed", str(path), cwd=project)
        for path in (tracked, untracked)
    ]

    assert done[0].returncode == done[1].returncode == 1
    last = [_COLOUR.sub("", one.stderr).strip().splitlines()[-1] for one in done]
    assert last[0] == last[1] == "KeyError: 'ana'"
    assert tracebacks(done[0].stderr) == tracebacks(done[1].stderr)
    assert "nbclient.exceptions.CellExecutionError" in done[0].stderr
    assert not list(project.glob("executed*"))
    assert_one_failed_run(project, stored_runs())


# --- the script that nbconvert makes of a notebook ------------------------------------------------------------


def test_nbconvert_writes_the_script_that_its_exporter_makes(tracked: Path) -> None:
    done = _finish("jupyter", "nbconvert", "--to", "script", str(tracked), cwd=tracked.parent)

    assert done.returncode == 0, done.stderr
    assert tracked.with_suffix(".py").read_text() == PythonExporter().from_filename(str(tracked))[0]


def exported(notebook: Path) -> Path:
    """Do as ``nbconvert --to script`` does, without the seconds that a process takes."""
    script = notebook.with_suffix(".py")
    script.write_text(PythonExporter().from_filename(str(notebook))[0])
    return script


def test_an_exported_script_stops_at_the_failing_cell(
    project: Path, tracked: Path, untracked: Path, stored_runs: Callable[[], list[Run]]
) -> None:
    done = [_finish("ipython", str(exported(path)), cwd=project) for path in (tracked, untracked)]

    assert done[0].returncode == done[1].returncode == 1
    for one in done:
        assert one.stdout.startswith("before\n")
        assert "within" not in one.stdout.splitlines()
        assert tracebacks(one.stdout + one.stderr) == 1
        assert _COLOUR.sub("", one.stdout).count("KeyError: 'ana'\n") == 1 + (one is done[0])  # the card says it too
    assert "FAILED  doomed in churn" in done[0].stdout
    assert_one_failed_run(project, stored_runs())


def test_an_exported_script_runs_to_its_end(project: Path, stored_runs: Callable[[], list[Run]]) -> None:
    notebook = write(
        project / "fine.ipynb",
        _LOAD,
        "%%mlops track fine --param depth\nimport asyncio\nimport mlflow\nawait asyncio.sleep(0)\ndepth = 3\n"
        "mlflow.log_metric('auc', 0.75)",
        "print('depth', depth)",
        "%%mlops track leaving\nimport sys\nsys.exit(0)",
        _LATER,
    )
    done = _finish("ipython", str(exported(notebook)), cwd=project)

    assert done.returncode == 0, done.stdout
    assert "FINISHED  fine in churn" in done.stdout
    assert "depth 3\n" in done.stdout
    fine, leaving = stored_runs()
    assert (fine.status, fine.params, fine.metrics) == ("FINISHED", {"depth": "3"}, {"auc": 0.75})
    assert leaving.status == "FINISHED"
    assert not (project / "later").exists()


@pytest.mark.parametrize(
    ("cell", "code", "said", "statuses"),
    [
        ("%%mlops track\nimport sys\nsys.exit(3)", 3, "SystemExit: 3", ["FAILED"]),
        ("%%mlops track\nx = = 1", 1, "SyntaxError: invalid syntax", []),
        ("%%mlops track --no-such-option\nprint('ran')", 1, "CommandError: track has no option --no-such-option", []),
    ],
    ids=["exit code", "syntax error", "bad option"],
)
def test_an_exported_script_ends_as_the_cell_does(
    *, project: Path, stored_runs: Callable[[], list[Run]], cell: str, code: int, said: str, statuses: list[str]
) -> None:
    done = _finish("ipython", str(exported(write(project / "ends.ipynb", _LOAD, cell, _LATER))), cwd=project)

    assert done.returncode == code
    assert said in _COLOUR.sub("", done.stdout)
    assert "ran\n" not in done.stdout
    assert [run.status for run in stored_runs()] == statuses
    assert not (project / "later").exists()
