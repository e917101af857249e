"""Starting an endpoint's supervisor, and waiting until it answers."""

from __future__ import annotations

import os
import sys
import time

from ...capabilities import lasting_processes, processes
from ...capabilities.endpoints.folder import EndpointFolder
from ...capabilities.endpoints.state import EndpointState, read_state
from ...capabilities.processes import ProcessId
from ...errors import Conflict, Unavailable
from ...protocols import Waiting

_SUPERVISOR, _WORKER = "mlops_jupyter.serving.supervisor", "mlops_jupyter.serving.worker"
# The processes beside the workers, by the names of `serving.attendants`.
_ATTENDANTS = (
    "alias=mlops_jupyter.faces.alias_watcher",
    "canary=mlops_jupyter.faces.canary_attendant",
    "watcher=mlops_jupyter.serving.watcher",
)
_ROOT_VARIABLE = "MLOPS_JUPYTER_ROOT"
_POLL_S = 0.05
_START_LIMIT_S = 900.0
_STOP_S = 10.0


def command(folder: EndpointFolder, worker: str = _WORKER) -> list[str]:
    """Return the command that is the supervisor of a folder with a plan."""
    # Safe path: a file of the project that is called like a module of Python's is not imported here.
    return [sys.executable, "-P", "-m", _SUPERVISOR, str(folder.path), worker, *_ATTENDANTS]


def start(folder: EndpointFolder, waiting: Waiting, worker: str = _WORKER) -> EndpointState:
    """Start the supervisor of a folder with a plan, and return its state as soon as it answers.

    Raises
    ------
    Conflict
        When something else has its address.
    Unavailable
        When it does not become ready, with its own words.
    """
    root = folder.project_state.parent
    folder.state_file.unlink(missing_ok=True)
    with os.fdopen(os.open(folder.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab") as log:
        environment = {**os.environ, _ROOT_VARIABLE: str(root)}
        guard = lasting_processes.start(command(folder, worker), log, cwd=root, env=environment)
    try:
        return _wait(folder, guard, waiting)
    except BaseException:
        _end(folder, guard)
        raise


def added(folder: EndpointFolder, before: EndpointState, wanted: int, waiting: Waiting) -> str | None:
    """Wait until an endpoint has as many workers as are wanted; return why it does not get them.

    Parameters
    ----------
    folder
        The endpoint's folder, with the plan that wants them.
    before
        How it was.
    wanted
        How many there are to be.
    waiting
        Told how it goes on.
    """
    began = time.monotonic()
    old = {worker.process for worker in before.workers}
    while (passed := time.monotonic() - began) < _START_LIMIT_S:
        state = read_state(folder.state_file) or before
        there = [worker for worker in state.workers if worker.status != "stopping"]
        ready = sum(worker.status == "ready" for worker in there)
        if len(there) == wanted == ready:
            return None
        if not state.alive:
            return "it has ended"
        # One that answered before may end meanwhile, and is started again; of the others each has to become ready.
        if state.restarts - before.restarts > len(old - {worker.process for worker in there}):
            return state.error
        waiting(f"{ready} of {wanted} workers are ready", passed)
        time.sleep(_POLL_S)
    return f"its workers were not ready within {_START_LIMIT_S:.0f} s"


def _end(folder: EndpointFolder, guard: ProcessId) -> None:
    """End what has been started: its guard tells the supervisor, unless that hangs."""
    processes.end(guard, _STOP_S)
    state = read_state(folder.state_file)
    if state is not None and state.guard_pid == guard.pid:
        for one in (state.supervisor, *(worker.process for worker in state.workers)):
            if one.pid:
                processes.end(one, 0.0)


def _wait(folder: EndpointFolder, guard: ProcessId, waiting: Waiting) -> EndpointState:
    began = time.monotonic()
    while True:
        ended = not processes.lives(guard)
        state = read_state(folder.state_file)
        if state is not None and state.guard_pid == guard.pid and state.status == "ready":
            return state
        passed = time.monotonic() - began
        if ended or passed > _START_LIMIT_S:
            raise _failure(folder, state)
        waiting("the model is loaded and asked for a first prediction", passed)
        time.sleep(_POLL_S)


def _failure(folder: EndpointFolder, state: EndpointState | None) -> Conflict | Unavailable:
    said = None if state is None else state.error
    if state is not None and state.code == "address":
        return Conflict(f"{folder.name} cannot be deployed: {said}", "choose another --port or --socket, or none")
    if said is None:
        lines = folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = lines[-1] if lines else "its process ended without a word"
    return Unavailable("endpoint", f"{folder.name} did not become ready: {said}", f"mlops logs {folder.name}")
