"""The processes beside an endpoint's workers: each is there while the plan asks for it, and is started when it ends."""

from __future__ import annotations

import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..capabilities.endpoints import EndpointPlan
from .children import Child, Output

# When the machine has no room for another process.
_START_AGAIN_S = 5.0

# What each does for a plan, in words of the log; ``None`` where it is not wanted. A new one is a line here, and its
# module where the supervisor is started (its command line has NAME=MODULE): it may import more than `serving` does.
DUTIES: Mapping[str, Callable[[EndpointPlan], str | None]] = {
    "alias": lambda plan: None if plan.follows is None else f"follows {plan.follows}",
    "canary": lambda plan: None if plan.auto is None else f"decides about version {plan.auto.version}",
    "watcher": lambda plan: "watches what is asked and answered" if plan.monitoring.enabled else None,
}


class Attendants:
    """The attendants of one endpoint.

    Parameters
    ----------
    modules
        The module of each attendant's process by its name in `DUTIES`; it is given the endpoint's folder.
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
        self._all = [_Attendant(DUTIES[name], ["-P", "-m", module, str(state)]) for name, module in modules.items()]

    def look_after(self, plan: EndpointPlan, *, serving: bool) -> None:
        """Start those that a plan asks for, and end those that it does not ask for or that have nothing to attend."""
        now = time.monotonic()
        for one in self._all:
            duty = one.duty(plan) if serving else None
            if duty is None:
                one.kill(signal.SIGTERM)
            elif one.process is None and now >= one.due_at:
                self._start(one, duty)

    def close(self) -> None:
        """End them all."""
        for one in self._all:
            if one.process is not None:
                one.kill()
                self._bury(one)

    def _start(self, one: _Attendant, duty: str) -> None:
        one.does = duty
        try:
            one.start()
        except OSError as error:
            one.due_at = time.monotonic() + _START_AGAIN_S
            self._output.log.write(f"no process can be started that {duty}: {error}")
            return
        self._output.watch(one)
        self._selector.register(one.handle, selectors.EVENT_READ, lambda: self._bury(one))
        self._output.log.write(f"process {one.pid} {duty}")

    def _bury(self, one: _Attendant) -> None:
        self._output.rest(one)
        if one.handle in self._selector.get_map():
            self._selector.unregister(one.handle)
        pid = one.pid
        self._output.log.write(f"the process {pid} that {one.does} {one.ended()}")


class _Attendant(Child):
    """One of them, and what it was last started to do."""

    def __init__(self, duty: Callable[[EndpointPlan], str | None], command: Sequence[str]) -> None:
        super().__init__(command)
        self.duty = duty
        self.does = ""
