"""Each name of MLflow that we use and MLflow does not document, and the behaviour of it that we rely on.

A new version of MLflow may take any of them away; then this file says what, before a user does.
"""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest
import sqlalchemy
from mlflow import environment_variables
from mlflow.entities import Metric, Param, Run, RunData, RunInfo, RunInputs, RunOutputs, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval
from mlflow.server import handlers
from mlflow.store.db import utils as databases
from mlflow.store.tracking import sqlalchemy_store
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.store.tracking.file_store import FileStore
from mlflow.store.tracking.rest_store import RestStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.tracking import fluent
from mlflow.tracking._tracking_service import utils as builders
from mlflow.tracking._tracking_service.utils import _get_store, _tracking_store_registry
from mlflow.tracking.context.default_context import DefaultRunContext
from mlflow.tracking.context.git_context import GitRunContext
from mlflow.tracking.context.jupyter_notebook_context import JupyterNotebookRunContext
from mlflow.tracking.context.registry import _run_context_provider_registry, resolve_tags
from mlflow.tracking.context.system_environment_context import SystemEnvironmentContext
from mlflow.utils import validation
from mlflow.utils.autologging_utils import (
    AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED,
    AUTOLOGGING_INTEGRATIONS,
)
from mlflow.utils.thread_utils import ThreadLocalVariable

from mlops_jupyter.commands.plain import FRAMEWORKS
from mlops_jupyter.faces import mlflow_store
from mlops_jupyter.faces.warm import mlflow_in_forks
from tests.conftest import REPOSITORY, Kernel

_DOCUMENTED = {
    "mlflow",
    "mlflow.artifacts",
    "mlflow.data",
    "mlflow.deployments",
    "mlflow.entities",
    "mlflow.entities.model_registry",
    "mlflow.environment_variables",
    "mlflow.exceptions",
    "mlflow.models",
    "mlflow.protos.databricks_pb2",  # the error codes that MlflowException takes
    "mlflow.protos.service_pb2",  # the messages of its REST API, which is documented
    "mlflow.pyfunc",
    "mlflow.pyfunc.model",
    "mlflow.tracking.context.abstract_context",  # what a plugin derives from
    "mlflow.types",
}
_SESSION, _SINK = "adapters/mlflow/session.py", "adapters/mlflow/sink.py"
_AUTOLOGGING, _JOURNALED = "adapters/mlflow/autologging.py", "faces/mlflow_store/journaled.py"
# File, module, name; and a name that is reached through another one, with a dot before it.
_UNDOCUMENTED = {
    ("adapters/mlflow/reading.py", "mlflow.store.tracking.rest_store", "RestStore"),
    ("adapters/mlflow/reading.py", "mlflow.utils.proto_json_utils", "message_to_json"),
    (_AUTOLOGGING, "mlflow.utils.autologging_utils", "AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED"),
    (_AUTOLOGGING, "mlflow.utils.autologging_utils", "AUTOLOGGING_INTEGRATIONS"),
    ("adapters/mlflow/import_lock.py", "mlflow.utils", "import_hooks"),
    ("adapters/mlflow/import_lock.py", "import_hooks", "._post_import_hooks"),
    ("adapters/mlflow/import_lock.py", "import_hooks", "._import_error_hooks"),
    (_SESSION, "mlflow.tracking", "fluent"),
    (_SESSION, "fluent", "._active_run_stack"),
    (_SESSION, "mlflow.utils.thread_utils", "ThreadLocalVariable"),
    (_SESSION, "mlflow.tracking._tracking_service.utils", "_tracking_store_registry"),
    (_SESSION, "_tracking_store_registry", "._get_store_with_resolved_uri"),
    (_SESSION, "mlflow.tracking.context.default_context", "DefaultRunContext"),
    (_SESSION, "mlflow.tracking.context.git_context", "GitRunContext"),
    (_SESSION, "mlflow.tracking.context.jupyter_notebook_context", "JupyterNotebookRunContext"),
    (_SESSION, "mlflow.tracking.context.system_environment_context", "SystemEnvironmentContext"),
    (_SESSION, "mlflow.tracking.context.registry", "_run_context_provider_registry"),
    (_SESSION, "mlflow.tracking.context.registry", "resolve_tags"),
    (_SESSION, "mlflow.system_metrics.system_metrics_monitor", "SystemMetricsMonitor"),
    (_SINK, "mlflow.store.db", "utils"),
    (_SINK, "mlflow.store.tracking", "sqlalchemy_store"),
    (_SINK, "mlflow.store.tracking.abstract_store", "AbstractStore"),
    (_SINK, "mlflow.tracking._tracking_service.utils", "_get_store"),
    (_JOURNALED, "mlflow.tracking._tracking_service.utils", "_get_store"),
    (_JOURNALED, "mlflow.tracking._tracking_service.utils", "_tracking_store_registry"),
    (_JOURNALED, "_tracking_store_registry", "._registry"),
    (_JOURNALED, "mlflow.utils.validation", "_validate_batch_log_data"),
    (_JOURNALED, "mlflow.utils.validation", "_validate_batch_log_limits"),
    (_JOURNALED, "mlflow.utils.validation", "_validate_metric"),
    (_JOURNALED, "mlflow.utils.validation", "_validate_param"),
    (_JOURNALED, "mlflow.utils.validation", "_validate_param_keys_unique"),
    (_JOURNALED, "mlflow.utils.validation", "_validate_tag"),
    (_JOURNALED, "tag", "._value"),
    ("faces/mlflow_store/unopened.py", "mlflow.store.tracking.sqlalchemy_store", "SqlAlchemyStore"),
    ("adapters/mlflow/plugin_deployments.py", "mlflow.deployments.interface", "plugin_store"),
    ("adapters/mlflow_ui_app.py", "mlflow.server.fastapi_app", "app"),
}


