"""Papermill as the runner of notebooks, in processes of their own (see ``worker``)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...capabilities.forking import Forked, ForkServer
from ...errors import ConfigurationError, ServiceError
from ...protocols import CellProgress, Limits, NotebookOutcome, Resumable
from ...records import Parameter

WORKER = "mlops_jupyter.adapters.papermill.worker"
# What jupyter_client starts kernels with that name nothing themselves, and what that is told of the server.
PROVISIONER_VARIABLE, WARM_KERNELS = "JUPYTER_DEFAULT_PROVISIONER_NAME", "mlops-warm"
SERVER_VARIABLE = "MLOPS_JUPYTER_WARM"
_STOP_TIMEOUT_S = 10.0
_SAID = 2000


class PapermillRunner:
    """Lends a worker to each notebook that runs; one that has done its work takes the next.

    Parameters
    ----------
    server
        Where workers are forked from, and told to fork kernels from; without one all are started.
    """

    # What a worker is forked as.
    entry = f"{WORKER}:main"

    def __init__(self, server: ForkServer | None = None) -> None:
        self._server = server
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()

    @contextmanager
    def load(self, notebook: Path, environment: Mapping[str, str] | None = None) -> Iterator[_Loaded]:
        """Give a notebook to a worker, which reads it while the caller does something else.

        Raises
        ------
        ConfigurationError
            When the notebook cannot be read, is not valid, or wants a kernel that is not installed; from
            ``parameters`` and ``execute``, so that starting costs no waiting.
        """
        worker = self._worker(dict(environment or {}))
        try:
            yield _Loaded(worker, notebook)
        except BaseException:
            worker.stop()
            raise
        self._give_back(worker)

    def close(self) -> None:
        """End the workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _worker(self, environment: dict[str, str]) -> _Worker:
        with self._lock:
            for worker in self._idle:
                if worker.environment == environment:
                    self._idle.remove(worker)
                    return worker
        return _Worker(environment, self._server)

    def _give_back(self, worker: _Worker) -> None:
        if not worker.free:
            worker.stop()
            return
        with self._lock:
            self._idle.append(worker)


class _Worker:
    """A process that executes notebooks, one at a time."""

    def __init__(self, environment: dict[str, str], server: ForkServer | None) -> None:
        self.environment = environment
        # Whether it waits for a request.
        self.free = True
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 -- lives as long as the process
        theirs, ours = os.pipe()
        self._input = os.fdopen(ours, "w", encoding="utf-8")
        answers, said = os.pipe()
        self._output = os.fdopen(answers, encoding="utf-8")
        try:
            self._process = _started(environment, server, (theirs, said, self._stderr.fileno()))
        finally:
            os.close(theirs)
            os.close(said)

    def interrupt(self) -> None:
        """Have it end the notebook that runs."""
        self._process.send_signal(signal.SIGINT)

    def send(self, message: Mapping[str, object], doing: str) -> None:
        """Ask for something."""
        self.free = False
        try:
            print(json.dumps(message), file=self._input, flush=True)
        except BrokenPipeError as error:
            raise self._died(doing) from error

    def receive(self, doing: str) -> dict[str, Any]:
        """Wait for an answer."""
        line = self._output.readline()
        if not line:
            raise self._died(doing)
        message: dict[str, Any] = json.loads(line)
        self.free = message["event"] != "cell"
        if message["event"] == "invalid":
            raise ConfigurationError(message["message"], message["hint"])
        return message

    def stop(self) -> None:
        """End it: ask, and after a while insist; its kernel ends with it."""
        with suppress(BrokenPipeError):
            self._input.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()
        self._stderr.close()

    def _died(self, doing: str) -> ServiceError:
        code = self._process.wait()
        self._stderr.seek(0)
        said = self._stderr.read()[-_SAID:].decode(errors="replace").strip()
        last = f": {said.splitlines()[-1]}" if said else ""
        return ServiceError("Papermill", f"the process that runs {doing} ended with code {code}{last}", "mlops doctor")


def _started(
    environment: Mapping[str, str], server: ForkServer | None, files: tuple[int, int, int]
) -> subprocess.Popen[bytes] | Forked:
    """Start a worker: forked where there is a server that can, else as a process of its own.

    Either has a session of its own: the terminal's Ctrl-C reaches us, and we decide how the notebook ends.
    """
    variables = os.environ | environment
    if server is not None:
        told = {PROVISIONER_VARIABLE: WARM_KERNELS, SERVER_VARIABLE: str(server.path)}
        variables |= told
        forked = server.fork(PapermillRunner.entry, environment=variables, fds=files)
        if isinstance(forked, Forked):
            return forked
    stdin, stdout, stderr = files
    command = [sys.executable, "-m", WORKER]
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True, env=variables)


class _Loaded:
    """A notebook in the hands of a worker."""

    def __init__(self, worker: _Worker, notebook: Path) -> None:
        self._worker = worker
        self._notebook = notebook
        self._declared: dict[str, Any] | None = None
        worker.send({"notebook": str(notebook)}, notebook.name)

    @property
    def parameters(self) -> tuple[Parameter, ...] | None:
        """The parameters it declares, ``None`` when it has no ``parameters`` cell."""
        found = self._declaration()["parameters"]
        return None if found is None else tuple(Parameter(**one) for one in found)

    @property
    def names_known(self) -> bool:
        """Whether these are all; of most languages Papermill cannot tell what a cell declares."""
        return bool(self._declaration()["names_known"])

    @property
    def cells(self) -> int:
        """How many cells it has."""
        return int(self._declaration()["cells"])

    def execute(
        self,
        output: Path,
        *,
        parameters: Mapping[str, object],
        environment: Mapping[str, str | None],
        limits: Limits,
        kept: Resumable | None,
        on_progress: Callable[[CellProgress], None],
    ) -> NotebookOutcome:
        """Execute, passing on each cell's start and end; Ctrl-C interrupts the notebook and is an outcome."""
        cells = self.cells
        if threading.current_thread() is threading.main_thread():
            # polars, which MLflow imports where it is installed, has a SIGINT leave the wait for a line undisturbed.
            signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003 -- positional only
        request = {"output": str(output), "parameters": dict(parameters), "environment": dict(environment)}
        where = None if kept is None else {**kept._asdict(), "folder": str(kept.folder)}
        self._worker.send(request | limits._asdict() | {"kept": where}, self._notebook.name)
        while True:
            try:
                message = self._worker.receive(self._notebook.name)
                if message["event"] == "done":
                    del message["event"]
                    return NotebookOutcome(**message)
                on_progress(CellProgress(message["cell"], cells, message["ended"]))
            except KeyboardInterrupt:
                self.interrupt()

    def interrupt(self) -> None:
        """Have the worker end the notebook and tell how far it came; from any thread."""
        self._worker.interrupt()

    def _declaration(self) -> dict[str, Any]:
        if self._declared is None:
            self._declared = self._worker.receive(self._notebook.name)
        return self._declared
