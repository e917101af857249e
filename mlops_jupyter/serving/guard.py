"""The process above a supervisor, which does nothing but start it again when it has been killed.

It holds the endpoint's socket meanwhile, so that whoever connects waits for the new workers instead of being refused.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from ..capabilities import processes
from ..capabilities.endpoints.folder import EndpointFolder
from ..capabilities.endpoints.state import EndpointState, read_state, write_state
from ..capabilities.processes import ProcessId
from .log_file import LogFile

_HEARD = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
_TOLD = frozenset({signal.SIGTERM, signal.SIGINT})
_FIRST_DELAY_S, _LONGEST_DELAY_S, _HEALTHY_S = 0.2, 30.0, 60.0
# Workers without their supervisor answer what they have begun, which takes them no longer.
_LEAVE_S = 35.0
_LOOK_S, _LOOK_AT_LEFT_S = 60.0, 1.0


class Guard:
    """What looks after one endpoint's supervisor.

    Parameters
    ----------
    folder
        The endpoint's folder.
    """

    def __init__(self, folder: EndpointFolder) -> None:
        self._folder = folder
        self._told = False
        self._left: list[tuple[float, ProcessId]] = []

    def run(self, begin: Callable[[EndpointState | None], int]) -> int:
        """Run a supervisor in a process of its own, again when it is killed; return its exit code.

        Parameters
        ----------
        begin
            Runs one, and returns its exit code; it is told how the endpoint was when the one before was killed. This
            function returns in the process of each supervisor, too.
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        fallen: EndpointState | None = None
        delay_s = _FIRST_DELAY_S
        while True:
            began = time.monotonic()
            pid = os.fork()
            if pid == 0:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                return begin(fallen)
            code = self._wait(pid)
            fallen = None if self._told else self._fallen(pid, code)
            if fallen is None:
                return abs(code)
            delay_s = _FIRST_DELAY_S if time.monotonic() - began > _HEALTHY_S else min(2 * delay_s, _LONGEST_DELAY_S)
            if signal.sigtimedwait(_TOLD, delay_s) is not None:
                return 0

    def _wait(self, pid: int) -> int:
        """Wait until a supervisor has ended, and pass on to it what this process is told; return how it did."""
        while True:
            heard = signal.sigtimedwait(_HEARD, _LOOK_AT_LEFT_S if self._left else _LOOK_S)
            if heard is not None and heard.si_signo in _TOLD:
                self._told = True
                os.kill(pid, heard.si_signo)
            self._clear_away()
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)

    def _fallen(self, pid: int, code: int) -> EndpointState | None:
        """Write down and return how an endpoint is without its supervisor; ``None`` when it has ended as it was to."""
        state = read_state(self._folder.state_file)
        if state is None or not _served(state):
            return None
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        why = f"the supervisor {pid} {how}"
        now = time.monotonic()
        self._left += [(now + _LEAVE_S, one.process) for one in state.workers if one.pid]
        log = LogFile(self._folder.log)
        log.write(f"{why}, and is started again")
        found = replace(
            state, status="starting", restarts=state.restarts + 1, error=why, error_at=time.time(), workers=()
        )
        try:
            write_state(self._folder.state_file, found)
        except OSError as error:
            log.write(f"the state cannot be written: {error}")
        log.close()
        return found

    def _clear_away(self) -> None:
        """End workers of a supervisor that was killed which have not ended by themselves."""
        now = time.monotonic()
        for due, worker in self._left:
            if now >= due:
                processes.end(worker, 0.0)
        self._left = [(due, worker) for due, worker in self._left if now < due and processes.lives(worker)]


def _served(state: EndpointState) -> bool:
    """Tell whether an endpoint had become ready once, and was not to end."""
    return state.status == "ready" or (state.status == "starting" and state.restarts > 0)