def test_no_other_undocumented_name_is_used() -> None:
    package = REPOSITORY / "mlops_jupyter"
    found = set()
    for file in package.rglob("*.py"):
        tree, name = ast.parse(file.read_text()), str(file.relative_to(package))
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mlflow":
                imported |= {alias.asname or alias.name for alias in node.names}
                found |= {(name, node.module, alias.name) for alias in node.names if node.module not in _DOCUMENTED}
            elif isinstance(node, ast.Import):
                found |= {
                    (name, alias.name, "")
                    for alias in node.names
                    if alias.name.split(".")[0] == "mlflow" and alias.name not in _DOCUMENTED
                }
        found |= {(name, owner, attribute) for owner, attribute in _private_attributes(tree, imported | {"tag"})}

    assert found == _UNDOCUMENTED


def _private_attributes(tree: ast.AST, names: set[str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names):
            continue
        if node.attr.startswith("_") and not node.attr.startswith("__"):
            yield node.value.id, f".{node.attr}"


@pytest.fixture
def store(project: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    """The project's store, as plain MLflow code of this process sees it; nobody has chosen an experiment."""
    monkeypatch.setattr(fluent, "_active_experiment_id", None)
    mlflow.set_tracking_uri(f"sqlite:///{project}/.mlops/mlflow.db")
    return mlflow.MlflowClient()


# --- mlflow.tracking.context.registry.resolve_tags ------------------------------------------------------------


def test_resolve_tags_asks_the_providers_and_create_run_does_not(store: mlflow.MlflowClient) -> None:
    resolved = resolve_tags({"mine": "yes"})
    bare = store.create_run("0", tags={"mine": "yes"})

    assert resolved["mine"] == "yes"
    assert {"mlflow.user", "mlflow.source.name", "mlflow.source.type"} <= set(resolved)
    assert "mlflow.source.name" not in bare.data.tags


def test_resolve_tags_lets_the_callers_tags_win(store: mlflow.MlflowClient) -> None:
    assert resolve_tags({"mlflow.source.name": "mine"})["mlflow.source.name"] == "mine"


def test_what_is_ignored_is_not_asked(store: mlflow.MlflowClient) -> None:
    built_in = [DefaultRunContext, GitRunContext, JupyterNotebookRunContext, SystemEnvironmentContext]
    kinds = [type(one) for one in _run_context_provider_registry]

    assert set(built_in) <= set(kinds)
    assert resolve_tags({"mine": "yes"}, ignore=kinds) == {"mine": "yes"}
    assert "mlflow.user" not in resolve_tags(ignore=built_in)


# --- mlflow.tracking.fluent._active_run_stack and mlflow.utils.thread_utils.ThreadLocalVariable ---------------


def test_the_stack_is_the_live_list_of_this_threads_active_runs(store: mlflow.MlflowClient) -> None:
    outer = mlflow.start_run()
    inner = mlflow.start_run(nested=True)
    stack = fluent._active_run_stack.get()

    assert [run.info.run_id for run in stack] == [outer.info.run_id, inner.info.run_id]
    mlflow.end_run()
    assert [run.info.run_id for run in stack] == [outer.info.run_id]
    mlflow.end_run()
    assert fluent._active_run_stack.get() is stack
    assert stack == []


def test_a_run_taken_off_the_stack_is_forgotten_without_a_word_to_the_store(store: mlflow.MlflowClient) -> None:
    run = mlflow.start_run()
    del fluent._active_run_stack.get()[-1:]

    assert mlflow.active_run() is None
    mlflow.end_run()
    assert store.get_run(run.info.run_id).info.status == "RUNNING"


def test_a_run_laid_on_the_stack_is_the_one_that_end_run_ends(store: mlflow.MlflowClient) -> None:
    below = mlflow.start_run()
    above = mlflow.start_run(nested=True)
    stack = fluent._active_run_stack.get()
    stack.reverse()

    mlflow.end_run("KILLED")
    assert store.get_run(below.info.run_id).info.status == "KILLED"
    assert store.get_run(above.info.run_id).info.status == "RUNNING"
    mlflow.end_run()


def test_each_thread_has_a_stack_of_its_own(store: mlflow.MlflowClient) -> None:
    seen = []
    with mlflow.start_run():
        thread = threading.Thread(target=lambda: seen.append((fluent._active_run_stack.get(), mlflow.active_run())))
        thread.start()
        thread.join()

    assert seen == [([], None)]


def test_another_stack_may_be_put_in_its_place(store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else has the stack by name, so what stands in ``fluent`` is asked by all."""
    package = Path(mlflow.__file__).parent
    users = {file for file in package.rglob("*.py") if "_active_run_stack" in file.read_text(encoding="utf-8")}
    assert users == {package / "tracking" / "fluent.py"}

    made = store.create_run("0", run_name="laid on it")
    monkeypatch.setattr(fluent, "_active_run_stack", ThreadLocalVariable(default_factory=list))
    fluent._active_run_stack.get().append(mlflow.ActiveRun(made))
    mlflow.log_metric("loss", 1.0)
    with mlflow.start_run(nested=True) as child:
        pass
    mlflow.end_run()

    assert store.get_run(made.info.run_id).data.metrics == {"loss": 1.0}
    assert store.get_run(made.info.run_id).info.status == "FINISHED"
    assert child.data.tags["mlflow.parentRunId"] == made.info.run_id


def test_a_stack_goes_on_with_what_another_one_held() -> None:
    before = ThreadLocalVariable(default_factory=list)
    before.get().append("mine")
    after = ThreadLocalVariable(default_factory=list)
    vars(after).update(vars(before))

    assert after.get() is before.get()
    assert list(after.get_all_thread_values().values()) == [["mine"]]


def test_an_active_run_takes_its_answers_from_the_properties_of_its_info(store: mlflow.MlflowClient) -> None:
    made = store.create_run("0")

    class Info(RunInfo):
        @property
        def run_id(self) -> str:
            return made.info.run_id

    info = Info(
        run_id="another",
        experiment_id="",
        user_id="ana",
        status="RUNNING",
        start_time=0,
        end_time=None,
        lifecycle_stage="active",
        run_name="laid on it",
    )
    run = mlflow.ActiveRun(Run(info, RunData(tags=[RunTag("a", "b")]), RunInputs([]), RunOutputs([])))
    fluent._active_run_stack.get().append(run)
    mlflow.log_metric("loss", 1.0)
    mlflow.end_run()

    assert (run.info.run_name, run.data.tags) == ("laid on it", {"a": "b"})
    assert store.get_run(made.info.run_id).data.metrics == {"loss": 1.0}


# --- mlflow.tracking._tracking_service.utils: the stores, and what builds them --------------------------------


def test_a_store_is_built_once_and_again_after_the_cache_is_cleared(project: Path) -> None:
    uri = f"sqlite:///{project}/.mlops/mlflow.db"
    client = mlflow.MlflowClient(uri)
    first = _get_store(uri)
    assert _get_store(uri) is first
    assert client._tracking_client.store is first

    _tracking_store_registry._get_store_with_resolved_uri.cache_clear()
    assert _get_store(uri) is not first
    assert client._tracking_client.store is _get_store(uri), "a client that is there already asks anew"


def test_mlflow_has_the_builders_that_we_call_by_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    built = {
        name: getattr(builders, name)(store_uri=uri, artifact_uri=None)
        for name, uri in {
            "_get_sqlalchemy_store": f"sqlite:///{project}/.mlops/mlflow.db",
            "_get_rest_store": "http://127.0.0.1:1",
            "_get_file_store": (project / "mlruns").as_uri(),
            "_get_databricks_rest_store": "databricks",
        }.items()
    }

    assert {name: type(one) for name, one in built.items() if name != "_get_databricks_rest_store"} == {
        "_get_sqlalchemy_store": SqlAlchemyStore,
        "_get_rest_store": RestStore,
        "_get_file_store": FileStore,
    }
    assert isinstance(built["_get_databricks_rest_store"], RestStore)
    assert all(isinstance(one, AbstractStore) for one in built.values())


def test_the_servers_builders_have_the_same_names() -> None:
    ours = {"_get_sqlalchemy_store", "_get_file_store", "_get_databricks_rest_store"}
    assert {name for name in dir(handlers.TrackingStoreRegistryWrapper) if name.startswith("_get_")} >= ours


def test_another_builder_may_be_registered_for_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tracking_store_registry, "_registry", dict(_tracking_store_registry._registry))
    built = object()
    _tracking_store_registry.register("vault", lambda store_uri, artifact_uri: (built, store_uri, artifact_uri))
    assert _get_store("vault://here") == (built, "vault://here", None)


def test_our_builders_take_the_schemes_that_mlflow_has() -> None:
    schemes = {
        scheme: builder
        for scheme, builder in _tracking_store_registry._registry.items()
        # A path without a scheme, which the settings refuse, and what is no store of runs.
        if scheme not in {"", "databricks-uc", "uc"}
    }

    assert set(schemes) == {"databricks", "file", "http", "https", "mssql", "mysql", "postgresql", "sqlite"}
    assert {builder.__module__ for builder in schemes.values()} == {mlflow_store.__name__}


# --- mlflow.store.tracking.sqlalchemy_store.uuid --------------------------------------------------------------


def test_a_database_store_draws_a_runs_id_from_its_uuid(
    store: mlflow.MlflowClient, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sqlalchemy_store.uuid is uuid
    drawn = uuid.uuid4().hex
    monkeypatch.setattr(sqlalchemy_store, "uuid", SimpleNamespace(uuid4=lambda: SimpleNamespace(hex=drawn)))
    database = _get_store(f"sqlite:///{project}/.mlops/mlflow.db")
    run = database.create_run(experiment_id="0", user_id="ana", start_time=1, tags=[], run_name="mine")
    monkeypatch.undo()

    assert run.info.run_id == drawn
    assert f"/{drawn}/" in run.info.artifact_uri
    found = mlflow.MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db").get_run(drawn).info
    assert (found.run_name, found.start_time) == ("mine", 1)


def test_a_database_is_opened_in_so_many_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def engine(uri: str) -> None:
        tried.append(uri)
        raise ValueError("away")

    monkeypatch.setattr(databases, "create_sqlalchemy_engine", engine)
    monkeypatch.setattr(databases, "MAX_RETRY_COUNT", 1)
    with pytest.raises(ValueError, match="away"):
        databases.create_sqlalchemy_engine_with_retry("postgresql://127.0.0.1/none")
    assert len(tried) == 1


def test_a_store_takes_a_runs_end_as_it_is_given(store: mlflow.MlflowClient, project: Path) -> None:
    run = store.create_run("0", start_time=1)
    _get_store(f"sqlite:///{project}/.mlops/mlflow.db").update_run_info(
        run.info.run_id, RunStatus.from_string("KILLED"), 7, None
    )
    info = store.get_run(run.info.run_id).info

    assert (info.status, info.end_time, info.run_name) == ("KILLED", 7, run.info.run_name)


# --- mlflow.utils.validation, and a tag's value ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("_validate_metric", ("loss", 0.5, 1, 0), ("loss", "high", 1, 0)),
        ("_validate_param", ("lr", "0.1"), ("l\nr", "0.1")),
        ("_validate_tag", ("team", "risk"), ("te\nam", "risk")),
        ("_validate_batch_log_data", ([Metric("a", 1.0, 1, 0)], [], []), ([Metric("a", "high", 1, 0)], [], [])),
        ("_validate_batch_log_limits", ([], [], []), ([Metric("a", 1.0, 1, 0)] * 1001, [], [])),
        ("_validate_param_keys_unique", ([Param("a", "1")],), ([Param("a", "1"), Param("a", "2")],)),
    ],
)
def test_what_mlflow_takes_and_refuses(name: str, good: tuple[object, ...], bad: tuple[object, ...]) -> None:
    check = getattr(validation, name)
    check(*good)
    with pytest.raises(MlflowException) as refused:
        check(*bad)

    assert refused.value.error_code == "INVALID_PARAMETER_VALUE"


def test_what_was_validated_is_what_is_to_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too long values are cut where MLflow is told to."""
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "true")
    param, tag = validation._validate_param("text", "x" * 7000), validation._validate_tag("text", "x" * 9000)

    assert (param.key, set(param.value), len(param.value)) == ("text", {"x"}, 6000)
    assert (tag.key, set(tag.value), len(tag.value)) == ("text", {"x"}, 8000)
    metrics, params, tags = validation._validate_batch_log_data([], [Param("text", "x" * 7000)], [])
    assert (metrics, len(params[0].value), tags) == ([], 6000, [])


def test_a_tags_value_can_be_set() -> None:
    tag = RunTag("mlflow.parentRunId", "the journal's id")
    tag._value = "the store's id"

    assert tag.value == "the store's id"
    assert tag.to_proto().value == "the store's id"


# --- what environment variables do that nobody says -----------------------------------------------------------


def test_set_experiment_announces_its_choice_and_start_run_insists_on_it(store: mlflow.MlflowClient) -> None:
    elsewhere = store.create_run("0")
    chosen = mlflow.set_experiment("chosen").experiment_id

    assert os.environ["MLFLOW_EXPERIMENT_ID"] == chosen
    with pytest.raises(MlflowException, match="does not match"):
        mlflow.start_run(run_id=elsewhere.info.run_id)
    mlflow.set_experiment(experiment_id="0")
    with mlflow.start_run(run_id=elsewhere.info.run_id):
        pass


def test_end_run_forgets_the_announced_run(store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with mlflow.start_run():
        monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)

    assert "MLFLOW_RUN_ID" not in os.environ


def test_the_variable_that_keeps_mlflow_from_printing_links_exists() -> None:
    assert environment_variables.MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.name == "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"


def test_the_logger_that_tells_of_new_tables_has_the_name_we_quieten() -> None:
    from mlflow.store.db import utils

    assert utils._logger.name == "mlflow.store.db.utils"


# --- mlflow.utils.import_hooks ---------------------------------------------------------------------------------

_TWO_THREADS = """
import sys, threading
from mlflow.utils import import_hooks
from mlops_jupyter.adapters.mlflow.import_lock import look_without_the_lock

if sys.argv[1] == "ours":
    look_without_the_lock()
    look_without_the_lock()
done = threading.Event()
import_hooks.register_post_import_hook(print, "imported_later")

def other():
    import imported_elsewhere
    done.set()

def hook(module):
    # MLflow holds its lock while this runs, as it does while it imports a framework.
    threading.Thread(target=other, daemon=True).start()
    print(done.wait(float(sys.argv[2])), flush=True)

import_hooks.register_post_import_hook(hook, "json")
import imported_later
"""


@pytest.mark.parametrize(("whose", "limit_s", "imported"), [("ours", "60", "True"), ("theirs", "1", "False")])
def test_another_thread_imports_while_mlflow_holds_its_lock(
    whose: str, limit_s: str, imported: str, tmp_path: Path
) -> None:
    for name in ("imported_elsewhere", "imported_later"):
        (tmp_path / f"{name}.py").touch()
    words = [sys.executable, "-c", _TWO_THREADS, whose, limit_s]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120, cwd=tmp_path)
    # The hook of a module that is imported later is still called; and once MLflow mends it, ours can go.
    assert done.stdout.splitlines()[0] == imported
    assert "<module 'imported_later'" in done.stdout.splitlines()[1]


# --- AUTOLOGGING_INTEGRATIONS and AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED ---------------------------------


def test_mlflows_own_switch_is_an_integration_from_the_start() -> None:
    assert AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED == "globally_configured"
    assert "mlflow" in AUTOLOGGING_INTEGRATIONS


def test_the_frameworks_that_autologging_waits_for_are_mlflows() -> None:
    tables = [
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(fluent.autolog)))
        if isinstance(node, ast.Assign) and "_TO_AUTOLOG_MODULE" in ast.unparse(node.targets[0])
    ]

    assert len(tables) == 2
    assert frozenset().union(*map(ast.literal_eval, tables)) == FRAMEWORKS


