"""MLflow's stores where this package is installed: MLflow's own, and within a run of ours the way to its journal."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import sqlalchemy
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.file_store import FileStore
from mlflow.store.tracking.rest_store import RestStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking._tracking_service import utils as builders
from mlflow.tracking._tracking_service.utils import _get_store

import mlops_jupyter
from mlops_jupyter.records import Run
from tests.conftest import ship
from tests.fakes.notebooks import write_notebook

# Prints the class of the store that plain code gets for an address, with its module.
_KIND = "from mlflow.tracking._tracking_service.utils import _get_store\nkind = type(_get_store({!r}))\nprint({})\n"


def python(code: str, **environment: str) -> str:
    """Run Python in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def store(project: Path) -> str:
    """The address of the project's store."""
    return f"sqlite:///{project}/.mlops/mlflow.db"


_OPENING = """
import sys
from mlflow.tracking._tracking_service.utils import _get_store
import mlflow.store.tracking.sqlalchemy_store
print("ready", flush=True)
sys.stdin.readline()
print(len(_get_store(sys.argv[1]).search_experiments()))
"""


@pytest.mark.parametrize("journaling", ["", "some-run"])
def test_processes_that_open_a_new_database_at_once_all_get_it(tmp_path, clean_environment, journaling):
    """As the kernel and the shipper do in the first run of a fresh checkout."""
    (tmp_path / ".mlops").mkdir()
    uri = f"sqlite:///{tmp_path}/.mlops/mlflow.db"
    environment = os.environ | ({"MLOPS_JUPYTER_PARENT_RUN_ID": journaling} if journaling else {})
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _OPENING, uri], env=environment, cwd=tmp_path,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        assert [one.stdout.readline() for one in started] == ["ready\n"] * 3
        for one in started:
            one.stdin.write("go\n")
            one.stdin.flush()
        ended = [(*one.communicate(timeout=120), one.returncode) for one in started]
    finally:
        for one in started:
            one.kill()
    assert [(out, code) for out, _, code in ended] == [("1\n", 0)] * 3, [err[-400:] for _, err, _ in ended]
    assert {file.name for file in (tmp_path / ".mlops").iterdir()} - {".gitignore"} == {"mlflow.db"}


# --- where no run of ours is open -----------------------------------------------------------------------------


def test_a_process_that_uses_none_of_our_verbs_has_mlflows_own_stores(project: Path, store: str) -> None:
    said = "kind is getattr(sys.modules[kind.__module__], kind.__name__) and kind.__module__"
    for uri, module in {
        store: "sqlalchemy_store",
        "http://127.0.0.1:1": "rest_store",
        (project / "mlruns").as_uri(): "file_store",
    }.items():
        code = f"import sys\nimport mlops_jupyter\n{_KIND.format(uri, said)}"
        assert python(code, MLFLOW_ALLOW_FILE_STORE="true") == f"mlflow.store.tracking.{module}\n"


def test_importing_mlflow_imports_no_store_of_ours(project: Path) -> None:
    code = "import sys, mlflow\nprint(*(name for name in sys.modules if 'mlflow_store' in name))"
    assert python(code) == "mlops_jupyter.faces.mlflow_store\n"


_SERVER = (
    "import sys\nfrom mlflow.server import handlers\n"
    "store = handlers._get_tracking_store({!r}, {!r})\nkind = type(store)\n"
    "assert kind is getattr(sys.modules[kind.__module__], kind.__name__), kind.__mro__\n"
)


@pytest.mark.parametrize("around", [{}, {"MLOPS_JUPYTER_PARENT_RUN_ID": "a" * 32}], ids=["shell", "headless notebook"])
def test_so_has_a_server(project: Path, store: str, around: dict[str, str]) -> None:
    """Also one that a headless notebook starts: the server's runs are not that notebook's."""
    said = "print(store.artifact_root_uri)"
    assert python(_SERVER.format(store, "s3://bucket/root") + said, **around) == "s3://bucket/root\n"


def test_a_server_over_files_puts_artifacts_where_it_is_told_to(project: Path) -> None:
    code = _SERVER.format((project / "mlruns").as_uri(), "s3://bucket/root") + "print(store.artifact_root_uri)"
    assert python(code, MLFLOW_ALLOW_FILE_STORE="true") == "s3://bucket/root\n"


def test_a_server_reads_from_its_databases_replica(project: Path, store: str) -> None:
    code = _SERVER.format(store, "s3://bucket/root") + "print(store.read_engine.url)"
    replica = f"sqlite:///{project}/replica.db"
    (project / "replica.db").write_bytes((project / ".mlops" / "mlflow.db").read_bytes())
    assert python(code, _MLFLOW_SERVER_READ_REPLICA_BACKEND_STORE=replica) == f"{replica}\n"


