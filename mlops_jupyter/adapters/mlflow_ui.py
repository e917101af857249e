"""MLflow's own web pages over a store in files, behind a ticket.

The server is MLflow's, started through its ``mlflow.app`` extension point with the guard of ``mlflow_ui_app``.
It has a session of its own, so that it outlives the kernel, and a state file, so that any later kernel finds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from ..capabilities import tickets
from ..capabilities.redaction import redacted
from ..errors import Unavailable
from ..protocols import ServedPage

APP_NAME = "mlops-guarded"
SECRET_VARIABLE = "MLOPS_JUPYTER_UI_SECRET"  # noqa: S105 -- a variable's name
_START_TIMEOUT_S = 90.0
_POLL_S = 0.1
_LOG_TAIL = 8000
_ERROR = re.compile(r"(\w+\.)*\w*(Error|Exception)\b")


class _Server(NamedTuple):
    pid: int
    port: int
    secret: str
    tracking_uri: str


class MlflowUi:
    """Starts MLflow's pages, or finds those that are running."""

    def open(self, tracking_uri: str, state: Path, waiting: Callable[[float, float], None]) -> ServedPage:
        """Return a page that opens once within five minutes; the browser then holds a cookie.

        Parameters
        ----------
        tracking_uri
            The store.
        state
            The project's state directory.
        waiting
            Told (seconds so far, seconds at the most) while the server starts.

        Raises
        ------
        Unavailable
            When the server ends or is not ready in time, with its own last words.
        """
        directory = state / "ui"
        directory.mkdir(mode=0o700, exist_ok=True)
        with _locked(directory / "mlflow.lock"):
            server = _running(directory / "mlflow.json", tracking_uri) or _start(directory, tracking_uri, waiting)
        return ServedPage(
            server.port,
            f"/?ticket={tickets.issue(server.secret, time.time())}",
            f"served by process {server.pid}, which ends after an hour without use",
        )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Keep two kernels from starting two servers."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _running(file: Path, tracking_uri: str) -> _Server | None:
    try:
        server = _Server(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return server if server.tracking_uri == tracking_uri and _healthy(server) else None


def _healthy(server: _Server) -> bool:
    try:
        answer = httpx.get(
            f"http://127.0.0.1:{server.port}/health", headers={"Authorization": f"Bearer {server.secret}"}, timeout=2
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _start(directory: Path, tracking_uri: str, waiting: Callable[[float, float], None]) -> _Server:
    secret, port = secrets.token_urlsafe(32), _free_port()
    environment = os.environ | {
        SECRET_VARIABLE: secret,
        # In the environment, not on the command line: a database address may carry a password.
        "MLFLOW_BACKEND_STORE_URI": tracking_uri,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # MLflow would refuse a host name it does not know, which is what a hub's proxy passes on; the guard
        # checks tickets and origins instead.
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    log = directory / "mlflow.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "server", "--app-name", APP_NAME),
                *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    server = _Server(process.pid, port, secret, tracking_uri)
    began = time.monotonic()
    while not _healthy(server):
        passed = time.monotonic() - began
        if process.poll() is not None or passed > _START_TIMEOUT_S:
            process.kill()
            raise Unavailable("MLflow", f"MLflow's pages did not start: {_last_words(log)}", f"less {log}")
        waiting(passed, _START_TIMEOUT_S)
        time.sleep(_POLL_S)
    waiting(_START_TIMEOUT_S, _START_TIMEOUT_S)
    _write_private(directory / "mlflow.json", json.dumps(server._asdict()))
    return server


def _last_words(log: Path) -> str:
    """Return the last error in a log; what follows it there are its circumstances, not its reason."""
    said = log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:].strip().splitlines()
    errors = [line for line in said if _ERROR.match(line)]
    return redacted((errors or said or ["it said nothing"])[-1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(file: Path, text: str) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as handle:  # noqa: PTH123
        handle.write(text)
