"""Every verb through every face where its place allows: the same call gives the same record."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.errors import ConfirmationRequired
from mlops_jupyter.faces import render
from mlops_jupyter.verbs import VERBS
from tests.fakes import verbs as fakes
from tests.fakes.models import small_model
from tests.fakes.notebooks import write_notebook
from tests.fakes.repositories import git
from tests.fakes.waiting import wait_for

# The row of each verb: what must hold in every face, and the fields that cannot be the same twice.
ROWS: dict[str, Callable[..., None]] = {}
OF_AN_ENDPOINT = {"url", "port", "pid", "started", "token_file", "log", "curl", "python"}
OF_A_RUN = {"run_id", "started", "duration_s", "history"}


def row(test: Callable[..., None]) -> Callable[..., None]:
    ROWS[test.__name__.removeprefix("test_")] = test
    return test


def steady(value: Any, volatile: set[str]) -> Any:
    """Leave the volatile fields out, wherever they stand."""
    if isinstance(value, dict):
        return {name: steady(one, volatile) for name, one in value.items() if name not in volatile}
    return [steady(one, volatile) for one in value] if isinstance(value, list) else value


@pytest.fixture
def by_terminal(terminal):
    def call(*words: str) -> Any:
        done = terminal(*words, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    return call


@pytest.fixture
def by_magic(kernel):
    def call(cell: str) -> Any:
        reply = kernel.run(cell)
        assert reply.status == "ok", reply.traceback
        (shown,) = [
            value
            for bundle in reply.displayed
            for mime, value in bundle.items()
            if mime.startswith("application/vnd.mlops-jupyter.")
        ]
        return shown

    return call


def by_python(record: object) -> Any:
    return json.loads(json.dumps(render.as_json(record), allow_nan=False))


# In this process a verb of Python tells MLflow's variables to the process, so Python comes last in every test.


@row
def test_init(by_terminal, by_magic, project):
    found = []
    for face in ("terminal", "magic", "python"):
        (project.parent / face / "shop").mkdir(parents=True)
    found.append(by_terminal("init", str(project.parent / "terminal" / "shop"), "--experiment", "sales"))
    found.append(by_magic(f"%mlops init {project.parent / 'magic' / 'shop'} --experiment sales"))
    found.append(by_python(mlops_jupyter.init(str(project.parent / "python" / "shop"), experiment="sales")))
    first, second, third = (steady(one, {"root"}) for one in found)
    assert first == second == third
    assert [step["outcome"] for step in first["steps"]] == ["created"] * 3
    texts = {(project.parent / face / "shop" / "mlops.toml").read_text() for face in ("terminal", "magic", "python")}
    assert len(texts) == 1


@row
def test_doctor(by_terminal, by_magic, project):
    first = by_terminal("doctor")
    assert first == by_magic("%mlops doctor")
    assert first == by_python(mlops_jupyter.doctor())
    assert {"python", "mlflow", "settings", "store", "git", "kernel"} <= {check["name"] for check in first["checks"]}


@row
def test_status(by_terminal, by_magic, project):
    first = by_terminal("status")
    assert first == by_magic("%mlops status") == by_magic("%mlops")
    assert first == by_python(mlops_jupyter.status())
    assert (first["root"], first["experiment"], first["tracking_uri_from"]) == (str(project), "churn", "default")


@row
def test_track(by_magic, terminal, project):
    done = terminal("track", "fit")
    assert (done.code, done.err) == (
        2,
        "CommandError: track needs a notebook around it\n  → in a notebook: %%mlops track\n",
    )
    first = by_magic(
        "%%mlops track fit --tag team=blue --param depth --no-autolog\nimport mlops_jupyter\ndepth = 3\n"
        "mlops_jupyter.log(accuracy=0.5)"
    )
    with mlops_jupyter.track("fit", tag={"team": "blue"}, param=["depth"], autolog=False) as tracked:
        depth = 3  # noqa: F841 -- logged by its name
        mlops_jupyter.log(accuracy=0.5)
    # MLflow's own name of the program, as this kernel has no notebook that could be known.
    # Of a cell alone can be told whether it depended on what others did.
    volatile = OF_A_RUN | {"mlflow.source.name", "mlflow.source.type", "mlops.honesty", "notebook"}
    assert steady(first, volatile) == steady(by_python(tracked.record), volatile)
    assert (first["status"], first["params"], first["metrics"]) == ("FINISHED", {"depth": "3"}, {"accuracy": 0.5})


def test_track_as_a_line_magic(kernel):
    reply = kernel.run("%mlops track fit")
    assert reply.traceback == [
        "CommandError: %mlops track tracks nothing: it works on a whole cell",
        "  → write %%mlops track as the cell's first line and move what stands above it below",
    ]


@row
def test_log(terminal, kernel, stored_runs, project):
    done = terminal("log", "1")
    assert (done.code, done.err) == (2, "CommandError: log is for Python code\n  → call mlops_jupyter.log(…)\n")
    reply = kernel.run("%mlops log 1")
    assert reply.traceback == ["CommandError: log is for Python code", "  → call mlops_jupyter.log(…)"]

    body = "mlops_jupyter.log(step=2, loss=0.25, best=True)"
    kernel.run(f"%%mlops track --no-autolog\nimport mlops_jupyter\n{body}")
    with mlops_jupyter.track(autolog=False):
        mlops_jupyter.log(step=2, loss=0.25, best=True)
    assert [run.metrics for run in stored_runs()] == [{"loss": 0.25, "best": 1.0}] * 2


@row
def test_runs(by_terminal, by_magic, project):
    for number in (3, 1, 2):
        by_magic(f"%%mlops track n{number} --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(score={number})")
    query, name = "metrics.score > 1", "score"
    first = by_terminal("runs", query, "--sort", f"{name} asc", "-n", "5")
    assert first == by_magic(f"%mlops runs '{query}' --sort '{name} asc' --limit=5")
    assert first == by_python(mlops_jupyter.runs(query, sort=f"{name} asc", limit=5))
    assert [run["name"] for run in first["runs"]] == ["n2", "n3"]


@row
def test_compare(by_terminal, by_magic, kernel, project):
    for number in (3, 1):
        by_magic(f"%%mlops track n{number} --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(score={number})")
    first = by_terminal("compare", "n3", "n1", "--lower", "score")
    assert first == by_magic("%mlops compare n3 n1 --lower=score")
    kernel.run("best = mlops_jupyter.runs(sort='score')[0]")
    assert first == by_magic("%mlops compare $best n1 --lower=score")
    assert first == by_python(mlops_jupyter.compare("n3", "n1", lower="score"))
    assert [(metric["name"], metric["best"]) for metric in first["metrics"]] == [("score", [1])]


@pytest.fixture
def saved_model(tmp_path):
    import mlflow
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path / "saved"
    mlflow.sklearn.save_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), str(folder), pip_requirements=[])
    return folder


@row
def test_register(by_terminal, by_magic, saved_model, project):
    first = by_terminal("register", str(saved_model), "--name", "churn", "--alias", "champion")
    volatile = {"run_id", "source", "created"}
    second = by_magic("%mlops register models:/churn@champion --name shop --alias champion")
    third = by_python(mlops_jupyter.register("churn/1", name="shop", alias="champion"))
    assert steady(first, {*volatile, "model", "uri"}) == steady(second, {*volatile, "model", "uri"})
    assert third["notes"] == ["this model is version 1 already, so none was made"]
    assert steady(second, {"notes"}) == steady(third, {"notes"})
    assert (first["uri"], first["aliases"], first["run"]) == ("models:/churn/1", ["champion"], "churn")


@row
def test_models(by_terminal, by_magic, saved_model, project):
    by_terminal("register", str(saved_model), "--name", "churn")
    first = by_terminal("models", "churn")
    assert first == by_magic("%mlops models churn")
    assert first == by_python(mlops_jupyter.models("churn"))
    assert [(one["model"], one["version"]) for one in first["versions"]] == [("churn", "1")]


@row
def test_promote(by_terminal, by_magic, saved_model, project):
    by_terminal("register", str(saved_model), "--name", "churn")
    first = by_terminal("promote", "churn/1", "--to", "champion")
    second = by_magic("%mlops promote churn/1 --to champion")
    third = by_python(mlops_jupyter.promote("churn@champion", to="champion"))
    assert (first["version"], first["before"], first["changed"]) == ("1", None, True)
    assert second == third == first | {"before": "1", "changed": False, "notes": ["it pointed there already"]}


@row
def test_run(by_terminal, by_magic, project):
    write_notebook(project / "train.ipynb", "print(depth)", parameters="depth = 4")
    first = by_terminal("run", "train.ipynb", "-p", "depth=6")
    second = by_magic("%mlops run train.ipynb -p depth=6")
    third = by_python(mlops_jupyter.run("train.ipynb", parameters={"depth": 6}))
    volatile = OF_A_RUN | {"output"}  # it is named after the run
    assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
    assert (first["parameters"], first["run"]["status"]) == ({"depth": 6}, "FINISHED")


@row
def test_warm(by_terminal, by_magic, project):
    volatile = {"memory_bytes"}
    first = by_terminal("warm", "--import", "wave,colorsys", "--idle", "600")
    try:
        second = by_magic("%mlops warm --import wave,colorsys --idle 600")
        third = by_python(mlops_jupyter.warm(import_=["wave", "colorsys"], idle=600))
        assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
        assert [one["modules"] for one in first["imports"]] == [["colorsys", "wave"]]
    finally:
        ended = by_terminal("warm", "--stop")
    assert (ended["pid"], ended["notes"]) == (
        None,
        [f"process {first['pid']} has ended, and the kernels forked from it"],
    )
    assert by_python(mlops_jupyter.warm(stop=True))["notes"] == by_magic("%mlops warm --stop")["notes"]


@row
def test_snapshot(by_terminal, by_magic, project):
    write_notebook(project / "train.ipynb", "x = 1")
    first = by_terminal("snapshot", "train.ipynb", "-m", "one")
    assert first["new"]
    again = [by_magic("%mlops snapshot train.ipynb"), by_python(mlops_jupyter.snapshot(project / "train.ipynb"))]
    assert again == [first | {"new": False}] * 2


@row
def test_history(by_terminal, by_magic, project):
    write_notebook(project / "train.ipynb", "x = 1")
    mlops_jupyter.snapshot(project / "train.ipynb")
    first = by_terminal("history", "train.ipynb")
    assert first == by_magic("%mlops history train.ipynb")
    assert first == by_python(mlops_jupyter.history(project / "train.ipynb"))
    assert {one["kind"] for one in first["versions"]} == {"file", "snapshot"}


@row
def test_diff(by_terminal, by_magic, project):
    write_notebook(project / "a.ipynb", "x = 1")
    write_notebook(project / "b.ipynb", "x = 2")
    first = by_terminal("diff", "a.ipynb", "b.ipynb")
    assert first == by_magic("%mlops diff a.ipynb b.ipynb")
    assert first == by_python(mlops_jupyter.diff("a.ipynb", "b.ipynb"))
    assert [one["kind"] for one in first["cells"]] == ["changed"]


@row
def test_restore(by_terminal, by_magic, project):
    write_notebook(project / "train.ipynb", "x = 1")
    ref = mlops_jupyter.snapshot(project / "train.ipynb").ref
    first = by_terminal("restore", ref, "train.ipynb")
    second = by_magic(f"%mlops restore {ref} train.ipynb")
    third = by_python(mlops_jupyter.restore(ref, project / "train.ipynb"))
    assert steady(first, {"path"}) == steady(second, {"path"}) == steady(third, {"path"})
    assert len({one["path"] for one in (first, second, third)}) == 3


@row
def test_review(by_terminal, by_magic, project, tmp_path):
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(project, "init", "-q", "-b", "main")
    write_notebook(project / "train.ipynb", "x = 1")
    git(project, "add", "train.ipynb")
    git(project, "commit", "-q", "-m", "first")
    git(project, "remote", "add", "origin", str(tmp_path / "origin.git"))
    git(project, "push", "-q", "origin", "main")
    write_notebook(project / "train.ipynb", "x = 2")
    first = by_terminal("review", "train.ipynb")
    second = by_magic("%mlops review train.ipynb")
    third = by_python(mlops_jupyter.review(project / "train.ipynb"))
    assert steady(first, {"commit"}) == steady(second, {"commit"}) == steady(third, {"commit"})
    assert (first["branch"], first["notebooks"]) == ("review/root-train", ["train.ipynb"])


@row
def test_reproduce(by_terminal, by_magic, project):
    write_notebook(
        project / "train.ipynb",
        "%load_ext mlops_jupyter",
        "%%mlops track fit --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(accuracy=0.5)",
    )
    original = by_terminal("run", "train.ipynb")["children"][0]["run_id"]
    first = by_terminal("reproduce", original)
    second = by_magic(f"%mlops reproduce {original}")
    third = by_python(mlops_jupyter.reproduce(original))
    # The temporary folder, and what the verb has written on the run itself.
    volatile = OF_A_RUN | {"output", "notebook", "tags", "parent", "not_recorded"}
    assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
    assert (first["verdict"], [one["same"] for one in first["metrics"]]) == ("reproduced", [True])


@row
def test_ui(by_terminal, by_magic, project):
    try:
        first = by_terminal("ui", "mlflow")
        second = by_magic("%mlops ui mlflow")
        third = by_python(mlops_jupyter.ui("mlflow"))
    finally:
        os.kill(json.loads((project / ".mlops" / "ui" / "mlflow.json").read_text())["pid"], signal.SIGTERM)
    volatile = {"url"}  # it carries a ticket
    assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
    assert len({one["url"].partition("?")[0] for one in (first, second, third)}) == 1


@row
def test_ci(by_terminal, by_magic, project):
    write_notebook(project / "train.ipynb", "x = 1")
    found = [
        by_terminal(
            "ci", "gitlab", "train.ipynb", "--require", "a > 1", "--require", "b < 2", "--output", "terminal.yml"
        ),
        by_magic("%mlops ci gitlab train.ipynb --require 'a > 1' --require='b < 2' --output magic.yml"),
        by_python(mlops_jupyter.ci("gitlab", "train.ipynb", require=["a > 1", "b < 2"], output="python.yml")),
    ]
    first, second, third = (steady(one, {"path", "notes"}) for one in found)
    assert first == second == third
    assert (first["outcome"], first["jobs"][1]) == ("created", "notebooks:train")
    texts = {
        (project / f"{face}.yml").read_text().replace(f"{face}.yml", "") for face in ("terminal", "magic", "python")
    }
    assert len({text.partition("# <<< mlops: about")[2] for text in texts}) == 1


@row
def test_export(by_terminal, by_magic, project):
    options = "--slow 0.5 --objective 99 --require 'accuracy >= 0.9'"
    found = [
        by_terminal("export", "prometheus", *shlex.split(options), "--output", "terminal"),
        by_magic(f"%mlops export prometheus {options} --output magic"),
        by_python(
            mlops_jupyter.export("prometheus", slow=0.5, objective=99, require=["accuracy >= 0.9"], output="python")
        ),
    ]
    first, second, third = (steady(one, {"folder", "notes"}) for one in found)
    assert first == second == third
    assert [file["path"] for file in first["files"]] == ["prometheus.yml"]
    texts = {(project / face / "prometheus.yml").read_text() for face in ("terminal", "magic", "python")}
    assert len(texts) == 1


@pytest.fixture
def deployed(project, terminal):
    """Endpoints of a small model, saved as a folder; they are gone at the end."""
    pytest.importorskip("mlops_jupyter.serving.worker", reason="needs the endpoint's worker")
    small_model(project / "model")
    yield project / "model"
    for name in [one.name for one in mlops_jupyter.deployments().deployments]:
        mlops_jupyter.undeploy(name, yes=True)


@row
def test_deploy(by_terminal, by_magic, deployed):
    first = by_terminal("deploy", "model", "--name", "terminal")
    second = by_magic("%mlops deploy model --name magic")
    third = by_python(mlops_jupyter.deploy("model", name="python"))
    volatile = OF_AN_ENDPOINT | {"name"}
    assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
    assert (first["status"], first["versions"][0]["percent"], first["restarts"]) == ("ready", 100.0, 0)


@row
def test_deployments(by_terminal, by_magic, deployed):
    mlops_jupyter.deploy("model", name="churn")
    first = by_terminal("deployments", "churn")
    assert first == by_magic("%mlops deployments churn") == by_python(mlops_jupyter.deployments("churn"))
    assert by_terminal("deployments")["deployments"] == [first]


@row
def test_predict(by_terminal, by_magic, deployed):
    mlops_jupyter.deploy("model", name="churn")
    data = '{"a": 3, "b": 0}'
    first = by_terminal("predict", "churn", data)
    second = by_magic(f"data = {data}\n%mlops predict churn $data")
    third = by_python(mlops_jupyter.predict("churn", {"a": 3, "b": 0}))
    volatile = {"request_ids", "duration_s"}
    assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
    assert first["predictions"] == [1]


@row
def test_feedback(by_terminal, by_magic, deployed):
    mlops_jupyter.deploy("model", name="churn")
    told = mlops_jupyter.predict("churn", {"a": [0, 3], "b": [1, 0]})
    answers = deployed.parent / ".mlops" / "endpoints" / "churn" / "watch" / "answers"
    wait_for(lambda: any(answers.glob("[!.]*.parquet")))
    (project := deployed.parent / "labels.csv").write_text(
        f"request_id,row,label\n{told.request_ids[0]},0,0\n{told.request_ids[0]},1,1\nnobody,0,1\n"
    )
    found = [by_terminal("feedback", "churn", "labels.csv"), by_magic("%mlops feedback churn labels.csv")]
    found.append(by_python(mlops_jupyter.feedback("churn", project)))
    assert [(one["labels"], one["duplicates"]) for one in found] == [(3, 0), (3, 3), (3, 3)]
    first = by_terminal("feedback", "churn")
    assert first == by_magic("%mlops feedback churn") == by_python(mlops_jupyter.feedback("churn"))


@row
def test_rows(by_terminal, by_magic, deployed):
    mlops_jupyter.deploy("model", name="churn")
    mlops_jupyter.predict("churn", {"a": [0, 3], "b": [1, 0]})
    logged = deployed.parent / ".mlops" / "endpoints" / "churn" / "watch" / "payloads"
    wait_for(lambda: any(logged.glob("[!.]*.parquet")))
    first = by_terminal("rows", "churn", "--segment", "a>=1")
    assert first == by_magic("%mlops rows churn --segment 'a>=1'")
    assert first == by_python(mlops_jupyter.rows("churn", segment="a>=1"))
    assert (first["matching"], first["looked_at"], first["where"]) == (1, 1, "a>=1")


@row
def test_traffic(by_terminal, by_magic, deployed):
    found = mlops_jupyter.deploy("model", name="churn")
    share = f"{found.versions[0].version}=100"
    first = by_terminal("traffic", "churn", share)
    assert first == by_magic(f"%mlops traffic churn {share}") == by_python(mlops_jupyter.traffic("churn", share))


@row
def test_rollback(by_terminal, by_magic, deployed):
    shutil.copytree("model", "other")
    for source in ("model", "other", "model", "other"):
        mlops_jupyter.deploy(source, name="churn")
    first = by_terminal("rollback", "churn")
    second = by_magic("%mlops rollback churn")
    third = by_python(mlops_jupyter.rollback("churn"))
    volatile = {"notes", "versions"}
    assert steady(first, volatile) == steady(second, volatile) == steady(third, volatile)
    assert [Path(one["versions"][0]["source"]).name for one in (first, second, third)] == ["model", "other", "model"]
    assert ": deploy " in first["notes"][0]


@row
def test_monitor(by_terminal, by_magic, deployed):
    mlops_jupyter.deploy("model", name="churn")
    # What is measured moves on between two looks.
    volatile = {
        "times",
        "in_flight",
        "queued",
        "requests_per_s",
        "errors_per_s",
        "rows_per_s",
        "p50_s",
        "p95_s",
        "p99_s",
    }
    # A saved notebook has fewer instants than were read.
    volatile |= {"notes", "reports", "step_s"}
    first = by_terminal("monitor", "churn", "--since", "15m", "--source", "endpoint")
    second = by_magic("%mlops monitor churn --since 15m --source endpoint")
    third = by_python(mlops_jupyter.monitor("churn", since="15m", source="endpoint"))
    assert first["versions"][0]["variant"] == "main"
    assert steady(second, volatile) == steady(third, volatile)
    assert (first["status"], first["source"], first["step_s"]) == ("ready", "endpoint", 1.0)


@row
def test_drift(by_terminal, by_magic, project):
    for name in ("before", "now"):
        pd.DataFrame({"age": range(100), "town": ["Bern", "Basel"] * 50}).to_csv(project / f"{name}.csv", index=False)
    first = by_terminal("drift", "before.csv", "now.csv")
    assert first == by_magic("%mlops drift before.csv now.csv --strict")
    assert first == by_python(mlops_jupyter.drift("before.csv", "now.csv"))
    assert [one["feature"] for one in first["features"]] == ["age", "town"]
    assert first["drifted"] == []


@row
def test_logs(by_terminal, by_magic, deployed):
    mlops_jupyter.deploy("model", name="churn")
    first = by_terminal("logs", "churn", "-n", "2")
    assert first == by_magic("%mlops logs churn -n 2") == by_python(mlops_jupyter.logs("churn", lines=2))
    assert len(first["lines"]) == 2


@row
def test_undeploy(by_terminal, by_magic, deployed):
    found = []
    for _ in range(3):
        mlops_jupyter.deploy("model", name="churn")
        ends = (
            lambda: by_terminal("undeploy", "churn", "--yes"),
            lambda: by_magic("%mlops undeploy churn --yes"),
            lambda: by_python(mlops_jupyter.undeploy("churn", yes=True)),
        )
        found.append(ends[len(found)]())
    assert found == [{"name": "churn", "target": "local", "was": "ready", "notes": []}] * 3


def test_no_verb_is_forgotten():
    assert set(ROWS) == set(VERBS)


# --- what the product's verbs do not ask yet -----------------------------------------------------------------------


@pytest.fixture
def fake_verbs(monkeypatch):
    """The test verbs in this process's table, and as functions of the package."""
    for name, verb in fakes.TEST_VERBS.items():
        monkeypatch.setitem(VERBS, name, verb)
    yield
    for name in fakes.TEST_VERBS:
        vars(mlops_jupyter).pop(name, None)


