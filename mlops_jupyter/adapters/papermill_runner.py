"""Papermill as the runner of notebooks, in a process of its own (see ``papermill_worker``)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import ConfigurationError, ServiceError
from ..protocols import CellProgress, NotebookOutcome
from ..records import Parameter

WORKER = "mlops_jupyter.adapters.papermill_worker"
_STOP_TIMEOUT_S = 10.0
_SAID = 2000


class PapermillRunner:
    """Starts a worker for each notebook; reading it overlaps with whatever the caller does meanwhile."""

    @contextmanager
    def load(self, notebook: Path, environment: Mapping[str, str] | None = None) -> Iterator[_Loaded]:
        """Start a worker on a notebook; it is ended when the block is left.

        Raises
        ------
        ConfigurationError
            When the notebook cannot be read, is not valid, or wants a kernel that is not installed; from
            ``parameters`` and ``execute``, so that starting costs no waiting.
        """
        with tempfile.TemporaryFile() as stderr:
            # A session of its own: the terminal's Ctrl-C reaches us, and we decide how the notebook ends.
            process = subprocess.Popen(
                [sys.executable, "-m", WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env=os.environ | dict(environment or {}),
                text=True,
                encoding="utf-8",
            )
            loaded = _Loaded(process, stderr, notebook)
            try:
                yield loaded
            finally:
                loaded.stop()


class _Loaded:
    """One worker and the notebook it holds."""

    def __init__(self, process: subprocess.Popen[str], stderr: IO[bytes], notebook: Path) -> None:
        self._process = process
        self._stderr = stderr
        self._notebook = notebook
        self._declared: dict[str, Any] | None = None
        self._send({"notebook": str(notebook)})

    @property
    def parameters(self) -> tuple[Parameter, ...] | None:
        """The parameters it declares, ``None`` when it has no ``parameters`` cell."""
        found = self._declaration()["parameters"]
        return None if found is None else tuple(Parameter(**one) for one in found)

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
        timeout_s: int | None,
        on_progress: Callable[[CellProgress], None],
    ) -> NotebookOutcome:
        """Execute, passing on each cell's start and end; Ctrl-C interrupts the notebook and is an outcome."""
        cells = self.cells
        # polars, which MLflow imports where it is installed, has a SIGINT leave the wait for a line undisturbed.
        signal.siginterrupt(signal.SIGINT, True)  # noqa: FBT003 -- positional only
        self._send(
            {
                "output": str(output),
                "parameters": dict(parameters),
                "environment": dict(environment),
                "timeout_s": timeout_s,
            }
        )
        while True:
            try:
                message = self._receive()
                if message["event"] == "done":
                    del message["event"]
                    return NotebookOutcome(**message)
                on_progress(CellProgress(message["cell"], cells, message["ended"]))
            except KeyboardInterrupt:
                self.interrupt()

    def interrupt(self) -> None:
        """Have the worker stop the notebook and tell how far it came."""
        self._process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """End the worker: ask, and after a while insist; its kernel ends with it."""
        with suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _declaration(self) -> dict[str, Any]:
        if self._declared is None:
            message = self._receive()
            if message["event"] == "invalid":
                raise ConfigurationError(message["message"], message["hint"])
            self._declared = message
        return self._declared

    def _send(self, message: Mapping[str, object]) -> None:
        if self._process.stdin is None:
            raise ServiceError("Papermill", "the worker has no input")
        try:
            print(json.dumps(message), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            raise self._died() from error

    def _receive(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise self._died()
        message: dict[str, Any] = json.loads(line)
        return message

    def _died(self) -> ServiceError:
        code = self._process.wait()
        self._stderr.seek(0)
        said = self._stderr.read()[-_SAID:].decode(errors="replace").strip()
        last = f": {said.splitlines()[-1]}" if said else ""
        return ServiceError(
            "Papermill", f"the process that runs {self._notebook.name} ended with code {code}{last}", "mlops doctor"
        )
