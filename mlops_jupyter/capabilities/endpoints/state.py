"""What an endpoint says of itself, in a file that any later process reads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...errors import Unavailable
from ..private_files import write_private
from ..processes import ProcessId, lives
from .control import ask
from .folder import EndpointFolder

_ASK_S = 2.0
# "waiting": it has ended and is started again in a moment.
WorkerStatus = Literal["starting", "ready", "waiting", "stopping"]
EndpointStatus = Literal["starting", "ready", "failed", "stopping", "stopped"]


@dataclass(frozen=True)
class WorkerState:
    """One worker.

    Attributes
    ----------
    pid, started
        Its process, as of `ProcessId`; 0 and empty while there is none.
    status
        What it does.
    """

    pid: int
    started: str
    status: WorkerStatus

    @property
    def process(self) -> ProcessId:
        """Its process."""
        return ProcessId(self.pid, self.started)


@dataclass(frozen=True)
class EndpointState:
    """An endpoint at work, as its supervisor says.

    Attributes
    ----------
    pid, process_started
        The supervisor's process, as of `ProcessId`.
    status
        What the endpoint does.
    started_at
        When it was started, in seconds of the epoch.
    host, port, socket
        Where it listens; a port that was to be any is the one that it got.
    restarts
        How often a worker, or the supervisor, had to be started again.
    error
        Why the last one had to be, or why all of it failed.
    error_at
        When, in seconds of the epoch.
    code
        What kind of failure ended it: ``address`` when it could not listen.
    workers
        Its workers.
    guard_pid, guard_started
        The process that starts the supervisor again when it is killed, as of `ProcessId`; 0 and empty without one.
    """

    pid: int
    process_started: str
    status: EndpointStatus
    started_at: float
    host: str
    port: int
    socket: str | None = None
    restarts: int = 0
    error: str | None = None
    error_at: float | None = None
    code: str | None = None
    workers: tuple[WorkerState, ...] = field(default=())
    guard_pid: int = 0
    guard_started: str = ""

    @property
    def supervisor(self) -> ProcessId:
        """The supervisor's process."""
        return ProcessId(self.pid, self.process_started)

    @property
    def guard(self) -> ProcessId:
        """The process that starts the supervisor again."""
        return ProcessId(self.guard_pid, self.guard_started)

    @property
    def alive(self) -> bool:
        """Whether its supervisor lives, or will again in a moment; what it last wrote says nothing of that."""
        return lives(self.supervisor) or lives(self.guard)


def read_state(file: Path) -> EndpointState | None:
    """Read the file; ``None`` when there is none, or none that is whole."""
    try:
        return _state(json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def current_state(folder: EndpointFolder) -> EndpointState | None:
    """Return how an endpoint is; where the file is damaged, its supervisor is asked. ``None`` when nobody knows."""
    state = read_state(folder.state_file)
    if state is not None:
        return state
    try:
        return _state(ask(folder.control, {"do": "state"}, _ASK_S))
    except (Unavailable, TypeError, KeyError, AttributeError):
        return None


def _state(told: dict[str, Any]) -> EndpointState:
    workers = tuple(WorkerState(**one) for one in told.pop("workers"))
    return EndpointState(workers=workers, **told)


def write_state(file: Path, state: EndpointState) -> None:
    """Write the file, whole or not at all."""
    write_private(file, json.dumps(asdict(state), indent=1))