def test_a_source_is_a_cell_a_file_or_a_text(kernel, fake_verbs, project):
    kernel.run(fakes.CELL)
    body = "# seen {not} $expanded\n"
    (project / "body.txt").write_text(body)
    process = fakes.start("count", "body.txt", "--letter", "n", "--json")
    first = json.loads(process.communicate(timeout=60)[0])
    (second,) = kernel.run(f"%%mlops count --letter n\n{body}").records("diagnosis")
    assert first == second == by_python(mlops_jupyter.count(body, letter="n"))
    assert first["checks"][0]["detail"] == f"3 × n in {body!r}"

    missing = "CommandError: count: missing argument 'TEXT'\n  → mlops count --help"
    assert "\n".join(kernel.run("%mlops count --letter n").traceback) == missing
    process = fakes.start("count", "--letter", "n")
    assert process.communicate(timeout=60)[1] == f"{missing}\n"
    assert process.returncode == 2


def test_a_cell_body_for_a_verb_that_takes_none(kernel):
    assert kernel.run("%%mlops runs -n 3\nbody").traceback == [
        "CommandError: runs takes no cell body",
        "  → write it with one percent sign: %mlops runs -n 3",
    ]


def test_a_live_object_is_the_object_itself(kernel):
    kernel.run(fakes.CELL)
    assert kernel.run("frame = [float('nan')] * 3; models = {'a b': object()}").status == "ok"
    checked = kernel.run(
        """%mlops look $frame --data={models["a b"]} --label "{len(frame)} of $frame" --size $missing.x"""
    )
    assert checked.traceback == [
        "CommandError: $missing: there is no variable missing",
        "  → run the cell that sets missing first",
    ]
    assert kernel.run("""%mlops look $frame --data={models["a b"]} --label '{len(frame)} of $frame'""").status == "ok"
    seen = kernel.run("got = verbs.seen[-1]\nprint(got['thing'] is frame, got['data'] is models['a b'], got['label'])")
    assert seen.stdout == "True True 3 of [nan, nan, nan]\n"