@pytest.fixture(scope="module")
def shared_python(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> Iterator[Kernel]:
    """A process apart: autologging patches scikit-learn for all that runs in it."""
    directory = tmp_path_factory.mktemp("private")
    shutil.copy(template_store, directory / "mlflow.db")
    kernel = Kernel(directory)
    reply = kernel.run(
        "%env MLFLOW_DISABLE_TELEMETRY=true\n"
        f"%env MLFLOW_TRACKING_URI=sqlite:///{directory}/mlflow.db\n"
        "import mlflow, sklearn\n"
        "from sklearn.linear_model import LinearRegression\n"
        "from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS as integrations\n"
        "def logs():\n"
        "    with mlflow.start_run() as run:\n"
        "        LinearRegression().fit([[0], [1]], [0, 1])\n"
        "    return 'fit_intercept' in mlflow.get_run(run.info.run_id).data.params"
    )
    assert reply.status == "ok"
    yield kernel
    kernel.stop()


@pytest.fixture
def python(shared_python: Kernel) -> Iterator[Kernel]:
    yield shared_python
    shared_python.run(
        "mlflow.autolog(disable=True)\nmlflow.sklearn.autolog(disable=True)\nintegrations['sklearn'].clear()"
    )


def hold(python: Kernel, code: str) -> None:
    """Run a cell of assertions."""
    reply = python.run(code)
    assert reply.status == "ok", "\n".join(reply.traceback)


def test_an_integration_that_nobody_configured_has_no_configuration(python: Kernel) -> None:
    hold(python, "import mlflow.sklearn\nassert integrations['sklearn'] == {}\nassert not logs()")


def test_mlflow_autolog_marks_the_frameworks_that_are_imported(python: Kernel) -> None:
    hold(
        python,
        "mlflow.autolog(silent=True, log_models=False)\n"
        "assert integrations['sklearn']['globally_configured'] is True\n"
        "assert integrations['sklearn']['disable'] is False\n"
        "assert not integrations.get('xgboost')\n"
        "assert logs()",
    )


def test_a_frameworks_own_autolog_does_not_mark_it_and_mlflow_autolog_then_leaves_it_alone(python: Kernel) -> None:
    hold(
        python,
        "mlflow.sklearn.autolog(disable=True)\n"
        "config = integrations['sklearn']\n"
        "assert 'globally_configured' not in config\n"
        "mlflow.autolog(silent=True, log_models=False)\n"
        "assert integrations['sklearn'] is config and config['disable'] is True\n"
        "assert not logs()",
    )


def test_each_call_makes_a_new_configuration(python: Kernel) -> None:
    hold(
        python,
        "mlflow.autolog(silent=True, log_models=False)\n"
        "first = integrations['mlflow'], integrations['sklearn']\n"
        "mlflow.autolog(silent=True, log_models=False)\n"
        "second = integrations['mlflow'], integrations['sklearn']\n"
        "assert first[0] is not second[0] and first[1] is not second[1]\n"
        "mlflow.sklearn.autolog(silent=True, log_models=False)\n"
        "assert integrations['mlflow'] is second[0] and integrations['sklearn'] is not second[1]",
    )


def test_an_excluded_framework_keeps_its_configuration_and_its_patches(python: Kernel) -> None:
    hold(
        python,
        "mlflow.autolog(silent=True, log_models=False)\n"
        "config, fit = integrations['sklearn'], LinearRegression.fit\n"
        "mlflow.autolog(disable=True, silent=True, exclude_flavors=['sklearn'])\n"
        "assert integrations['sklearn'] is config and LinearRegression.fit is fit\n"
        "assert integrations['mlflow']['disable'] is True\n"
        "assert logs()",
    )


def test_disable_is_looked_up_at_each_fit(python: Kernel) -> None:
    hold(
        python,
        "mlflow.autolog(silent=True, log_models=False)\n"
        "integrations['sklearn']['disable'] = True\n"
        "assert not logs()\n"
        "integrations['sklearn']['disable'] = False\n"
        "assert logs()",
    )


def test_disabling_through_mlflow_takes_the_patches_away(python: Kernel) -> None:
    # Were it not so, the adapter could do without the table: patching anew is what would cost time at each cell.
    hold(
        python,
        "mlflow.autolog(silent=True, log_models=False)\n"
        "fit = LinearRegression.fit\n"
        "mlflow.autolog(disable=True, silent=True)\n"
        "assert LinearRegression.fit is not fit",
    )


# --- mlflow.store.tracking: bulk histories ----------------------------------------------------------------------


def test_a_client_has_a_store_that_reads_histories_in_bulk(store: mlflow.MlflowClient) -> None:
    """What it answers is held by tests/contracts/test_reading.py, over sqlite and over a server."""
    over_http = mlflow.MlflowClient("http://127.0.0.1:1")._tracking_client.store
    assert isinstance(over_http, RestStore)
    assert callable(over_http._call_endpoint)
    assert over_http._METHOD_TO_INFO[GetMetricHistoryBulkInterval][1] == "GET"

    assert not isinstance(store._tracking_client.store, RestStore)
    assert store._tracking_client.store.get_metric_history_bulk_interval([], "loss", 10, None, None) == []


def test_the_installed_deployment_plugins_are_listed() -> None:
    from mlflow.deployments.interface import plugin_store

    assert {"mlops", "sagemaker", "databricks"} <= set(plugin_store.registry)


# --- mlflow.store.db.utils._get_latest_schema_revision ------------------------------------------------------


def test_the_version_of_the_tables_is_looked_up_once_for_all_forks(
    store: mlflow.MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = []
    own = databases._get_latest_schema_revision
    monkeypatch.setattr(databases, "_get_latest_schema_revision", lambda: looked_up.append(1) or own())
    mlflow_in_forks.know_tables()

    assert looked_up == [1]
    with sqlalchemy.create_engine(mlflow.get_tracking_uri()).connect() as connection:
        stored = connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")).scalar()
    assert databases._get_latest_schema_revision() == stored
    SqlAlchemyStore(mlflow.get_tracking_uri(), str(Path.cwd()))
    assert looked_up == [1], "a store that is opened asks by this name"
