"""``mlops run --require``: what it costs a pipeline when a metric is not what it must be, and when it is misspelt."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import mlflow
import pytest
from junitparser import JUnitXml

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.commands.gates import planned
from mlops_jupyter.errors import CommandError, Conflict, NotFound, Unavailable
from tests.fakes.forges import Forge, serving
from tests.fakes.notebooks import write_notebook
from tests.fakes.repositories import git
from tests.fakes.store import WritableStore

pytestmark = pytest.mark.usefixtures("no_process_left")
LOAD = "%load_ext mlops_jupyter"
FIT = "%%mlops track fit --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=accuracy, loss=0.5)"


@pytest.fixture
def notebook(project) -> Path:
    return write_notebook(
        project / "train.ipynb", LOAD, FIT, "# Last words\nprint('done')", parameters="accuracy = 0.9"
    )


@pytest.fixture
def store(project) -> WritableStore:
    return WritableStore(f"sqlite:///{project}/.mlops/mlflow.db")


def logged(
    store: WritableStore, name: str, status: str = "FINISHED", parent: str | None = None, **metrics: float
) -> str:
    run_id = store.create_run("churn", name, {} if parent is None else {"mlflow.parentRunId": parent})
    store.sink.write(run_id, [(key, value, 1_764_000_000_000, 0) for key, value in metrics.items()], {}, {})
    store.finish_run(run_id, status)
    return run_id


def register(store: WritableStore, model: str, run_id: str | None, alias: str | None = None) -> None:
    client = mlflow.MlflowClient(store.uri)
    with contextlib.suppress(mlflow.exceptions.MlflowException):
        client.create_registered_model(model)
    version = client.create_model_version(model, "file:///nowhere", run_id)
    if alias is not None:
        client.set_registered_model_alias(model, alias, version.version)


# --- with a kernel ----------------------------------------------------------------------------------------------------


def test_gates_that_are_met(notebook, store, terminal):
    register(store, "churn", logged(store, "earlier", accuracy=0.91), "champion")
    done = terminal(
        "run", "train.ipynb", "--require", "accuracy >= champion.accuracy - 0.02 and fit.loss < 1",
        "--require", "accuracy>train.accuracy", "--baseline", "train=earlier", "-p", "accuracy=0.95",
        "--junit", "reports/junit.xml", "--markdown", "reports/summary.md", "--html",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "✓ met: accuracy >= champion.accuracy - 0.02 (accuracy is 0.95; champion.accuracy is 0.91 (" in done.out
    assert "✓ met: fit.loss < 1 (fit.loss is 0.5)" in done.out
    assert "✓ met: accuracy>train.accuracy (accuracy is 0.95; train.accuracy is 0.91 (train, the run" in done.out
    (suite,) = JUnitXml.fromfile("reports/junit.xml")
    assert [case.name for case in suite] == [
        "cell 0: accuracy = 0.9", "cell 1: %load_ext mlops_jupyter", "cell 2: %%mlops track fit --no-autolog",
        "cell 3: # Last words", "gate: accuracy >= champion.accuracy - 0.02", "gate: fit.loss < 1",
        "gate: accuracy>train.accuracy",
    ]  # fmt: skip
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 0, 0, 0)
    cases = list(suite)
    assert cases[2].time > 0
    assert cases[3].system_out == "done\n"
    assert {case.classname for case in cases} == {"train.ipynb"}
    summary = Path("reports/summary.md").read_text()
    assert summary.startswith("## ✓ `train.ipynb`: passed\n")
    assert "| ✓ met | `fit.loss < 1` | 0.5 | 1 | `fit` `" in summary
    assert "Notebook diff: no target branch is known; `--against REV` names one." in summary


def test_a_gate_that_is_not_met_fails_the_pipeline(notebook, terminal):
    done = terminal(
        "run", "train.ipynb", "--require", "accuracy >= 0.95", "--require", "loss < 1", "--json",
        "--junit", "junit.xml", "--markdown", "summary.md", "--html", "--output", "out.ipynb",
    )  # fmt: skip
    assert done.code == 1
    assert done.err.splitlines()[-2:] == [
        "CheckFailed: train.ipynb does not meet its gate: accuracy >= 0.95 (accuracy is 0.9)",
        f"  → read {Path('out.ipynb').absolute()}",
    ]
    record = json.loads(done.out)
    (child,) = record["children"]
    assert record["run"]["status"] == "FINISHED"
    assert record["gates"] == [
        {"text": "accuracy >= 0.95", "verdict": "not met", "value": 0.9, "bound": 0.95, "run": "fit",
         "run_id": child["run_id"], "detail": "accuracy is 0.9", "of": "", "passed": False},
        {"text": "loss < 1", "verdict": "met", "value": 0.5, "bound": 1.0, "run": "fit",
         "run_id": child["run_id"], "detail": "loss is 0.5", "of": "", "passed": True},
    ]  # fmt: skip
    assert Path(record["html"]).is_file()
    (suite,) = JUnitXml.fromfile("junit.xml")
    (failed,) = [case for case in suite if not case.is_passed]
    assert failed.name == "gate: accuracy >= 0.95"
    assert [(one.message, one.type) for one in failed.result] == [("accuracy is 0.9", "not met")]
    assert "| ✗ not met | `accuracy >= 0.95` | 0.9 | 0.95 |" in Path("summary.md").read_text()


def test_a_metric_that_no_run_has_is_an_error(notebook, terminal):
    done = terminal("run", "train.ipynb", "--require", "acuracy < 2", "--junit", "junit.xml")
    assert done.code == 4
    assert done.err.splitlines()[-2:] == [
        (
            "NotFound: train.ipynb: the gate acuracy < 2 cannot be judged: "
            "the notebook has no metric acuracy; there are: accuracy, loss"
        ),
        "  → mlops runs",
    ]
    assert "executed notebook: " in done.err
    (suite,) = JUnitXml.fromfile("junit.xml")
    assert (suite.failures, suite.errors) == (0, 1)


def test_a_failing_cell_comes_before_the_gates(project, terminal):
    write_notebook(project / "train.ipynb", LOAD, "1 / 0", "2")
    done = terminal(
        "run", "train.ipynb", "--require", "accuracy >= 0.9", "--junit", "junit.xml", "--markdown", "summary.md"
    )
    assert done.code == 6
    assert "– not judged: accuracy >= 0.9 (the notebook did not run to its end)" in done.err
    (suite,) = JUnitXml.fromfile("junit.xml")
    outcomes = {case.name: [(type(one).__name__, one.message) for one in case.result] for case in suite}
    assert outcomes == {
        "cell 0: %load_ext mlops_jupyter": [],
        "cell 1: 1 / 0": [("Failure", "ZeroDivisionError: division by zero")],
        "cell 2: 2": [("Skipped", "not reached")],
        "gate: accuracy >= 0.9": [("Skipped", "the notebook did not run to its end")],
    }
    (failed,) = [case for case in suite if case.is_failure]
    assert "ZeroDivisionError" in failed.result[0].text
    assert "\x1b" not in failed.result[0].text
    summary = Path("summary.md").read_text()
    assert summary.startswith("## ✗ `train.ipynb`: failed\n")
    assert "### Failed at cell 1\n\n`ZeroDivisionError: division by zero`" in summary


def test_in_a_kernel_the_record_shows(notebook, kernel):
    reply = kernel.run("%mlops run train.ipynb --require 'accuracy >= 0.95'")
    assert reply.status == "ok"
    (shown,) = reply.records("execution")
    assert [one["verdict"] for one in shown["gates"]] == ["not met"]
    assert "not met" in reply.displayed[-1]["text/html"]


def test_secrets_reach_no_report(project, terminal):
    write_notebook(
        project / "train.ipynb",
        "import os\nprint(os.environ['CHURN_TOKEN'] * 3)\nraise ValueError(os.environ['CHURN_TOKEN'])",
    )
    done = terminal("run", "train.ipynb", "--junit", "junit.xml", "--markdown", "summary.md", CHURN_TOKEN="s3cret-abc")
    assert done.code == 6
    for file in ("junit.xml", "summary.md"):
        text = Path(file).read_text()
        assert "s3cret-abc" not in text
        assert "[CHURN_TOKEN]" in text


def test_the_diff_against_the_target_branch_and_a_note(notebook, project, terminal, tmp_path):
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "train.ipynb")
    git(project, "commit", "-q", "-m", "first")
    git(project, "update-ref", "refs/remotes/origin/main", "HEAD")
    changed = json.loads(notebook.read_text())
    changed["cells"][0]["source"] = "accuracy = 0.7"
    notebook.write_text(json.dumps(changed))
    with serving(Forge()) as forge:
        pipeline = {
            "CI_MERGE_REQUEST_IID": "7", "CI_PROJECT_URL": f"{forge.url}/ml/churn", "GITLAB_TOKEN": "a-token",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        }  # fmt: skip
        done = terminal("run", "train.ipynb", "--require", "accuracy > 0.8", "--note", **pipeline)
        assert done.code == 1, done.err
        (note,) = forge.notes
        assert "✗ not met" in note["body"]
        assert "### Notebook against `origin/main`" in note["body"]
        assert "- accuracy = 0.9\n+ accuracy = 0.7" in note["body"]
        page = tmp_path / "page.md"
        page.write_text("before\n")
        done = terminal(
            "run",
            "train.ipynb",
            "--note",
            "--markdown",
            str(page),
            "-p",
            "accuracy=1",
            GITHUB_STEP_SUMMARY=str(page),
            **pipeline,
        )
        assert done.code == 0, done.err
        assert [one["body"].splitlines()[1] for one in forge.notes] == ["## ✓ `train.ipynb`: passed"]
        assert page.read_text().startswith("before\n## ✓ ")
        done = terminal("run", "train.ipynb", "--note", "--against", "HEAD", **pipeline | {"GITLAB_TOKEN": "another"})
    assert done.code == 0, "a note that cannot be written fails no run"
    assert "note: no note was written: GitLab does not let this token in" in done.out


# --- before anything runs ---------------------------------------------------------------------------------------------


def gates_of(notebook: Path, *require: str, **baselines: str):
    return planned(settings.current(), require, baselines, [notebook], None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--require", "accuracy = 0.9"], (2, "the gate accuracy = 0.9 has one =; equal is written ==")),
        (["--require", "a > champoin.b"], (4, "a gate reads champoin, and no baseline, run or alias has this name")),
        (["--require", "a > 1", "--baseline", "old=abcd"], (2, "no gate reads the baseline old")),
        (["--junit", "."], (2, "--junit . is a directory")),
        (["--markdown", "mlops.toml/x.md"], (3, "cannot write mlops.toml/x.md")),
        (["--against", "main"], (2, "--against changes nothing without --markdown or --note")),
        (["--against", "main", "--note"], (4, "there is no revision main where train.ipynb lies")),
    ],
)
def test_a_mistake_costs_nothing(notebook, terminal, stored_runs, words, expected):
    done = terminal("run", "train.ipynb", *words)
    code, said = expected
    assert done.code == code
    assert said in done.err
    assert stored_runs() == []


def test_a_baseline_by_name_is_the_newest_finished_run_and_the_runs_within_it(notebook, store):
    logged(store, "train", accuracy=0.1)
    newest = logged(store, "train")
    logged(store, "fit", parent=newest, accuracy=0.2)
    logged(store, "train", "FAILED", accuracy=0.3)
    found = gates_of(notebook, "accuracy > train.accuracy").baselines["train"]
    assert next(run.run_id for run in found.runs) == newest
    assert found.runs[1].metrics == {"accuracy": 0.2}
    by_id = gates_of(notebook, "accuracy > old.accuracy", old=newest[:8]).baselines["old"]
    assert by_id.runs == found.runs
    assert by_id.given


def test_a_baseline_without_the_metric(notebook, store):
    logged(store, "other", f1=1.0)
    with pytest.raises(NotFound, match=r"other, the run .* has no metric accuracy; there are: f1"):
        gates_of(notebook, "accuracy > other.accuracy")
    # The notebook has the word fit, and may make a run of that name.
    logged(store, "fit", f1=1.0)
    assert gates_of(notebook, "accuracy > fit.accuracy").baselines["fit"].given is False
    with pytest.raises(NotFound, match="has no metric accuracy"):
        gates_of(notebook, "accuracy > fit.accuracy", fit="fit")


def test_aliases_and_versions(notebook, store):
    first, second = logged(store, "one", accuracy=0.5), logged(store, "two", accuracy=0.6)
    register(store, "churn", first, "champion")
    register(store, "churn", second, "challenger")
    found = gates_of(notebook, "accuracy > champion.accuracy and accuracy > challenger.accuracy").baselines
    assert found["champion"].runs[0].run_id == first
    assert found["champion"].words == f"champion, version 1 of churn, run {first[:8]}"
    assert found["challenger"].runs[0].run_id == second
    for reference in ("models:/churn@challenger", "models:/churn/2"):
        given = gates_of(notebook, "accuracy > b.accuracy", b=reference).baselines["b"]
        assert given.runs[0].run_id == second
    register(store, "fraud", first, "champion")
    with pytest.raises(Conflict, match="champion is an alias of churn and fraud") as conflict:
        gates_of(notebook, "accuracy > champion.accuracy")
    assert conflict.value.hint == "--baseline champion=models:/churn@champion"
    register(store, "churn", None, "orphan")
    with pytest.raises(NotFound, match="version 3 of churn comes from no run"):
        gates_of(notebook, "accuracy > orphan.accuracy")
    for reference, error in (
        ("models:/churn@nobody", NotFound), ("models:/churn/99", NotFound), ("models:/none@champion", NotFound),
        ("models:/none/1", NotFound), ("models:/churn", CommandError), ("nothing", NotFound),
    ):  # fmt: skip
        with pytest.raises(error):
            gates_of(notebook, "accuracy > b.accuracy", b=reference)
    with pytest.raises(NotFound) as missing:
        gates_of(notebook, "accuracy > champoin.accuracy")
    assert missing.value.hint == "did you mean champion? else --baseline champoin=RUN"


def test_a_name_that_the_notebook_may_give_waits(notebook, store):
    assert gates_of(notebook, "accuracy >= fit.accuracy").baselines == {}


def test_a_store_that_is_down_is_said_before(notebook, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(Unavailable):
            gates_of(notebook, "accuracy > champion.accuracy")
    assert gates_of(notebook, "accuracy > 0.9").baselines == {}, "no store is asked for numbers"


def test_one_text_is_one_gate_in_python(notebook):
    with pytest.raises(CommandError, match="the gate accuracy has its end"):
        mlops_jupyter.run(notebook, require="accuracy")
