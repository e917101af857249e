"""Each name of MLflow that we use and MLflow does not document, and the behaviour of it that we rely on.

A new version of MLflow may take any of them away; then this file says what, before a user does.
"""

from __future__ import annotations

import ast
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow import environment_variables
from mlflow.exceptions import MlflowException
from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval
from mlflow.store.tracking.rest_store import RestStore
from mlflow.tracking import fluent
from mlflow.tracking.context.registry import resolve_tags
from mlflow.tracking.fluent import _active_run_stack
from mlflow.utils.autologging_utils import (
    AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED,
    AUTOLOGGING_INTEGRATIONS,
)

from tests.conftest import REPOSITORY, Kernel

_DOCUMENTED = {
    "mlflow",
    "mlflow.data",
    "mlflow.entities",
    "mlflow.exceptions",
    "mlflow.protos.databricks_pb2",  # the error codes that MlflowException takes
    "mlflow.protos.service_pb2",  # the messages of its REST API, which is documented
    "mlflow.tracking.context.abstract_context",  # what a plugin derives from
}
_UNDOCUMENTED = {
    ("adapters/mlflow/reading.py", "mlflow.store.tracking.rest_store", "RestStore"),
    ("adapters/mlflow_tracking.py", "mlflow.tracking.context.registry", "resolve_tags"),
    ("adapters/mlflow_tracking.py", "mlflow.tracking.fluent", "_active_run_stack"),
    ("adapters/mlflow_tracking.py", "mlflow.utils.autologging_utils", "AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED"),
    ("adapters/mlflow_tracking.py", "mlflow.utils.autologging_utils", "AUTOLOGGING_INTEGRATIONS"),
    ("adapters/mlflow/reading.py", "mlflow.utils.proto_json_utils", "message_to_json"),
    ("adapters/mlflow_ui_app.py", "mlflow.server.fastapi_app", "app"),
}


def test_no_other_undocumented_name_is_used() -> None:
    package = REPOSITORY / "mlops_jupyter"
    found = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            name = str(file.relative_to(package))
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mlflow":
                found |= {(name, node.module, alias.name) for alias in node.names if node.module not in _DOCUMENTED}
            elif isinstance(node, ast.Import):
                found |= {
                    (name, alias.name, "")
                    for alias in node.names
                    if alias.name.split(".")[0] == "mlflow" and alias.name not in _DOCUMENTED
                }

    assert found == _UNDOCUMENTED


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


def test_create_run_makes_no_child_of_an_active_run(store: mlflow.MlflowClient) -> None:
    with mlflow.start_run():
        made = store.create_run("0", tags=resolve_tags({}))
        with mlflow.start_run(run_id=made.info.run_id, nested=True):
            pass

    assert "mlflow.parentRunId" not in store.get_run(made.info.run_id).data.tags


# --- mlflow.tracking.fluent._active_run_stack -----------------------------------------------------------------


def test_the_stack_is_the_live_list_of_this_threads_active_runs(store: mlflow.MlflowClient) -> None:
    outer = mlflow.start_run()
    inner = mlflow.start_run(nested=True)
    stack = _active_run_stack.get()

    assert [run.info.run_id for run in stack] == [outer.info.run_id, inner.info.run_id]
    mlflow.end_run()
    assert [run.info.run_id for run in stack] == [outer.info.run_id]
    mlflow.end_run()
    assert _active_run_stack.get() is stack
    assert stack == []


def test_a_run_taken_off_the_stack_is_forgotten_without_a_word_to_the_store(store: mlflow.MlflowClient) -> None:
    run = mlflow.start_run()
    del _active_run_stack.get()[-1:]

    assert mlflow.active_run() is None
    mlflow.end_run()
    assert store.get_run(run.info.run_id).info.status == "RUNNING"


def test_a_run_laid_on_the_stack_is_the_one_that_end_run_ends(store: mlflow.MlflowClient) -> None:
    below = mlflow.start_run()
    above = mlflow.start_run(nested=True)
    stack = _active_run_stack.get()
    stack.reverse()

    mlflow.end_run("KILLED")
    assert store.get_run(below.info.run_id).info.status == "KILLED"
    assert store.get_run(above.info.run_id).info.status == "RUNNING"
    mlflow.end_run()


def test_each_thread_has_a_stack_of_its_own(store: mlflow.MlflowClient) -> None:
    seen = []
    with mlflow.start_run():
        thread = threading.Thread(target=lambda: seen.append((_active_run_stack.get(), mlflow.active_run())))
        thread.start()
        thread.join()

    assert seen == [([], None)]


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


# --- AUTOLOGGING_INTEGRATIONS and AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED ---------------------------------


def test_mlflows_own_switch_is_an_integration_from_the_start() -> None:
    assert AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED == "globally_configured"
    assert "mlflow" in AUTOLOGGING_INTEGRATIONS


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
