"""``mlops reproduce``: snapshots executed once more, by real kernels, in real repositories."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

import mlops_jupyter
from mlops_jupyter import registry
from mlops_jupyter.adapters.mlflow.sink import MlflowSink
from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking
from mlops_jupyter.errors import CheckFailed, CommandError, ConfigurationError, Conflict, NotFound
from mlops_jupyter.faces import render
from mlops_jupyter.records import Run
from tests.conftest import REPOSITORY, Finished
from tests.fakes.git import git, new_repository
from tests.fakes.notebooks import write_notebook

FIT = """%%mlops track fit --no-autolog --data rows --param scale
import time
import mlops_jupyter
mlops_jupyter.log(total=float(rows.x.sum()) * scale * step, fit_time=time.time())"""
CELLS = ["%load_ext mlops_jupyter", "import pandas as pd\nfrom steps import step\nrows = pd.read_csv('rows.csv')", FIT]
STATE = ("status --porcelain=v2 --branch", "stash list", "rev-parse HEAD", "worktree list", "ls-files --stage")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that is this test's alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    tempfile.tempdir = None


@pytest.fixture
def notebook(project: Path, temporary: Path) -> Path:
    """A notebook that reads data which git does not hold, and code which it does."""
    (project / "rows.csv").write_text("x\n1\n2\n")
    (project / "steps.py").write_text("step = 1\n")
    return write_notebook(project / "train.ipynb", *CELLS, parameters="scale: float = 1.0\nnames = ['a']")


@pytest.fixture
def store(project: Path) -> MlflowTracking:
    return MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db")


def executed(terminal: Callable[..., Finished], *words: str) -> tuple[str, str]:
    """Run the notebook, and return the ids of its run and of the tracked cell's."""
    done = terminal("run", "train.ipynb", *words, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    return told["run"]["run_id"], told["children"][0]["run_id"]


def test_a_notebook_s_run_in_git(notebook, project, temporary, terminal, store):
    new_repository(project)
    (project / ".gitignore").write_text(".mlops/\nrows.csv\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "one")
    outer, _ = executed(terminal, "-p", "scale=2.5", "-p", "names=['b', 'c']")
    before = [git(project, *words.split()).stdout for words in STATE]

    done = terminal("reproduce", outer)
    assert done.code == 0, done.err
    assert done.out.rstrip().endswith("1 metrics within 1e-06: reproduced")
    assert "not compared, being times: fit_time" in done.out
    assert store.get_run(outer).tags["mlops.reproduced"].startswith("reproduced 20")
    again = store.get_run(store.get_run(outer).tags["mlops.reproduced_by"])
    assert (again.tags["mlops.reproduces"], again.params["names"]) == (outer, "['b', 'c']")
    runs = store.find_runs(None, "tags.`mlops.reproduces` != ''", "attributes.start_time ASC", 10).runs
    assert [(one.name, one.metrics.get("total")) for one in runs] == [("train", None), ("fit", 7.5)]
    assert [git(project, *words.split()).stdout for words in STATE] == before
    assert list(temporary.glob("mlops-reproduce-*")) == []

    # The name means the original. Code is the snapshot's, whatever became of it; data is as it is now.
    (project / "steps.py").write_text("step = 99\n")
    notebook.unlink()
    assert terminal("reproduce", "fit").code == 0
    (project / "rows.csv").write_text("x\n1\n3\n")
    done = terminal("reproduce", "fit")
    assert (done.code, "CheckFailed: fit" in done.err, "the data has changed: rows" in done.err) == (1, True, True)
    assert "not reproduced, the data has changed: rows" in done.out.splitlines()[-1]
    (fit,) = [one for one in store.find_runs(None, "", "attributes.start_time ASC", 2).runs if one.name == "fit"]
    assert fit.tags["mlops.reproduced"].startswith("data changed 20")


def test_the_tutorial_is_reproduced_until_its_data_is_another(project, temporary, terminal):
    (project / "notebooks").mkdir()
    shutil.copy(REPOSITORY / "notebooks" / "01_track.ipynb", project / "notebooks")
    new_repository(project)
    git(project, "add", "notebooks")
    git(project, "commit", "--quiet", "-m", "one")
    assert terminal("run", "notebooks/01_track.ipynb").code == 0
    done = terminal("reproduce", "01_track")
    assert (done.code, done.out.rstrip().endswith(": reproduced")) == (0, True), done.out + done.err
    data = project / "notebooks" / "data" / "breast_cancer.csv"
    data.write_text(data.read_text().replace("17.99", "71.99", 1))
    done = terminal("reproduce", "01_track")
    assert (done.code, "the data has changed: linear: cases" in done.err) == (1, True), done.err


@pytest.fixture
def by_hand(notebook, kernel, monkeypatch, stored_runs) -> Callable[[str], Run]:
    """Run the notebook's cells in a kernel, the tracked one with another text, and return its run."""

    def run(tracked: str) -> Run:
        written = nbformat.read(notebook, 4)
        written.cells[-1].source = tracked
        notebook.write_text(nbformat.writes(written))
        kernel.run(f"%env MLOPS_JUPYTER_NOTEBOOK={notebook}")
        for cell in written.cells:
            kernel.run(cell.source, cell_id=cell.id)
        return stored_runs()[-1]

    return run


def test_a_cell_run_by_hand_outside_git_that_is_not_the_same_twice(by_hand, store, temporary):
    run = by_hand(FIT.replace("total=", "pid=__import__('os').getpid(), total="))
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.reproduce(run.run_id[:10], keep=True)
    found = failed.value.record
    assert (found.verdict, found.snapshot) == ("differs", "artifact")
    assert [(one.name, one.same) for one in found.metrics] == [("pid", False), ("total", True)]
    assert failed.value.exit_code == 1
    assert "all other files are as they are now" in found.notes[0]
    assert (Path(found.folder) / "project" / "rows.csv").is_file()
    assert Path(found.folder).parent == temporary
    assert store.get_run(run.run_id).tags["mlops.reproduced"].startswith("differs")
    with pytest.raises(CommandError, match="a reproduction itself"):
        mlops_jupyter.reproduce(found.execution.children[0].run_id)
    # A tolerance that wide lets everything pass.
    assert mlops_jupyter.reproduce(run, tolerance=0.999999).verdict == "reproduced"


def test_a_cell_without_a_name_is_found_by_its_text(by_hand):
    run = by_hand(FIT.replace(" fit ", " "))
    assert run.name.startswith("train-")
    assert mlops_jupyter.reproduce(run).verdict == "reproduced"


def test_a_run_of_times_alone_is_executed_and_not_compared(by_hand, store):
    run = by_hand("%%mlops track fit\nimport time, mlops_jupyter\nmlops_jupyter.log(fit_time=time.monotonic())")
    with pytest.raises(CheckFailed, match="has no metric that could be compared") as failed:
        mlops_jupyter.reproduce(run)
    assert failed.value.exit_code == 1
    assert "fit_time" in failed.value.record.notes[-2]
    assert store.get_run(run.run_id).tags["mlops.reproduced"].startswith("not compared")
    assert render.text(failed.value.record).endswith("not compared")


def test_a_cell_that_takes_too_long_or_is_not_reached(by_hand, project):
    run = by_hand(FIT)
    (project / "steps.py").write_text("import time\ntime.sleep(60)\nstep = 1\n")
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.reproduce(run, timeout=3)
    found = failed.value.record
    assert (found.verdict, found.notes[-2]) == ("failed", "the notebook made no run like fit")
    assert "CellTimeoutError" in found.notes[-1]
    assert "not executed as it was" in render.text(found)


def test_what_cannot_be_reproduced(by_hand, project, store):
    with pytest.raises(NotFound, match="there is no run nothing"):
        mlops_jupyter.reproduce("nothing")
    with mlops_jupyter.track("block") as block:
        pass
    with pytest.raises(NotFound, match="has no snapshot of a notebook"):
        mlops_jupyter.reproduce(block.record)
    run = by_hand(FIT)
    with pytest.raises(CommandError, match="--tolerance must be"):
        mlops_jupyter.reproduce(run, tolerance=-1)
    with pytest.raises(CommandError, match="--timeout must be more than 0"):
        mlops_jupyter.reproduce(run, timeout=0)
    sink = MlflowSink(store.uri, project / ".mlops" / "artifacts")
    sink.write(run.run_id, (), {}, {"mlops.snapshot": "0" * 40})
    with pytest.raises(NotFound, match="the snapshot 000000000000 is not in"):
        mlops_jupyter.reproduce(run)
    new_repository(project)
    with pytest.raises(NotFound, match="the snapshot 000000000000 is not in"):
        mlops_jupyter.reproduce(run)


def test_a_run_that_has_not_ended(project):
    with mlops_jupyter.track("open") as tracked, pytest.raises(Conflict, match="has not ended"):
        mlops_jupyter.reproduce(tracked.run_id)


def test_a_kernel_that_is_not_installed(by_hand, notebook):
    written = nbformat.read(notebook, 4)
    written.metadata["kernelspec"] = {"name": "no-such-kernel", "display_name": "x", "language": "python"}
    notebook.write_text(nbformat.writes(written))
    run = by_hand(FIT)
    with pytest.raises(ConfigurationError, match="no-such-kernel, which is not installed"):
        mlops_jupyter.reproduce(run)


def test_the_recorded_environment_runs_the_kernel(by_hand, monkeypatch):
    built = []

    class Linked:
        """Makes an environment that sees what is installed here: nothing can be fetched in a test."""

        def build(self, folder: Path, python: str, requirements) -> Path:
            built.append((python, requirements))
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
            (site,) = (folder / "lib").glob("python*/site-packages")
            (site / "here.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})")
            return folder / "bin" / "python"

    run = by_hand(FIT.replace("total=", "inside='mlops-reproduce' in __import__('sys').prefix, total="))
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda kind, name: Linked if name == "uv" else load(kind, name))
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.reproduce(run, env=True)
    assert failed.value.record.verdict == "differs", failed.value.record.notes
    assert [(one.name, one.after) for one in failed.value.record.metrics if not one.same] == [("inside", 1.0)]
    ((python, requirements),) = built
    assert python == ".".join(map(str, sys.version_info[:3]))
    assert any(line.startswith("ipykernel==") for line in requirements)
    assert f"-e {Path(mlops_jupyter.__file__).parents[1]}" in requirements
