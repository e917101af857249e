"""Verbs at work for the server: each in a process of its own, which can be cancelled and fails alone.

What writes or destroys goes on when nobody follows it any more (docs/decisions/0050).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any, Protocol

from ...errors import Conflict
from ...verbs import VERBS
from .forks import Forks
from .job_events import ENDS, Told

# What the adapter of the notebook's host reads: which notebook the verb is called from.
NOTEBOOK_VARIABLE = "MLOPS_JUPYTER_NOTEBOOK"
_MODULE = "mlops_jupyter.faces.server.worker"
# A verb that is interrupted gets so long to put things in order (a batch ends its kernels, and waits for its runs to be
# stored), then to be terminated; and one that has said its last word, to bring to the store what it has logged.
_INTERRUPTED_S, _TERMINATED_S, _LEAVE_S = 60.0, 10.0, 60.0
# Of one line: a record as it is shown.
_LONGEST_LINE = 256 * 1024 * 1024
# So many that write run at a time, and so many that only read: each may have a kernel, and all share one machine.
MOST_AT_ONCE = 24
# What has ended is kept so long, for a page that was not there; and no more than so many, of so many bytes.
_KEPT_S, _MOST_KEPT, _MOST_BYTES = 900.0, 50, 128 * 1024 * 1024
# What only reads ends when nobody has followed it for so long: a page that asks again is back sooner.
_ALONE_S = 30.0
_LOOK_S = 10.0
_log = logging.getLogger(__name__)


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
    called_from
        The path of the notebook that the front end calls it from.
    """

    verb: str
    arguments: Mapping[str, Any]
    yes: bool
    folder: Path
    notebook: Path | None = None
    content: str | None = None
    form: str = "shown"
    called_from: str | None = None

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
    """One verb at work, or one that has ended.

    Parameters
    ----------
    wanted
        What is run.
    owner
        Who has called it.
    """

    def __init__(self, wanted: Wanted, owner: str) -> None:
        self.id = token_hex(8)
        self.wanted, self.owner = wanted, owner
        self.effect = VERBS[wanted.verb].effect
        self.told = Told(self.id)
        # Whether anything of it is there still.
        self.running = True
        self.ended_s: float | None = None
        self._state = "running"
        self._started = datetime.now(UTC)
        self._ended: datetime | None = None
        self._process: Worker | None = None
        self._cancelled = False
        self._ending: asyncio.Task[None] | None = None

    @property
    def outlives(self) -> bool:
        """Whether it goes on when nobody follows it."""
        return self.effect != "reads"

    def described(self) -> dict[str, Any]:
        """Return what a front end needs to show it, as JSON values."""
        return {
            "job": self.id,
            "verb": self.wanted.verb,
            "arguments": self.wanted.arguments,
            "notebook": self.wanted.called_from,
            "form": self.wanted.form,
            "effect": self.effect,
            "state": self._state,
            "started": self._started.isoformat(),
            "ended": None if self._ended is None else self._ended.isoformat(),
            "events": self.told.last,
            "heard": self.told.heard,
        }

    async def run(self, start: Callable[[Wanted], Awaitable[Worker]]) -> None:
        """Run it to its end; whatever happens, its last event is one that ends it."""
        try:
            await self._run(start)
        except Exception:  # noqa: BLE001 -- who follows is told; the whole of it stands in the server's log
            _log.exception("mlops-jupyter: %s could not be run", self.wanted.verb)
            self._end_as_error(f"{self.wanted.verb} could not be run; the Jupyter server's log has the whole of it")
            await self._end_at_last()
        finally:
            self.running = False

    def cancel(self, grace_s: float = _INTERRUPTED_S) -> None:
        """Interrupt it, as Ctrl-C would in a terminal; what does not heed that within so many seconds is killed."""
        self._cancelled = True
        if self._ending is None and self._process is not None and self._process.returncode is None:
            self._ending = asyncio.get_running_loop().create_task(self._stop(self._process, grace_s))

    async def _run(self, start: Callable[[Wanted], Awaitable[Worker]]) -> None:
        self._process = await start(self.wanted)
        if self._cancelled:
            # It has not begun: it does not know yet what to do.
            self._signal(signal.SIGKILL)
        elif self._process.stdin is not None:
            self._process.stdin.write(self.wanted.line())
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.drain()
        while not self.told.ended:
            await self._hear(self._process)
        await self._see_to_its_end(self._process)

    async def _hear(self, process: Worker) -> None:
        """Keep the next line that it tells; a process that ends without a word is told as an error."""
        line = b""
        if process.stdout is not None:
            # A process that is killed may take what it was told unread along.
            with contextlib.suppress(ConnectionError):
                line = await process.stdout.readline()
        if line.endswith(b"\n"):
            self._tell(json.loads(line), line)
        elif self._cancelled:
            await process.wait()
            self._tell({"event": "cancelled"})
        else:
            code = await process.wait()
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            self._end_as_error(f"the process that ran {self.wanted.verb} has ended with {how}")

    def _tell(self, event: Mapping[str, Any], line: bytes | None = None) -> None:
        kind = event["event"]
        if kind in ENDS:
            failed = kind == "error" or event.get("failed", False)
            self._state = "cancelled" if kind == "cancelled" else "failed" if failed else "finished"
            self._ended, self.ended_s = datetime.now(UTC), time.monotonic()
        self.told.add(kind, json.dumps(event).encode() if line is None else line)

    def _end_as_error(self, message: str) -> None:
        if not self.told.ended:
            self._tell({"event": "error", "status": 500, "error": "Unexpected", "message": message, "hint": None})

    async def _see_to_its_end(self, process: Worker) -> None:
        """See to it that nothing of it is left."""
        if self._ending is not None:
            await self._ending
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LEAVE_S)
            await self._end_at_last()
        if process.stdin is not None:
            process.stdin.close()

    async def _stop(self, process: Worker, grace_s: float) -> None:
        for number, patience_s in ((signal.SIGINT, grace_s), (signal.SIGTERM, _TERMINATED_S)):
            self._signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience_s)
                break
        await self._end_at_last()

    async def _end_at_last(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            # To its children too: a terminal tells all that it runs.
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            # It has ended, or was forked just now and leads no group yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


class Jobs:
    """The verbs that run now, and for a while those that have ended.

    Parameters
    ----------
    forks
        Where workers are forked from.
    active
        Called again and again while one runs that nobody need follow: a server that has work to do is not idle.
    """

    def __init__(self, forks: Forks, active: Callable[[], None] = lambda: None) -> None:
        self.forks = forks
        self._active = active
        self._jobs: dict[str, Job] = {}
        # Without a reference a task may be collected.
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, wanted: Wanted, owner: str) -> Job:
        """Start one.

        Raises
        ------
        Conflict
            When so many run as may run at a time.
        """
        job = Job(wanted, owner)
        beside = [one for one in self._jobs.values() if one.running and one.outlives == job.outlives]
        if len(beside) >= MOST_AT_ONCE:
            raise Conflict(
                f"{MOST_AT_ONCE} verbs are at work here, as many as may be at a time: {wanted.verb} was not begun",
                "wait until one has ended, or cancel one",
            )
        self._jobs[job.id] = job
        task = asyncio.get_running_loop().create_task(job.run(self._started))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._look_soon()
        return job

    def find(self, ident: str, owner: str) -> Job | None:
        """Return one of somebody's, running or ended."""
        job = self._jobs.get(ident)
        return job if job is not None and job.owner == owner else None

    def of(self, owner: str) -> list[Job]:
        """Return somebody's, the oldest first."""
        return [one for one in self._jobs.values() if one.owner == owner]

    def forget(self, job: Job) -> None:
        """Keep no longer what one has told, once it has ended; what runs still is cancelled."""
        if not job.told.ended:
            # What only reads has little to put in order.
            job.cancel(_TERMINATED_S)
        self._jobs.pop(job.id, None)

    def _look_soon(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Let go what nobody follows or will ask for."""
        self._timer = None
        now = time.monotonic()
        for job in list(self._jobs.values()):
            left = not job.outlives and (job.told.heard or job.told.alone_s() >= _ALONE_S)
            if left or (job.ended_s is not None and now - job.ended_s >= _KEPT_S):
                self.forget(job)
        kept = [one for one in self._jobs.values() if one.told.ended]
        while len(kept) > 1 and (len(kept) > _MOST_KEPT or sum(one.told.size for one in kept) > _MOST_BYTES):
            self.forget(kept.pop(0))
        if any(one.outlives and one.running for one in self._jobs.values()):
            self._active()
        if self._jobs:
            self._look_soon()

    async def _started(self, wanted: Wanted) -> Worker:
        """Start a process: as a fork, else one of its own, which has to import first."""
        environment = dict(os.environ)
        if wanted.notebook is not None:
            environment[NOTEBOOK_VARIABLE] = str(wanted.notebook)
        forked: Worker | None = await self.forks.start(wanted.folder, environment, _LONGEST_LINE)
        return forked if forked is not None else await _started(wanted.folder, environment)


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
