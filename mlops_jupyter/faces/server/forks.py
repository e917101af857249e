"""Workers forked from a process that has imported what verbs need, where there can be one (docs/decisions/0039)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from ...capabilities.forking import Forked, ForkServer, Refusal, supported

_ENTRY = "mlops_jupyter.faces.server.forked:main"
_IMPORTS = ("mlops_jupyter.faces.server.imported",)
# Its memory is for who works with verbs: after so long without one it ends.
_IDLE_S = 600.0

_T = TypeVar("_T")


class ForkedWorker:
    """A forked worker, as far as a job needs an `asyncio.subprocess.Process`.

    Parameters
    ----------
    forked
        The process.
    stdout, stdin
        What it writes, and what it reads: one connection.
    """

    def __init__(self, forked: Forked, stdout: asyncio.StreamReader, stdin: asyncio.StreamWriter) -> None:
        self.pid = forked.pid
        self.stdout, self.stdin = stdout, stdin
        self._forked = forked
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._watched = forked.fileno()
        self._loop.add_reader(self._watched, self._heard)

    @property
    def returncode(self) -> int | None:
        """How it ended; ``None`` as long as it runs."""
        return self._forked.returncode

    async def wait(self) -> int:
        """Wait for its end, and return how it ended."""
        await self._ended.wait()
        return self._forked.wait()

    def _heard(self) -> None:
        if self._forked.poll() is not None:
            self._loop.remove_reader(self._watched)
            self._ended.set()


class Forks:
    """The process that the workers of one Jupyter server are forked from, in whatever folder and project.

    It is started when first there is need of it, and ends with the server, or when nobody has called a verb for long.

    Parameters
    ----------
    log
        Where is told why a worker is not forked.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._server: ForkServer | None = None
        self._lock = threading.Lock()
        self._told: set[str] = set()

    async def prepare(self) -> None:
        """Have the imports begin, so that the first verb need not wait for them."""
        if supported():
            await _aside(self._prepare)

    async def start(self, folder: Path, environment: Mapping[str, str], longest_line: int) -> ForkedWorker | None:
        """Fork a worker; ``None`` where that is not possible.

        Parameters
        ----------
        folder, environment
            Its working directory and all of its variables.
        longest_line
            How many bytes a line may have that it writes.
        """
        if not supported():
            return None
        with contextlib.ExitStack() as open_:
            ours, theirs = socket.socketpair()
            open_.enter_context(ours)
            made = await _aside(lambda: self._fork(folder, environment, theirs))
            if isinstance(made, Refusal):
                self._tell(f"verbs are started, not forked: {made.reason}")
                return None
            for name, reason in made.left_out.items():
                self._tell(f"verbs are forked without {name}: {reason}")
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=longest_line)
            open_.pop_all()
        return ForkedWorker(made, reader, writer)

    def stop(self) -> None:
        """End the process, and what was forked from it; the next verb starts another."""
        with self._lock:
            if self._server is not None:
                self._server.stop()
                self._server = None

    def _prepare(self) -> None:
        if not self._now().prepare(_ENTRY, _IMPORTS):
            self._forget_if_gone()

    def _fork(self, folder: Path, environment: Mapping[str, str], connection: socket.socket) -> Forked | Refusal:
        # What it writes past the connection, and what it inherits to children, goes to the server's log.
        log = 2 if sys.__stderr__ is not None else None

        def fork() -> Forked | Refusal:
            fds = (connection.fileno(), connection.fileno(), log)
            return self._now().fork(_ENTRY, imports=_IMPORTS, environment=environment, cwd=folder, fds=fds)

        # Closed here, where it is used: who asked may be gone by then.
        with connection:
            made = fork()
            # It may have ended for want of work, or was killed: another is as good.
            return fork() if isinstance(made, Refusal) and self._forget_if_gone() else made

    def _now(self) -> ForkServer:
        with self._lock:
            if self._server is None:
                self._server = ForkServer.start(idle_s=_IDLE_S)
            return self._server

    def _forget_if_gone(self) -> bool:
        with self._lock:
            if self._server is not None and self._server.state() is None:
                self._server.stop()
                self._server = None
            return self._server is None

    def _tell(self, sentence: str) -> None:
        """Say something once: else every call would repeat it."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._log.info("mlops-jupyter: %s", sentence)


async def _aside(work: Callable[[], _T]) -> _T:
    """Do something in a thread of its own.

    Those of an executor are waited for when the interpreter ends: a process that does not answer would keep the server.
    """
    future: Future[_T] = Future()
    # From now on nobody can cancel it: what is being waited for goes on.
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- who waits is told
            future.set_exception(error)

    threading.Thread(target=run, name="mlops-forks", daemon=True).start()
    return await asyncio.wrap_future(future)
