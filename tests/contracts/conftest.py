"""The servers that contract suites run against: one of each for the session, started when a test asks for it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.servers import MlflowServer, postgresql, s3
from tests.fakes.store import WritableStore


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> Iterator[str]:
    """A real MLflow server with its own sqlite and artifacts; its address."""
    directory = tmp_path_factory.mktemp("server")
    shutil.copy(template_store, directory / "mlflow.db")
    with MlflowServer(directory, f"sqlite:///{directory}/mlflow.db", str(directory / "artifacts")) as running:
        yield running.address


@pytest.fixture(scope="session")
def server_at_scale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server whose runs are in a PostgreSQL and whose artifacts in an S3; its address."""
    directory = tmp_path_factory.mktemp("server-at-scale")
    with (
        postgresql() as runs,
        s3(tmp_path_factory.mktemp("s3")) as bucket,
        MlflowServer(directory, runs, bucket.uri, **bucket.environment) as running,
    ):
        yield running.address


@pytest.fixture(params=["sqlite", "server", "server_at_scale"])
def store(request: pytest.FixtureRequest, project: Path) -> WritableStore:
    if request.param == "sqlite":
        return WritableStore(f"sqlite:///{project}/.mlops/mlflow.db", None, project / ".mlops" / "artifacts")
    return WritableStore(request.getfixturevalue(request.param))


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """A name of its own for each test: the server outlives them."""
    return f"{request.node.name}-{time.monotonic_ns()}"
