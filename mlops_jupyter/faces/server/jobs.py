"""Verbs at work for the server: each in a process of its own, which can be cancelled and fails alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol

from .forks import Forks

# What the adapter of the notebook's host reads: which notebook the verb is called from.
NOTEBOOK_VARIABLE = "MLOPS_JUPYTER_NOTEBOOK"
_MODULE = "mlops_jupyter.faces.server.worker"
# A verb that is interrupted gets so long to put things in order, then to be terminated; and one that has said its last
# word, to bring to the store what it has logged.
_GRACE_S, _LEAVE_S = 10.0, 60.0
# Of one line: a record as it is shown.
_LONGEST_LINE = 256 * 1024 * 1024
_ENDS = {"result", "error", "cancelled"}


@dataclass(frozen=True)
class Wanted:
    """What is to be run.

    Attributes
    ----------
    verb, arguments, yes
        As of ``grammar.call_with``.
    folder
        The directory to run it in.
    notebook
        The notebook that it is called from, absolute.
    content
        That notebook as its front end has it, as JSON text.
    form
        Of the record "shown" are all forms that a notebook would keep, "data" is itself alone, whole.
    """

    verb: str
    arguments: Mapping[str, Any]
    yes: bool
    folder: Path
    notebook: Path | None = None
    content: str | None = None
    form: str = "shown"

    def line(self) -> bytes:
        """Return what the process is told."""
        told: dict[str, Any] = {"verb": self.verb, "arguments": self.arguments, "yes": self.yes, "form": self.form}
        if self.notebook is not None and self.content is not None:
            told["document"] = {"path": str(self.notebook), "content": self.content}
        return json.dumps(told).encode() + b"\n"


class Worker(Protocol):
    """A process that runs one verb: a child of the server, or a fork."""

    @property
    def stdin(self) -> asyncio.StreamWriter | None:
        """What it is told."""

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        """What it tells."""

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its process group."""

    @property
    def returncode(self) -> int | None:
        """How it ended; ``None`` as long as it runs."""

    async def wait(self) -> int:
        """Wait for its end, and return how it ended."""


class Job:
    """One verb at work."""

    def __init__(self, process: Worker, verb: str) -> None:
        self.id = token_hex(8)
        self.verb = verb
        self._process = process
        self._cancelled = False
        self._ending: asyncio.Task[None] | None = None
        self._ended = False

    async def line(self) -> bytes | None:
        """Return the next line of JSON that it tells; ``None`` after the last.

        A process that ends without a word is told as an error.
        """
        if self._ended or self._process.stdout is None:
            return None
        line = await self._process.stdout.readline()
        if line.endswith(b"\n"):
            self._ended = json.loads(line)["event"] in _ENDS
            return line
        self._ended = True
        return (json.dumps(self._last_word(await self._process.wait())) + "\n").encode()

    async def end(self) -> None:
        """See to it that nothing of it is left."""
        if self._process.returncode is None and not self._ended:
            self.cancel()
        if self._ending is not None:
            await self._ending
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _LEAVE_S)
            await self._end_at_last()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def cancel(self) -> None:
        """Interrupt it, as Ctrl-C would in a terminal; what does not heed that is killed."""
        if self._ending is None and self._process.returncode is None:
            self._cancelled = True
            self._ending = asyncio.get_running_loop().create_task(self._stop())

    async def _stop(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _GRACE_S)
                break
        await self._end_at_last()

    async def _end_at_last(self) -> None:
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # To its children too: a terminal tells all that it runs.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _last_word(self, code: int) -> dict[str, Any]:
        if self._cancelled:
            return {"event": "cancelled"}
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        message = f"the process that ran {self.verb} has ended with {how}"
        return {"event": "error", "status": 500, "error": "Unexpected", "message": message, "hint": None}


class Jobs:
    """The verbs that run now.

    Parameters
    ----------
    forks
        Where workers are forked from.
    """

    def __init__(self, forks: Forks) -> None:
        self.forks = forks
        self._jobs: dict[str, Job] = {}

    async def start(self, wanted: Wanted) -> Job:
        """Start one: as a fork, else as a process of its own, which has to import first."""
        environment = dict(os.environ)
        if wanted.notebook is not None:
            environment[NOTEBOOK_VARIABLE] = str(wanted.notebook)
        process: Worker | None = await self.forks.start(wanted.folder, environment, _LONGEST_LINE)
        if process is None:
            process = await _started(wanted.folder, environment)
        job = Job(process, wanted.verb)
        self._jobs[job.id] = job
        if process.stdin is not None:
            process.stdin.write(wanted.line())
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
        return job

    def find(self, ident: str) -> Job | None:
        """Return one that runs."""
        return self._jobs.get(ident)

    async def end(self, job: Job) -> None:
        """See to it that nothing of it is left, and forget it."""
        try:
            await job.end()
        finally:
            self._jobs.pop(job.id, None)


async def _started(folder: Path, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", _MODULE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env=environment,
        # Interrupts are for the verb and its children, and none of the server's are for it.
        start_new_session=True,
        limit=_LONGEST_LINE,
    )