def answer(kernel: Any, code: str, text: str) -> tuple[list[str], str]:
    """Run a cell of a front end that can ask, answer once, and return the questions and the cell's status."""
    ident = kernel.client.execute(code, allow_stdin=True, stop_on_error=False)
    question = kernel.client.get_stdin_msg(timeout=30)
    kernel.client.input(text)
    reply = kernel._reply(ident, 30)
    questions = [question["content"]["prompt"]]
    if kernel.client.stdin_channel.msg_ready():
        questions.append(kernel.client.get_stdin_msg()["content"]["prompt"])
    return questions, reply["status"] if reply["status"] == "ok" else f"{reply['ename']}: {reply['evalue']}"


def test_destruction_asks_once_in_a_notebook(kernel, project):
    kernel.run(fakes.CELL)
    file = project / "old.txt"
    file.touch()
    no = answer(kernel, "%mlops wipe old.txt", "no")
    assert no == (
        ["wipe destroys what it names. Go on? [y/N] "],
        "ConfirmationRequired: wipe was not confirmed, so nothing was done (add --yes)",
    )
    assert file.exists()
    assert answer(kernel, "%mlops wipe old.txt", "y") == (["wipe destroys what it names. Go on? [y/N] "], "ok")
    assert not file.exists()


def test_destruction_where_no_notebook_user_can_be_asked(kernel, project):
    """Papermill and nbclient cannot ask."""
    kernel.run(fakes.CELL)
    file = project / "old.txt"
    file.touch()
    reply = kernel.run("%mlops wipe old.txt")
    assert reply.traceback == [
        "ConfirmationRequired: wipe destroys what it names, and nobody can be asked here",
        "  → add --yes",
    ]
    assert file.exists()
    assert kernel.run("%mlops wipe old.txt --yes").records("setup")[0]["steps"][0]["detail"] == "deleted"
    assert not file.exists()


