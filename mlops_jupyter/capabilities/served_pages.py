"""Web pages that a process of their own serves on this machine, behind a ticket.

The process has a session of its own, so that it outlives the kernel, and a state file, so that any later kernel finds
it; it ends when nobody has used it for an hour.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from ..errors import Unavailable
from ..protocols import ServedPage
from . import lasting_processes, tickets
from .page_guard import PageGuard
from .private_files import write_private
from .redaction import redacted

SECRET_VARIABLE = "MLOPS_JUPYTER_UI_SECRET"  # noqa: S105 -- a variable's name
_START_TIMEOUT_S = 90.0
_LOG_TAIL = 8000
_ERROR = re.compile(r"(\w+\.)*\w*(Error|Exception)\b")
_IDLE_LIMIT_S = 3600.0
_IDLE_CHECK_S = 60.0


class PagesProgram(NamedTuple):
    """A program that serves pages.

    Attributes
    ----------
    title, name
        What it is called, and its files.
    words
        The command for a port of the loopback.
    environment
        What it is told by variables, besides the secret: a command line can be read by others.
    health
        A path that answers 200 to the secret as soon as it is up.
    """

    title: str
    name: str
    words: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]
    health: str


class _Server(NamedTuple):
    pid: int
    port: int
    secret: str
    source: str


def open_pages(program: PagesProgram, source: str, state: Path, waiting: Callable[[float, float], None]) -> ServedPage:
    """Return a page that opens once within five minutes; the browser then holds a cookie.

    Parameters
    ----------
    program
        What serves the pages, if nothing does.
    source
        What is shown; of another source there is another server.
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
    with _locked(directory / f"{program.name}.lock"):
        found = running(directory / f"{program.name}.json", source, program.health)
        server = found or _start(program, directory, source, waiting)
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


def running(file: Path, source: str, health: str) -> _Server | None:
    """Return the server of a state file if it is up and shows this source; whatever else the file may hold."""
    try:
        server = _Server(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return server if server.source == source and _healthy(server, health) else None


def _healthy(server: _Server, path: str) -> bool:
    try:
        # By no proxy: it is here, and the secret is nobody else's.
        answer = httpx.get(
            f"http://127.0.0.1:{server.port}{path}",
            headers={"Authorization": f"Bearer {server.secret}"},
            timeout=2,
            trust_env=False,
        )
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK


def _start(program: PagesProgram, directory: Path, source: str, waiting: Callable[[float, float], None]) -> _Server:
    secret, port = secrets.token_urlsafe(32), _free_port()
    log = directory / f"{program.name}.log"
    with log.open("w") as output:
        environment = os.environ | {**program.environment, SECRET_VARIABLE: secret}
        process = lasting_processes.start(program.words(port), output, env=environment)
    server = _Server(process.pid, port, secret, source)
    if not lasting_processes.answers(process, lambda: _healthy(server, program.health), _START_TIMEOUT_S, waiting):
        said = f"{program.title}'s pages did not start: {_last_words(log)}"
        raise Unavailable(program.title, said, f"less {log}")
    waiting(_START_TIMEOUT_S, _START_TIMEOUT_S)
    write_private(directory / f"{program.name}.json", json.dumps(server._asdict()))
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


def end_when_idle(guard: PageGuard) -> None:
    """End this process, which serves pages, after an hour in which nobody has used them."""

    def watch() -> None:
        pause = threading.Event()
        while time.monotonic() - guard.last_used < _IDLE_LIMIT_S:
            pause.wait(_IDLE_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="mlops-idle", daemon=True).start()
