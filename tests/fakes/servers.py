"""Real servers for tests: each on a free port of the loopback, waited for, and ended by its process id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import boto3
import httpx
import psutil
import psycopg

from tests.fakes.missing import cannot, may_install

_SLOW_S = 120


def free_port() -> int:
    """Return a port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_server(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    """Wait until a server that was just started is ready; with what it wrote when it ends instead, or never is."""
    end = time.monotonic() + _SLOW_S
    while not ready():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)


def answers(address: str, **params: str) -> bool:
    """Tell whether a web server answers there."""
    try:
        return httpx.get(address, params=params, timeout=2).is_success
    except httpx.TransportError:
        return False


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """End a server and what it has started."""
    if process.poll() is not None:
        return
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    try:
        # JupyterLab waits for its kernels, and a busy machine for everything.
        process.wait(_SLOW_S)
    finally:
        process.kill()
        for child in psutil.wait_procs(family, timeout=10)[1]:
            child.kill()


@contextmanager
def serving(
    words: Sequence[str],
    directory: Path,
    ready: Callable[[], bool],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    ends_with: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            words,
            cwd=directory,
            env=environment,
            user=user,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for_server(process, log, ready)
        yield process
    finally:
        end(process, ends_with)


def plain_environment(**more: str) -> dict[str, str]:
    """Return an environment without settings of MLflow or the cloud, with this environment's commands on its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MLOPS_", "AWS_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return {**kept, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", **more}


class MlflowServer:
    """An MLflow server that may be stopped and started again: same address, same runs."""

    def __init__(self, directory: Path, runs: str, artifacts: str, **environment: str) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._words = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--backend-store-uri", runs, "--artifacts-destination", artifacts, "--workers", "1"),
        ]
        self._environment = plain_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", **environment)
        self._running = ExitStack()
        self._up = False

    def start(self) -> None:
        """Start it and wait until it answers; nothing when it runs."""
        if self._up:
            return
        ready, log = f"{self.address}/health", self._directory / "log"
        served = serving(self._words, self._directory, lambda: answers(ready), log=log, environment=self._environment)
        self._running.enter_context(served)
        self._up = True

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._up = False
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.stop()


def _postgres_command(name: str) -> str:
    # Debian keeps them off the path, a folder for each major version.
    found = shutil.which(name) or next(
        (str(one) for one in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        cannot("PostgreSQL is missing: apt-get install postgresql", mended=may_install())
    return found


class PostgresqlServer:
    """A PostgreSQL server that may be stopped and started again: same address, same tables; at first it is stopped."""

    def __init__(self, directory: Path) -> None:
        port = free_port()
        self.address = f"postgresql://mlflow@127.0.0.1:{port}/postgres"
        self._data, self._log = directory / "data", directory / "log"
        # PostgreSQL refuses to run as root, and whoever it runs as must be able to enter the folder.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user is not None:
            owner = pwd.getpwnam(self._user)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        making = [_postgres_command("initdb"), "-D", str(self._data), "-U", "mlflow", "-A", "trust", "--no-sync"]
        subprocess.run(making, user=self._user, cwd=directory, check=True, capture_output=True, timeout=_SLOW_S)
        self._words = [
            *(_postgres_command("postgres"), "-D", str(self._data), "-p", str(port), "-h", "127.0.0.1"),
            *("-k", str(directory), "-F"),
        ]
        self._running = ExitStack()
        self._up = False

    def start(self) -> None:
        """Start it and wait until it answers; nothing when it runs."""
        if self._up:
            return
        # Not SIGTERM, upon which it waits for its clients to leave.
        served = serving(
            self._words, self._data, self._answers, log=self._log, user=self._user, ends_with=signal.SIGINT
        )
        self._running.enter_context(served)
        self._up = True

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._up = False
        self._running.close()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.address, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Make a PostgreSQL server with an empty database; it is not started yet."""
    _postgres_command("initdb")
    with tempfile.TemporaryDirectory(prefix="mlops-postgres-", ignore_cleanup_errors=True) as made:
        server = PostgresqlServer(Path(made))
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgresql() -> Iterator[str]:
    """Run a PostgreSQL server with an empty database; give its address for SQLAlchemy."""
    with postgresql_server() as server:
        server.start()
        yield server.address


@dataclass(frozen=True)
class Bucket:
    """A bucket in an S3: where it is, and what a client's environment needs to get there."""

    uri: str
    environment: Mapping[str, str]


@contextmanager
def s3(directory: Path) -> Iterator[Bucket]:
    """Run an S3 server with one empty bucket."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    ready, environment = f"{address}/moto-api/data.json", plain_environment()
    with serving(words, directory, lambda: answers(ready), log=directory / "log", environment=environment):
        client = boto3.client(
            "s3",
            endpoint_url=address,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )
        client.create_bucket(Bucket="artifacts")
        client.close()
        yield Bucket("s3://artifacts/mlflow", {**keys, "MLFLOW_S3_ENDPOINT_URL": address})
