"""Faults that happen for real, and the table of what became of the points."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests import conftest
from tests.fakes.servers import MlflowServer, PostgresqlServer, postgresql_server
from tests.fakes.training import Point, Training

_ROW = "points under a fault"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> Iterator[MlflowServer]:
    """A real MLflow server, which the tests of a module stop and start."""
    directory = tmp_path_factory.mktemp("server")
    shutil.copy(template_store, directory / "mlflow.db")
    with MlflowServer(directory, f"sqlite:///{directory}/mlflow.db", str(directory / "artifacts")) as running:
        yield running


@pytest.fixture
def up(server: MlflowServer) -> Iterator[MlflowServer]:
    """The server, running at the beginning of the test and at its end."""
    server.start()
    yield server
    server.start()


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresqlServer]:
    """A real PostgreSQL, which the tests of a module stop and start."""
    with postgresql_server() as made:
        yield made


@pytest.fixture
def start_training(project: Path) -> Iterator[Callable[..., Training]]:
    """Start training processes: start_training(uri, pace_s=…, most=…)."""
    started: list[Training] = []

    def start(
        uri: str | None = None, *, directory: Path = project, pace_s: float = 0.01, most: int = 10**9
    ) -> Training:
        environment = {} if uri is None else {"MLFLOW_TRACKING_URI": uri, "MLFLOW_EXPERIMENT_NAME": "churn"}
        training = Training(directory, pace_s=pace_s, most=most, environment=environment)
        started.append(training)
        return training

    yield start
    for training in started:
        training.end()


@pytest.fixture
def shipper(project: Path) -> Callable[[], int | None]:
    """Ask for the process id of the project's shipper."""

    def find() -> int | None:
        with suppress(OSError, ValueError, KeyError):
            pid = int(json.loads((project / ".mlops" / "journal" / "shipper.json").read_text())["pid"])
            if b"mlops_jupyter" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        return None

    return find


@pytest.fixture
def ship(project: Path) -> Callable[..., None]:
    """Wait until everything that is left has been sent."""

    def run(directory: Path = project) -> None:
        assert conftest.ship(directory, 120) == {}

    return run


@pytest.fixture
def tell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Callable[[int, int], None]:
    """Put a row into the table that the session ends with."""
    return lambda logged, stored: record_property(_ROW, [request.node.name, logged, stored])


def uri_of(project: Path) -> str:
    """Return the address of a project's own sqlite."""
    return f"sqlite:///{project}/.mlops/mlflow.db"


def known_as(uri: str, run_id: str) -> str:
    """Return the store's id of a run: a server that was slow or away may have given one after the run began."""
    client = MlflowClient(uri)
    try:
        return str(client.get_run(run_id).info.run_id)
    except MlflowException:
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
        (found,) = client.search_runs(everywhere, f"tags.`mlops.local_id` = '{run_id}'")
        return str(found.info.run_id)


def points_in(uri: str, run_id: str, key: str = "loss") -> Counter[Point]:
    """Return the points of a metric as MLflow has them, each with how often."""
    history = MlflowClient(uri).get_metric_history(known_as(uri, run_id), key)
    whole = Counter((point.key, point.step, point.timestamp, point.value) for point in history)
    assert set(whole.values()) <= {1}
    return Counter((point.key, point.step, point.value) for point in history)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Write the table."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    rows = [value for report in reports for name, value in getattr(report, "user_properties", []) if name == _ROW]
    if rows:
        terminalreporter.section("points logged, and points in MLflow afterwards")
        for name, logged, stored in rows:
            terminalreporter.write_line(f"{name:<64} {logged:>9,} {stored:>9,}")
