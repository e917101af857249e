"""The end of an endpoint's processes."""

from __future__ import annotations

import stat
from pathlib import Path

from ...capabilities import processes
from ...capabilities.endpoints import control
from ...capabilities.endpoints.folder import EndpointFolder
from ...capabilities.endpoints.state import EndpointState
from ...errors import Unavailable

_STOP_S, _END_S = 45.0, 5.0


def end(folder: EndpointFolder, state: EndpointState) -> None:
    """End all processes of an endpoint, by asking first."""
    if state.alive:
        try:
            control.ask(folder.control, {"do": "stop"}, _END_S)
        except Unavailable:
            # Its guard first, which would start it again; it tells the supervisor.
            guarded = processes.lives(state.guard)
            _end_process(state.guard, _STOP_S)
            _end_process(state.supervisor, 0.0 if guarded else _STOP_S)
        if not processes.wait(state.supervisor, _STOP_S):
            _end_process(state.guard, 0.0)
            _end_process(state.supervisor, _END_S)
        _end_process(state.guard, _END_S)
    end_workers(state)
    if state.socket is not None:
        left = Path(state.socket)
        if left.exists() and stat.S_ISSOCK(left.lstat().st_mode):
            left.unlink()


def end_workers(state: EndpointState) -> None:
    """End workers that have outlived their supervisor, as one that hangs does."""
    for worker in state.workers:
        _end_process(worker.process, _END_S)


def _end_process(process: processes.ProcessId, patience_s: float) -> None:
    if process.pid:
        processes.end(process, patience_s)