@pytest.mark.parametrize(("said", "code", "gone"), [("y", 0, True), ("n", 4, False), ("", 4, False)])
def test_destruction_asks_once_at_a_terminal(said, code, gone, project):
    file = project / "old.txt"
    file.touch()
    keyboard, tty = os.openpty()
    try:
        process = fakes.start("wipe", "old.txt", stdin=tty)
        os.write(keyboard, f"{said}\n".encode())
        out, err = process.communicate(timeout=60)
    finally:
        os.close(tty)
        os.close(keyboard)
    assert process.returncode == code
    assert (out + err).count("wipe destroys what it names. Go on? [y/N]: ") == 1
    assert err.endswith(
        "" if gone else "ConfirmationRequired: wipe was not confirmed, so nothing was done\n  → add --yes\n"
    )
    assert file.exists() != gone


def test_destruction_without_a_terminal(project):
    file = project / "old.txt"
    file.touch()
    process = fakes.start("wipe", "old.txt")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    assert err == "ConfirmationRequired: wipe destroys what it names, and nobody can be asked here\n  → add --yes\n"
    assert file.exists()
    process = fakes.start("wipe", "old.txt", "--yes")
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not file.exists()


def test_destruction_in_python(fake_verbs, project):
    file = project / "old.txt"
    file.touch()
    with pytest.raises(ConfirmationRequired) as caught:
        mlops_jupyter.wipe(file)
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (
        "wipe destroys what it names",
        "mlops_jupyter.wipe(…, yes=True)",
        4,
    )
    assert file.exists()
    mlops_jupyter.wipe(Path("old.txt"), yes=True)
    assert not file.exists()
