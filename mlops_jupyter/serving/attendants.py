"""The processes beside an endpoint's workers: each is there while the plan asks for it, and is started when it ends."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..capabilities.endpoints import EndpointPlan
from .children import Child, Output

# When the machine has no room for another process.
_START_AGAIN_S = 5.0

# How long one that outlives the workers may take to finish.
_FINISH_S = 5.0


class Duty(NamedTuple):
    """What an attendant is there for.

    Attributes
    ----------
    does
        What it does for a plan, in words of the log; ``None`` where it is not wanted.
    outlives
        Whether it is there until the last worker has ended, and then finishes what it has.
    """

    does: Callable[[EndpointPlan], str | None]
    outlives: bool = False


# A new one is a line here, and its module where the supervisor is started (its command line has NAME=MODULE): it may
# import more than `serving` does.
DUTIES: Mapping[str, Duty] = {
    "alias": Duty(lambda plan: None if plan.follows is None else f"follows {plan.follows}"),
    "canary": Duty(lambda plan: None if plan.auto is None else f"decides about version {plan.auto.version}"),
    "watcher": Duty(
        lambda plan: "watches what is asked and answered" if plan.monitoring.enabled else None, outlives=True
    ),
}


class Attendants:
    """The attendants of one endpoint.

    Parameters
    ----------
    modules
        The module of each attendant's process by its name in `DUTIES`. It is given the endpoint's folder and the number
        of this process, with which it is to end: by the time it could ask, its parent may be another.
    state
        The endpoint's folder.
    selector, output
        Where the ends of processes are watched, and who puts into the log what they print.

    Raises
    ------
    KeyError
        When a name is not in `DUTIES`.
    """

    def __init__(
        self, modules: Mapping[str, str], state: Path, selector: selectors.BaseSelector, output: Output
    ) -> None:
        self._selector, self._output = selector, output
        self._all = [
            _Attendant(DUTIES[name], ["-P", "-m", module, str(state), str(os.getpid())])
            for name, module in modules.items()
        ]

    def look_after(self, plan: EndpointPlan, *, serving: bool, stopping: bool) -> None:
        """Start those that a plan asks for, and end those that it does not ask for.

        Parameters
        ----------
        plan
            The plan in force.
        serving
            Whether there is anything to attend yet.
        stopping
            Whether the endpoint ends: then nobody is started, and who outlives the workers is left alone.
        """
        now = time.monotonic()
        for one in self._all:
            does = one.duty.does(plan) if serving else None
            if does is None or (stopping and not one.duty.outlives):
                one.tell_to_end()
            elif one.process is None and now >= one.due_at and not stopping:
                self._start(one, does)

    def close(self) -> None:
        """End them all."""
        there = [one for one in self._all if one.process is not None]
        for one in there:
            one.kill(signal.SIGTERM if one.duty.outlives else signal.SIGKILL)
        end = time.monotonic() + _FINISH_S
        for one in there:
            one.end_by(end)
            self._bury(one)

    def _start(self, one: _Attendant, does: str) -> None:
        one.does, one.told_to_end = does, False
        try:
            one.start()
        except OSError as error:
            one.due_at = time.monotonic() + _START_AGAIN_S
            self._output.log.write(f"no process can be started that {does}: {error}")
            return
        self._output.watch(one)
        self._selector.register(one.handle, selectors.EVENT_READ, lambda: self._bury(one))
        self._output.log.write(f"process {one.pid} {does}")

    def _bury(self, one: _Attendant) -> None:
        self._output.rest(one)
        if one.handle in self._selector.get_map():
            self._selector.unregister(one.handle)
        pid, told = one.pid, one.told_to_end
        how = one.ended()
        self._output.log.write(f"the process {pid} that {one.does} {'has ended, as it was told' if told else how}")


class _Attendant(Child):
    """One of them, and what it was last started to do."""

    def __init__(self, duty: Duty, command: Sequence[str]) -> None:
        super().__init__(command)
        self.duty = duty
        self.does = ""
        self.told_to_end = False

    def tell_to_end(self) -> None:
        """Let it end what it does."""
        self.told_to_end = True
        self.kill(signal.SIGTERM)

    def end_by(self, end: float) -> None:
        """Wait until it has ended, and kill it when it has not by a time of the monotonic clock."""
        if self.process is not None:
            try:
                self.process.wait(max(end - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                self.kill()
