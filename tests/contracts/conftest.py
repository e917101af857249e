"""The stores that the contract suites run over: sqlite, and a real MLflow server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from mlops_jupyter.adapters.mlflow_tracking import MlflowTracking


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> Iterator[str]:
    """A real MLflow server with its own sqlite and artifacts."""
    directory = tmp_path_factory.mktemp("server")
    (directory / "mlflow.db").write_bytes(template_store.read_bytes())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
                *("--backend-store-uri", f"sqlite:///{directory}/mlflow.db", "--workers", "1"),
                *("--artifacts-destination", str(directory / "artifacts")),
            ],
            cwd=directory,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None and time.monotonic() < end, (directory / "log").read_text()  # noqa: PT018
            try:
                if httpx.get(f"{address}/health", timeout=2).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        for child in psutil.wait_procs(family, timeout=10)[1]:
            child.kill()


@pytest.fixture(params=["sqlite", "server"])
def store(request: pytest.FixtureRequest, project: Path) -> MlflowTracking:
    if request.param == "sqlite":
        return MlflowTracking(f"sqlite:///{project}/.mlops/mlflow.db", None, project / ".mlops" / "artifacts")
    return MlflowTracking(request.getfixturevalue("server"))


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """A name of its own for each test: the server outlives them."""
    return f"{request.node.name}-{time.monotonic_ns()}"