# --- within a tracked body ------------------------------------------------------------------------------------


@pytest.fixture
def statements(project: Path) -> Iterator[list[str]]:
    """What this process asks a database while the test runs."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        asked.append(statement)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    yield asked
    sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", note)


def test_the_stores_are_still_mlflows(project: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with mlops_jupyter.track("body", autolog=False):
        for uri, kind in {
            store: SqlAlchemyStore,
            "http://127.0.0.1:1": RestStore,
            (project / "mlruns").as_uri(): FileStore,
        }.items():
            built = _get_store(uri)
            assert isinstance(built, kind)
            assert (type(built).__name__, type(built).__module__) == (kind.__name__, kind.__module__)


PLUGIN = """
def build(store_uri, artifact_uri=None):
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(store_uri.replace("vault://", "sqlite://"), artifact_uri or "mlruns")
"""
IN_VAULT = """
import sqlalchemy, mlflow, mlops_jupyter
asked = []
with mlops_jupyter.track("body", autolog=False):
    mlflow.log_metric("loss", 1.0, step=0)
    note = lambda _connection, _cursor, statement, *more: asked.append(statement)
    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    for step in range(1, 4):
        mlflow.log_metric("loss", 1 / step, step=step)
    assert asked == [], asked
(run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
print(run.info.run_name, run.info.status, [one.step for one in history])
"""


def test_a_store_of_another_packages_scheme_is_journaled_too(project: Path, as_a_user_starts_it: None) -> None:
    installed = project / "packages"
    (installed / "vault-1.0.dist-info").mkdir(parents=True)
    (installed / "vault_store.py").write_text(PLUGIN)
    (installed / "vault-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: vault\nVersion: 1.0\n")
    points = "[mlflow.tracking_store]\nvault = vault_store:build\n"  # which MLflow's import loads
    (installed / "vault-1.0.dist-info" / "entry_points.txt").write_text(points)

    path = os.pathsep.join(filter(None, (str(installed), os.environ.get("PYTHONPATH"))))
    uri = f"vault:///{project}/.mlops/mlflow.db"

    assert python(IN_VAULT, MLFLOW_TRACKING_URI=uri, PYTHONPATH=path) == "body FINISHED [0, 1, 2, 3]\n"


def test_what_plain_code_logs_goes_to_the_journal_and_arrives(
    project: Path, statements: list[str], stored_runs: Callable[[], list[Run]]
) -> None:
    with mlops_jupyter.track("body", autolog=False) as tracked:
        client, run_id = mlflow.MlflowClient(), mlflow.active_run().info.run_id
        assert run_id == tracked.run_id
        client.log_metric(run_id, "first", 0.0)
        statements.clear()
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"acc": 0.75, "odd": math.inf}, step=3)
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name": "baseline"})
        mlflow.set_tag("team", "risk")
        mlflow.set_tags({"stage": "draft", "owner": "ana"})
        client.log_metric(run_id, "by client", 7.0, timestamp=1_767_312_000_000, step=9)
        client.log_param(run_id, "by client", "yes")
        client.set_tag(run_id, "by client", "yes")
        client.log_batch(
            run_id,
            [Metric("batch", float(step), 1_767_312_000_000, step) for step in range(1000)],
            [Param("batch", "1")],
            [RunTag("batch", "2")],
        )
        assert statements == [], "nothing of it waits for the store"

    (run,) = stored_runs()
    assert (run.run_id, run.name, run.status) == (run_id, "body", "FINISHED")
    assert run.metrics == {
        "first": 0.0, "loss": 0.25, "acc": 0.75, "odd": pytest.approx(1.7976931348623157e308), "by client": 7.0,
        "batch": 999.0,
    }  # fmt: skip
    assert run.params == {"lr": "0.1", "depth": "3", "name": "baseline", "by client": "yes", "batch": "1"}
    given = {"team": "risk", "stage": "draft", "owner": "ana", "by client": "yes", "batch": "2"}
    assert given.items() <= run.tags.items()
    history = mlflow.MlflowClient().get_metric_history(run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
    (point,) = mlflow.MlflowClient().get_metric_history(run_id, "by client")
    assert (point.timestamp, point.step) == (1_767_312_000_000, 9)


def test_metrics_of_a_logged_model_wait_for_nothing_and_arrive_with_their_model(
    project: Path, statements: list[str], stored_runs: Callable[[], list[Run]], capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = mlflow.data.from_numpy(np.arange(3.0), name="held out")
    with mlops_jupyter.track("body", autolog=False):
        model = mlflow.create_external_model(name="net")
        mlflow.set_active_model(model_id=model.model_id)
        # MLflow makes the model an input of the run, once.
        mlflow.log_metric("loss", 1.0, step=0)
        statements.clear()
        for step in range(1, 4):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
            mlflow.log_metrics({"acc": step / 4}, step=step)
        mlops_jupyter.log(fast=1)
        assert statements == [], "nothing of it waits for the store"
        mlflow.log_metric("loss", 0.125, step=4, dataset=dataset)
        mlflow.clear_active_model()
        mlflow.log_metric("loss", 0.0625, step=5)

    assert "loss: last 0.0625 · min 0.0625 at 5 · max 1 at 0 · 6 points" in capsys.readouterr().err
    (run,) = stored_runs()
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run.run_id, "loss")
    assert [(one.step, one.value) for one in history] == [
        (0, 1.0), (1, 1 / 2), (2, 1 / 3), (3, 1 / 4), (4, 0.125), (5, 0.0625),
    ]  # fmt: skip
    of_model = client.get_logged_model(model.model_id).metrics
    assert {(one.key, one.step, one.dataset_name) for one in of_model} >= {
        ("loss", 3, None), ("acc", 3, None), ("loss", 4, "held out"),
    }  # fmt: skip
    assert not [one for one in of_model if one.step == 5]
    assert [one.model_id for one in client.get_run(run.run_id).inputs.model_inputs] == [model.model_id]


REFUSED: dict[str, Callable[[Any, str], Any]] = {
    "a metric's name": lambda store, run_id: store.log_metric(run_id, Metric("lo\nss", 1.0, 1, 0)),
    "a metric's value": lambda store, run_id: store.log_metric(run_id, Metric("loss", "high", 1, 0)),
    "a metric's step": lambda store, run_id: store.log_metric(run_id, Metric("loss", 1.0, 1, "last")),
    "a param's name": lambda store, run_id: store.log_param(run_id, Param("../up", "1")),
    "a tag's name": lambda store, run_id: store.set_tag(run_id, RunTag("te\nam", "1")),
    "a batch too long": lambda store, run_id: store.log_batch(run_id, [Metric("a", 1.0, 1, 0)] * 1001, [], []),
    "a param twice": lambda store, run_id: store.log_batch(run_id, [], [Param("a", "1"), Param("a", "2")], []),
    "a param anew": lambda store, run_id: store.log_param(run_id, Param("lr", "0.2")),
    "a param anew in a batch": lambda store, run_id: store.log_batch(run_id, [], [Param("lr", "0.2")], []),
}


def refusal(act: Callable[[Any, str], Any], store: Any, run_id: str) -> tuple[str, str]:
    with pytest.raises(MlflowException) as refused:
        act(store, run_id)
    # In a batch, MLflow lists the params that it refuses.
    said = str(refused.value).replace(run_id, "RUN").replace("Params with key", "Param with key")
    return refused.value.error_code, said.split(" Attempted")[0].split(". Param")[0]


@pytest.mark.parametrize("what", REFUSED)
def test_what_mlflow_refuses_is_refused_at_once_and_in_its_words(what: str, project: Path, store: str) -> None:
    plain = builders._get_sqlalchemy_store(store_uri=store, artifact_uri=None)
    assert type(plain) is SqlAlchemyStore
    other = plain.create_run("0", "ana", 1, [], "other").info.run_id
    plain.log_param(other, Param("lr", "0.1"))
    theirs = refusal(REFUSED[what], plain, other)
    with mlops_jupyter.track("body", autolog=False) as tracked:
        mlflow.log_param("lr", "0.1")
        ours = refusal(REFUSED[what], _get_store(), tracked.run_id)
        mlflow.log_param("lr", "0.1")

    assert ours == theirs
    assert ship(project) == {}
    kept = plain.get_run(tracked.run_id)
    assert (kept.data.params, kept.data.metrics, kept.info.status) == ({"lr": "0.1"}, {}, "FINISHED")


def test_a_param_is_refused_in_mlflows_words(project: Path, store: str) -> None:
    with mlops_jupyter.track("body", autolog=False) as tracked:
        mlflow.log_param("lr", "0.1")
        with pytest.raises(MlflowException, match="Changing param values is not allowed") as refused:
            mlflow.log_param("lr", "0.2")
    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"
    for said in ("'lr'", "'0.1'", "'0.2'", tracked.run_id):
        assert said in str(refused.value)


def test_what_the_body_reads_is_what_it_has_logged(project: Path) -> None:
    with mlops_jupyter.track("body", autolog=False) as tracked:
        client = mlflow.MlflowClient()
        for step in range(3):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
            tracked.log(acc=step)
        mlflow.log_param("lr", 0.1)
        mlflow.set_tag("team", "risk")

        data = mlflow.get_run(tracked.run_id).data
        assert (data.metrics, data.params, data.tags["team"]) == ({"loss": 1 / 3, "acc": 2.0}, {"lr": "0.1"}, "risk")
        mlflow.log_metric("loss", 0.25, step=3)
        assert [point.value for point in client.get_metric_history(tracked.run_id, "loss")] == [1, 0.5, 1 / 3, 0.25]
        mlflow.log_metric("late", 1.0)
        (found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
        assert (found.info.run_id, found.info.status, found.data.metrics["late"]) == (tracked.run_id, "RUNNING", 1.0)
        assert [run.name for run in mlops_jupyter.runs("metrics.late > 0")] == ["body"]


def test_the_rest_of_mlflow_works_in_a_body(project: Path, stored_runs: Callable[[], list[Run]]) -> None:
    class Twice(mlflow.pyfunc.PythonModel):
        def predict(self, context: Any, model_input: list[float]) -> list[float]:
            return [2 * value for value in model_input]

    with mlops_jupyter.track("body", autolog=False) as tracked:
        mlflow.log_metric("loss", 0.5)
        mlflow.log_text("hello", "notes/hello.txt")
        (project / "table.csv").write_text("a,b\n")
        mlflow.log_artifact(str(project / "table.csv"))
        mlflow.log_input(mlflow.data.from_numpy(np.arange(3.0), name="numbers"), context="training")
        model = mlflow.pyfunc.log_model(name="twice", python_model=Twice(), pip_requirements=[])
        experiment = mlflow.active_run().info.experiment_id

    (run,) = stored_runs()
    client = mlflow.MlflowClient()
    stored = client.get_run(run.run_id)
    assert stored.info.experiment_id == experiment
    (data,) = stored.inputs.dataset_inputs
    assert (data.dataset.name, run.metrics) == ("numbers", {"loss": 0.5})
    assert {one.path for one in client.list_artifacts(run.run_id)} >= {"notes", "table.csv"}
    assert Path(client.download_artifacts(run.run_id, "notes/hello.txt")).read_text() == "hello"
    (logged,) = client.search_logged_models([experiment])
    assert (logged.model_id, logged.source_run_id) == (model.model_id, tracked.run_id)
    assert mlflow.pyfunc.load_model(f"models:/{model.model_id}").predict([2.0]) == [4.0]


def test_a_run_within_a_body_is_its_child_and_is_journaled_too(
    project: Path, statements: list[str], stored_runs: Callable[[], list[Run]]
) -> None:
    with mlops_jupyter.track("body", autolog=False) as tracked:
        with mlflow.start_run(run_name="inner", nested=True) as inner:
            mlflow.log_metric("first", 0.0)
            statements.clear()
            mlflow.log_metric("loss", 0.25)
            mlflow.log_param("lr", 0.1)
            mlops_jupyter.log(acc=0.5)
            assert statements == []
            assert mlflow.get_run(inner.info.run_id).data.metrics["loss"] == 0.25
        assert mlflow.active_run().info.run_id == tracked.run_id
        mlflow.log_metric("outer", 1.0)
        with suppress(RuntimeError), mlflow.start_run(run_name="failing", nested=True):
            mlflow.log_metric("loss", 0.5)
            raise RuntimeError("burst")

    runs = {run.name: run for run in stored_runs()}
    assert {name: run.status for name, run in runs.items()} == {
        "body": "FINISHED",
        "inner": "FINISHED",
        "failing": "FAILED",
    }
    assert runs["inner"].run_id == inner.info.run_id
    assert {runs[name].parent for name in ("inner", "failing")} == {tracked.run_id}
    assert runs["body"].metrics["outer"] == 1.0
    assert (runs["inner"].metrics["loss"], runs["inner"].params) == (0.25, {"lr": "0.1"})
    assert runs["inner"].duration_s is not None


def test_a_run_that_is_resumed_counts_on_from_its_last_steps(project: Path) -> None:
    with mlops_jupyter.track("body", autolog=False) as tracked:
        for loss in (3, 2, 1):
            mlops_jupyter.log(loss=loss)
    with mlflow.start_run(run_id=tracked.run_id):
        mlops_jupyter.log(loss=0.5, acc=1)
        mlops_jupyter.log(loss=0.25, acc=2)

    client = mlflow.MlflowClient()
    steps = {name: [one.step for one in client.get_metric_history(tracked.run_id, name)] for name in ("loss", "acc")}
    assert steps == {"loss": [0, 1, 2, 3, 4], "acc": [0, 1]}


def test_a_thread_of_the_body_logs_to_its_run(project: Path, stored_runs: Callable[[], list[Run]]) -> None:
    with mlops_jupyter.track("body", autolog=False):
        threads = [threading.Thread(target=mlflow.log_metric, args=(f"m{number}", number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    (run,) = stored_runs()
    assert run.metrics == {"m0": 0.0, "m1": 1.0, "m2": 2.0, "m3": 3.0}


def test_calls_about_other_runs_go_to_the_store(project: Path, stored_runs: Callable[[], list[Run]]) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db")
    other = client.create_run(client.create_experiment("other"), run_name="other").info.run_id
    with mlops_jupyter.track("body", autolog=False):
        client.log_metric(other, "loss", 0.5)
        client.set_terminated(other, "KILLED")
        with pytest.raises(MlflowException, match="not found"):
            client.log_metric("0" * 32, "loss", 0.5)

    runs = {run.name: run for run in stored_runs()}
    assert (runs["other"].metrics, runs["other"].status) == ({"loss": 0.5}, "KILLED")
    assert runs["body"].metrics == {}


# --- runs that plain code opens -------------------------------------------------------------------------------


def test_a_run_opened_by_hand_in_a_kernel_is_journaled_and_ends(kernel: Any, project: Path, stored_runs: Any) -> None:
    opened = kernel.run(
        f"import mlflow, os\nmlflow.set_tracking_uri('sqlite:///{project}/.mlops/mlflow.db')\n"
        "run = mlflow.start_run(run_name='by hand')\nprint(run.info.run_id)"
    )
    assert opened.status == "ok", opened.traceback
    kernel.run("mlflow.log_metric('loss', 0.5, step=1)\nmlflow.log_param('lr', 0.1)\nimport mlops_jupyter")
    assert kernel.run("mlops_jupyter.log(loss=0.25, step=2)").status == "ok"
    journals = list((project / ".mlops" / "journal").glob("*/run.json"))
    assert [json.loads(file.read_text())["known_as"] for file in journals] == [opened.stdout.strip()]
    assert kernel.run("mlflow.end_run()\nprint(mlflow.active_run())").stdout.endswith("None\n")

    (run,) = stored_runs()
    assert (run.run_id, run.name, run.status) == (opened.stdout.strip(), "by hand", "FINISHED")
    assert (run.metrics, run.params) == ({"loss": 0.25}, {"lr": "0.1"})
    assert run.duration_s is not None
    failing = kernel.run("with mlflow.start_run(run_name='failing'):\n    mlflow.log_metric('loss', 1)\n    1 / 0")
    assert failing.ename == "ZeroDivisionError"
    assert {run.name: run.status for run in stored_runs()} == {"by hand": "FINISHED", "failing": "FAILED"}


@pytest.mark.parametrize("ending", ["restart", "kill"])
def test_a_run_opened_by_hand_dies_with_its_kernel(kernel: Any, project: Path, stored_runs: Any, ending: str) -> None:
    kernel.run(
        f"import mlflow, os\nmlflow.set_tracking_uri('sqlite:///{project}/.mlops/mlflow.db')\n"
        "run = mlflow.start_run(run_name='by hand')\nmlflow.log_metric('loss', 0.5)"
    )
    if ending == "restart":
        kernel.manager.shutdown_kernel(now=False)
    else:
        kernel.manager.shutdown_kernel(now=True)

    (run,) = stored_runs()
    assert (run.name, run.status, run.metrics) == ("by hand", "KILLED", {"loss": 0.5})


def test_plain_code_of_a_headless_notebook_is_journaled(
    project: Path, terminal: Any, stored_runs: Callable[[], list[Run]]
) -> None:
    """Without the extension: the kernel is told the notebook's run."""
    write_notebook(
        project / "train.ipynb",
        "import mlflow, sys\nwith mlflow.start_run(run_name='plain'):\n    mlflow.log_metric('loss', 0.5)\n"
        "assert 'mlops_jupyter.faces.mlflow_store.journaled' in sys.modules",
    )
    done = terminal("run", "train.ipynb")
    assert done.code == 0, done.err
    runs = {run.name: run for run in stored_runs()}
    assert (runs["plain"].status, runs["plain"].metrics) == ("FINISHED", {"loss": 0.5})
    assert runs["plain"].parent == runs["train"].run_id
