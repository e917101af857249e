"""``mlops run`` of many: sweeps, folders, parameter files, what is kept when it is stopped, and what goes on then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from junitparser import JUnitXml

import mlops_jupyter
from mlops_jupyter import registry
from mlops_jupyter.errors import (
    CommandError,
    ConfigurationError,
    ConfirmationRequired,
    ExecutionFailed,
    MlopsError,
    NotFound,
)
from mlops_jupyter.protocols import NotebookOutcome
from mlops_jupyter.records import Batch, BatchRow, Run
from tests.fakes.engines import AtOnce, OneByOne
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import ended, wait_for

pytestmark = pytest.mark.usefixtures("no_process_left")
LOAD = "%load_ext mlops_jupyter"
FIT = "%%mlops track fit --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(loss=(lr - 0.2) ** 2, accuracy=1 - lr)"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Have another engine called local."""
    load = registry.load

    def use(made: Any) -> None:
        monkeypatch.setattr(registry, "load", lambda kind, name: made if kind == "batch_engine" else load(kind, name))

    return use


def by_name(runs: list[Run]) -> dict[str, Run]:
    return {run.name: run for run in runs}


def test_sweep_with_a_failing_combination_and_resume(project, terminal, stored_runs):
    write_notebook(
        project / "train.ipynb",
        LOAD,
        FIT,
        "import os\nassert lr != 0.3 or os.path.exists('mended')",
        parameters="lr = 0.1\nkind = 'a'\nflag = False",
    )
    words = ["run", "train.ipynb", "--sweep", "lr=0.1..0.3:0.1", "-p", "kind=7", "-p", "flag=true", "--output", "out"]
    done = terminal(*words, "--best", "loss:min", timeout=600)
    assert done.code == 6, done.err
    lines = done.err.splitlines()
    assert lines[-2] == "ExecutionFailed: train.ipynb with lr=0.3 kind=7 flag=true failed at cell 3: AssertionError"
    assert lines[-1] == "  → 1 of 3 failed; --resume runs only those, or all once a cell is edited"
    assert any(line.startswith("100% 2 done, 1 failed, best loss 0: lr=0.2") for line in lines)

    runs = stored_runs()
    (parent,) = [run for run in runs if run.tags.get("mlops.kind") == "batch"]
    children = {run.name: run for run in runs if run.tags.get("mlops.kind") == "notebook"}
    fits = [run for run in runs if run.name == "fit"]
    assert (parent.name, parent.status, parent.notebook) == ("train", "FAILED", "train.ipynb")
    assert parent.params == {"lr": "0.1..0.3:0.1", "kind": "7", "flag": "true"}
    assert parent.metrics == {
        "batch/total": 3, "batch/done": 2, "batch/failed": 1, "batch/skipped": 0, "loss": 0, "accuracy": 0.8
    }  # fmt: skip
    assert parent.error == "1 of 3 combinations failed"
    assert parent.tags["mlops.best_run"] == children["lr=0.2"].run_id
    assert {name: run.status for name, run in children.items()} == {
        "lr=0.1": "FINISHED", "lr=0.2": "FINISHED", "lr=0.3": "FAILED"
    }  # fmt: skip
    assert {run.parent for run in children.values()} == {parent.run_id}
    assert {run.parent for run in fits} == {run.run_id for run in children.values()}
    assert children["lr=0.1"].params == {"lr": "0.1", "kind": "7", "flag": "True"}
    assert {run.tags["mlops.batch"] for run in (*children.values(), *fits)} == {parent.run_id}
    files = sorted(file.name for file in (project / "out").iterdir())
    assert [name.rpartition("-")[0] for name in files] == [f"train-lr=0.{n}_kind=7_flag=true" for n in (1, 2, 3)]
    injected = nbformat.read(project / "out" / files[0], as_version=4).cells[1].source
    assert injected.splitlines()[1:] == ["lr = 0.1", 'kind = "7"', "flag = True"]

    (project / "mended").touch()
    again = terminal(*words, "--resume", "--json", timeout=600)
    assert again.code == 0, again.err
    record = json.loads(again.out)
    rows = {row["name"]: row for row in record["rows"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "lr=0.1": "SKIPPED", "lr=0.2": "SKIPPED", "lr=0.3": "FINISHED"
    }, record["notes"]  # fmt: skip
    assert record["best"] is not None, record
    assert rows["lr=0.2"]["run_id"] == children["lr=0.2"].run_id
    assert (record["metric"], record["direction"], record["best"]["name"]) == ("accuracy", "higher", "lr=0.1")
    assert record["best"]["metrics"] == {"accuracy": 0.9, "loss": pytest.approx(0.01)}
    assert "2 of 3 were done before, and skipped" in record["notes"]
    assert any(note.startswith("lr=0.3: starts over: ") for note in record["notes"])
    assert len(stored_runs()) == len(runs) + 3, "a parent, a notebook and its cell"

    reports = ["--junit", "junit.xml", "--markdown", "summary.md"]
    judged = terminal(*words, "--resume", "--best", "accuracy", "--require", "accuracy >= 0.95", *reports)
    assert judged.code == 1, judged.err
    which = "train.ipynb with lr=0.1 kind=7 flag=true"
    assert f"CheckFailed: {which} does not meet its gate: accuracy >= 0.95 (accuracy is 0.9)" in judged.err
    assert f"✗ not met: accuracy >= 0.95 (accuracy is 0.9), in {which}" in judged.err + judged.out
    suites = list(JUnitXml.fromfile("junit.xml"))
    assert [suite.name for suite in suites] == [f"train.ipynb [lr=0.{n}]" for n in (1, 2, 3)]
    assert [case.name for case in suites[0] if not case.is_passed] == ["gate: accuracy >= 0.95"]
    assert Path("summary.md").read_text().startswith("## ✗ 2 of 3 notebooks passed\n")


def test_a_folder_and_a_parameter_file(project, stored_runs, clean_environment):
    for name in ("a", "sub/a", "sub/deep/b", ".hidden/c", "sub/.ipynb_checkpoints/a-checkpoint", ".mlops/executed/d"):
        (project / "work" / name).parent.mkdir(parents=True, exist_ok=True)
        write_notebook(project / "work" / f"{name}.ipynb", "print(lr, note)", parameters="lr = 1\nnote = 'x'")
    (project / "grid.csv").write_text("note\n1\n2\n")
    found = mlops_jupyter.run(
        "work", str(project / "work" / "a.ipynb"), params="grid.csv", sweep={"lr": [None, [1, 2]]}, experiment="night"
    )
    assert isinstance(found, Batch)
    assert found.total == len(found.rows) == 12, "the one that is named twice runs once"
    assert {row.status for row in found.rows} == {"FINISHED"}
    assert [row.name for row in found.rows[:5]] == [
        "a note=1 lr=null", "a note=1 lr=[1, 2]", "a note=2 lr=null", "a note=2 lr=[1, 2]", "sub/a note=1 lr=null"
    ]  # fmt: skip
    output = nbformat.read(str(found.rows[1].output), as_version=4)
    assert output.cells[-1].outputs[0].text == "[1, 2] 1\n"
    assert output.cells[1].source.splitlines()[1:] == ['note = "1"', "lr = [1, 2]"]
    assert found.metric is None
    runs = stored_runs()
    assert Counter(run.experiment for run in runs) == {"night": 13}
    assert by_name(runs)["3 notebooks"].status == "FINISHED"


ONE = "one.ipynb"
WRONG: list[tuple[dict[str, Any], type[MlopsError], str]] = [
    ({"sweep": {"lr": ""}}, CommandError, "the sweep of lr has no values"),
    ({"sweep": {"rl": "1,2"}}, CommandError, "one.ipynb declares no parameter rl"),
    ({"sweep": {"lr": "1,2"}, "parameters": {"lr": 1}}, CommandError, "lr is given twice, by -p and by --sweep"),
    ({"sweep": {"lr": "1,2"}, "params": "grid.csv"}, CommandError, "lr is given twice, by --sweep and by --params"),
    ({"params": "wrong.csv"}, CommandError, "one.ipynb declares no parameter depth"),
    ({"params": "nowhere.csv"}, NotFound, "there is no file nowhere.csv"),
    ({"sweep": {"lr": "1,1"}}, CommandError, "the sweep of lr has 1 twice, so combinations would be the same"),
    ({"sweep": {"lr": "1,2"}, "jobs": 0}, CommandError, "--jobs must be at least 1, not 0"),
    ({"sweep": {"lr": "1,2"}, "timeout": 0}, CommandError, "--timeout must be more than 0 seconds, not 0"),
    ({"sweep": {"lr": "1,2"}, "best": ":min"}, CommandError, "--best :min names no metric"),
    ({"sweep": {"lr": "1,2"}, "output": "x.ipynb"}, CommandError,
     "--output x.ipynb is one file, and several notebooks are run"),
    ({"sweep": {"lr": "1,2"}, "engine": "ray9"}, ConfigurationError, "no batch_engine adapter is called ray9"),
    ({"sweep": {"lr": "1..1000000"}}, ConfirmationRequired, "these are 1,000,000 combinations: 1,000,000 of lr"),
    ({"sweep": {"lr": "1..1000"}, "params": "depth.json"}, ConfirmationRequired,
     "these are 2,000 combinations: 2 rows × 1,000 of lr"),
    ({"sweep": {"lr": [object()]}}, CommandError,
     "the parameter lr cannot be written into a notebook: it is a object"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kind", "message"), WRONG)
def test_wrong_words_open_no_run(project, given, kind, message):
    write_notebook(project / ONE, "1", parameters="lr = 1")
    (project / "grid.csv").write_text("lr\n1\n")
    (project / "wrong.csv").write_text("depth\n1\n")
    (project / "depth.json").write_text('[{"depth": 1}, {"depth": 2}]')
    with pytest.raises(kind) as raised:
        mlops_jupyter.run(ONE, **given)
    assert raised.value.message == message
    assert raised.value.hint
    assert not list((project / ".mlops" / "journal").glob("*/run.json"))


def test_wrong_places(project):
    with pytest.raises(CommandError, match="which notebook"):
        mlops_jupyter.run()
    (project / "empty").mkdir()
    with pytest.raises(NotFound, match="there is no notebook below empty"):
        mlops_jupyter.run("empty")
    write_notebook(project / ONE, "1")
    with pytest.raises(NotFound, match=r"there is no notebook two\.ipynb"):
        mlops_jupyter.run(ONE, "two.ipynb")
    with pytest.raises(CommandError, match="no cell tagged parameters"):
        mlops_jupyter.run(ONE, sweep={"lr": "1,2"})


def test_a_sweep_given_twice_and_many_in_the_terminal(project, terminal):
    write_notebook(project / ONE, "1", parameters="lr = 1")
    twice = terminal("run", ONE, "--sweep", "lr=1", "--sweep", "lr=2")
    assert (twice.code, twice.err.splitlines()[0]) == (
        2, "CommandError: run: invalid value for '--sweep': lr is given twice"
    )  # fmt: skip
    many = terminal("run", ONE, "--sweep", "lr=1..1001")
    assert many.code == 4
    assert many.err.splitlines() == [
        "ConfirmationRequired: these are 1,001 combinations: 1,001 of lr",
        "  → fewer values, or --yes",
    ]


def test_the_best_that_is_asked_for(project, engine, clean_environment):
    engine(AtOnce)
    write_notebook(project / ONE, "1", parameters="lr = 1")
    with pytest.raises(NotFound) as raised:
        mlops_jupyter.run(ONE, sweep={"lr": range(3)}, best="acuracy")
    assert raised.value.message == "no combination has the metric acuracy, so none is best"


def test_a_hundred_combinations_that_cost_nothing(project, engine, stored_runs, clean_environment):
    engine(AtOnce)
    write_notebook(project / ONE, "1", parameters="lr = 1")
    found = mlops_jupyter.run(ONE, sweep={"lr": "1..100"}, jobs=1000)
    assert (found.done, found.left, found.jobs, len(found.rows)) == (100, 0, 100, 100)
    assert [row.parameters for row in found.rows] == [{"lr": number} for number in range(1, 101)]
    runs = stored_runs()
    assert len({run.tags["mlops.combination"] for run in runs if run.parent}) == 100
    assert {run.status for run in runs} == {"FINISHED"}
    again = mlops_jupyter.run(ONE, sweep={"lr": "50..110"}, resume=True)
    assert (again.skipped, again.done) == (51, 10), "whatever the sweep was, what is done is done"
    write_notebook(project / ONE, "2", parameters="lr = 1")
    changed = mlops_jupyter.run(ONE, sweep={"lr": "1..3"}, resume=True)
    assert (changed.skipped, changed.done) == (0, 3), "another notebook"


def test_what_is_done_is_done_in_its_experiment_and_at_its_place(project, engine, clean_environment):
    engine(AtOnce)
    for name in ("a.ipynb", "b.ipynb"):
        write_notebook(project / name, "1", parameters="lr = 1")
    mlops_jupyter.run("a.ipynb", sweep={"lr": "1,2"})
    skipped = {
        experiment: mlops_jupyter.run("a.ipynb", sweep={"lr": "1,2"}, experiment=experiment, resume=True).skipped
        for experiment in ("prod", None, "churn")
    }
    assert skipped == {"prod": 0, None: 2, "churn": 2}
    assert mlops_jupyter.run("a.ipynb", sweep={"lr": "1,2"}, experiment="prod", resume=True).skipped == 2
    assert mlops_jupyter.run("b.ipynb", sweep={"lr": "1,2"}, resume=True).skipped == 0, "as equal as it is to the other"


class Telling(AtOnce):
    """Tells of each notebook where its kernel came from, and of one more."""

    def execute(self, tasks: Any, **_: Any) -> Any:
        for task in tasks:
            note = "resumed at cell 1" if task.parameters["lr"] == 2 else ""
            yield task.key, NotebookOutcome("done", note=note, kernel="the kernel was forked from the warm process")


def test_a_notebook_that_is_edited_while_its_batch_runs_is_told(project, terminal, stored_runs):
    edit = (
        "from pathlib import Path\nfile = Path('one.ipynb')\nfile.write_text(file.read_text().replace('gone', 'come'))"
    )
    write_notebook(project / "one.ipynb", edit, "print('gone')", parameters="lr = 1")
    done = terminal("run", "one.ipynb", "--sweep", "lr=1,2,3", "--jobs", "1")
    assert done.code == 0
    told = "2 of 3: one.ipynb was edited while the batch ran: this is another version than the first combination's"
    assert told in done.out


def test_what_notebooks_have_to_say_is_said_once(project, engine, clean_environment):
    engine(Telling)
    write_notebook(project / ONE, "1", parameters="lr = 1")
    found = mlops_jupyter.run(ONE, sweep={"lr": "1,2,x"}, verbose=True)
    assert found.notes[:3] == (
        "3 of 3: the kernel was forked from the warm process",
        "lr=2: resumed at cell 1",
        "lr=x: the parameter lr is x, and its default is 1: with lr: int = 1 in the notebook such a value is refused",
    )
    quiet = mlops_jupyter.run(ONE, sweep={"lr": "1"})
    assert not any("kernel" in note for note in quiet.notes)


def test_a_folder_s_own_results_and_environments_are_no_notebooks_of_it(project, engine, clean_environment):
    engine(AtOnce)
    for name in ("a", "out/a-1", "mlops-results/a", "env/share/a", "web/node_modules/x/a", "settled/a", "results/b"):
        (project / "work" / name).parent.mkdir(parents=True, exist_ok=True)
        write_notebook(project / "work" / f"{name}.ipynb", "1")
    (project / "work" / "env" / "pyvenv.cfg").touch()
    (project / "mlops.toml").write_text('experiment = "churn"\n[run]\noutput = "work/settled"\n')
    found = mlops_jupyter.run("work", output="work/out")
    assert isinstance(found, Batch)
    assert [row.name for row in found.rows] == ["a", "b"]
    assert (
        "left out: env (a Python environment), mlops-results (executed notebooks), out (executed notebooks), "
        "settled (executed notebooks), web/node_modules (packages)"
    ) in found.notes
    assert mlops_jupyter.run("work/out", "work/a.ipynb").total == 2, "a folder that is named is meant"


def test_results_beside_their_notebooks_are_not_run(project, clean_environment):
    (project / "work").mkdir()
    for name in ("a", "b"):
        write_notebook(project / "work" / f"{name}.ipynb", "1")
    first = mlops_jupyter.run("work", output="work")
    results = sorted(file.name for file in (project / "work").glob("*-*.ipynb"))
    assert (first.total, len(results)) == (2, 2)
    again = mlops_jupyter.run("work", output="work")
    assert [row.name for row in again.rows] == ["a", "b"]
    assert f"left out: {', '.join(f'{name} (an executed notebook)' for name in results)}" in again.notes
    assert mlops_jupyter.run(f"work/{results[0]}", "work/a.ipynb", output="work").total == 2, "what is named is meant"


def test_an_engine_from_another_distribution(project, tmp_path, monkeypatch, clean_environment):
    site = tmp_path / "site"
    info = site / "strange-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "strange.py").write_text("from tests.fakes.engines import OneByOne as Engine\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mlops_jupyter.batch_engine]\nstrange = strange:Engine\n")
    monkeypatch.syspath_prepend(str(site))
    write_notebook(project / ONE, "1", parameters="lr = 1")

    def forget() -> None:
        for cached in (registry._everything, registry._installed, registry.load):
            cached.cache_clear()

    forget()
    try:
        assert registry.load("batch_engine", "strange") is OneByOne
        found = mlops_jupyter.run(ONE, engine="strange")
        assert isinstance(found, Batch)
        assert (found.engine, found.done) == ("strange", 1)
    finally:
        monkeypatch.undo()
        forget()


def test_a_notebook_that_cannot_run_stops_no_other(project, stored_runs, clean_environment):
    write_notebook(project / "good.ipynb", "1")
    (project / "text.ipynb").write_text("no notebook")
    write_notebook(project / "julia.ipynb", "1", kernel="julia-1.9")
    with pytest.raises(ExecutionFailed) as raised:
        mlops_jupyter.run(*sorted(project.glob("*.ipynb")))
    assert raised.value.exit_code == 6
    assert raised.value.message == (
        "julia.ipynb failed before its first cell: "
        "ConfigurationError: julia.ipynb wants the kernel julia-1.9, which is not installed"
    )
    runs = by_name(stored_runs())
    assert {name: run.status for name, run in runs.items()} == {
        "3 notebooks": "FAILED", "good": "FINISHED", "text": "FAILED", "julia": "FAILED"
    }  # fmt: skip
    assert runs["text"].error == "ConfigurationError: text.ipynb is no notebook: it is not JSON"


def test_ctrl_c_keeps_what_ran(project, stored_runs, as_a_user_starts_it):
    write_notebook(
        project / "train.ipynb",
        "import time\nwhile n > 1:\n    open('started', 'w').close()\n    time.sleep(0.05)",
        parameters="n = 1",
    )
    process = subprocess.Popen(
        ["mlops", "run", "train.ipynb", "--sweep", "n=1..9", "--jobs", "2"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for((project / "started").exists, 180)
        wait_for(lambda: list((project / ".mlops/executed").glob("train-n=1-*.ipynb")), 180)
        wait_for(lambda: len(list((project / ".mlops/executed").glob("train-*.ipynb"))) >= 2, 180)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=180)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted"
    assert "KILLED  train" in said
    shipper = json.loads((project / ".mlops" / "journal" / "shipper.json").read_text())["pid"]
    wait_for(lambda: all(ended(one) for one in family if one.pid != shipper), 30)
    runs = by_name(stored_runs())
    assert runs["train"].status == "KILLED"
    assert runs["n=1"].status in {"FINISHED", "KILLED"}
    assert {run.status for name, run in runs.items() if name not in {"train", "n=1"}} == {"KILLED"}
    assert 2 <= len(runs) <= 4, "nothing was begun after it"


def test_thirty_with_a_worker_killed(project, stored_runs, clean_environment):
    body = "import os\nopen(f'at-{n}', 'w').write(os.environ['JPY_PARENT_PID'])"
    wait = "import time\nwhile n == 7 and not os.path.exists('killed'): time.sleep(0.02)"
    write_notebook(project / "train.ipynb", body, wait, "1", parameters="n = 1")
    process = subprocess.Popen(
        ["mlops", "run", "train.ipynb", "--sweep", "n=1..30", "--json"], cwd=project, stdout=subprocess.PIPE, text=True
    )
    try:
        seen = project / "at-7"
        wait_for(lambda: seen.exists() and seen.read_text(), 300)
        (project / "killed").touch()
        os.kill(int(seen.read_text()), signal.SIGKILL)
        said, _ = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 0
    record = json.loads(said)
    assert [row["parameters"]["n"] for row in record["rows"]] == list(range(1, 31))
    assert {row["status"] for row in record["rows"]} == {"FINISHED"}
    runs = stored_runs()
    assert len(runs) == 31
    assert Counter(run.params["n"] for run in runs if run.parent) == {str(n): 1 for n in range(1, 31)}
    assert {run.status for run in runs} == {"FINISHED"}


def test_a_warm_process_that_is_killed_loses_nothing(project, stored_runs, clean_environment):
    """Its kernels die with it; their notebooks are executed again."""
    body = "import os\nopen(f'at-{n}', 'w').write(str(os.getppid()))"
    wait = "import time\nwhile n == 2 and not os.path.exists('killed'): time.sleep(0.02)"
    write_notebook(project / "train.ipynb", body, wait, "1", parameters="n = 1")
    words = ["mlops", "run", "train.ipynb", "--sweep", "n=1..4", "--json"]
    process = subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, text=True)
    try:
        seen = project / "at-2"
        wait_for(lambda: seen.exists() and seen.read_text(), 300)
        (project / "killed").touch()
        os.kill(int(seen.read_text()), signal.SIGKILL)
        said, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0
    assert [row["status"] for row in json.loads(said)["rows"]] == ["FINISHED"] * 4


def test_live_table_in_a_kernel(project, kernel):
    write_notebook(project / "train.ipynb", LOAD, FIT, parameters="lr = 0.1")
    reply = kernel.run("%mlops run train.ipynb --sweep lr=0.1,0.2 --best loss", timeout=300)
    assert reply.status == "ok", reply.traceback
    shown: dict[str, dict[str, Any]] = {}
    for place, one in enumerate(reply.outputs):
        if "data" in one["content"]:
            shown[one["content"].get("transient", {}).get("display_id", str(place))] = one["content"]["data"]
    mime = "application/vnd.mlops-jupyter.batch+json"
    live = [record["run"]["status"] for record in reply.records("batch")]
    assert live.count("RUNNING") >= 2, "it was drawn anew while it ran"
    saved = [data for data in shown.values() if mime in data]
    assert len(saved) == 1, "the saved notebook has the final table only"
    assert saved[0][mime]["best"]["name"] == "lr=0.2"
    assert [row["status"] for row in saved[0][mime]["rows"]] == ["FINISHED", "FINISHED"]
    assert any("best loss 0: lr=0.2" in data.get("text/html", "") for data in shown.values()), "the bar's last word"


def test_the_views_of_very_many_rows():
    from mlops_jupyter.faces import render
    from mlops_jupyter.faces.views.batch import excerpt

    rows = tuple(
        BatchRow(f"lr={n}", "/x/train.ipynb", {"lr": n}, "FINISHED", f"{n:032x}", 1.0, {"loss": abs(n - 5000)})
        for n in range(10_000)
    )
    run = Run("f" * 32, "train", "churn", "FINISHED")
    batch = Batch(("/x/train.ipynb",), 2, "local", run, 10_000, rows, "loss", "lower", rows[5000])
    text = render.text(batch)
    assert text.splitlines()[2].split()[:3] == ["★", "FINISHED", "lr=5000"]
    assert "… and 9950 more" in text
    kept = render.mime_bundle(batch)
    assert len(kept[render.mime_type(batch)]["rows"]) == 200
    assert kept["text/html"].count("<tr>") == 201
    assert excerpt(batch).rows[0] == rows[5000]
    assert len(render.as_json(batch)["rows"]) == 10_000


def test_an_interrupt_in_a_kernel_keeps_what_ran(project, kernel, stored_runs):
    write_notebook(
        project / "train.ipynb",
        "import time\nwhile n > 1:\n    open('started', 'w').close()\n    time.sleep(0.05)",
        parameters="n = 1",
    )

    def interrupt() -> None:
        wait_for((project / "started").exists, 180)
        kernel.manager.interrupt_kernel()

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    reply = kernel.run("%mlops run train.ipynb --sweep n=1..5 --jobs 1", timeout=300)
    interrupting.join()
    assert (reply.status, reply.ename) == ("error", "KeyboardInterrupt")
    record = reply.records("batch")[-1]
    assert [(row["name"], row["status"]) for row in record["rows"]] == [("n=1", "FINISHED"), ("n=2", "KILLED")]
    assert (record["run"]["status"], record["left"]) == ("KILLED", 4)
    assert by_name(stored_runs())["train"].status == "KILLED"
    assert kernel.run("1 + 1").status == "ok"
