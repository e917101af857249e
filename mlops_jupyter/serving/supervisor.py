"""The supervisor of an endpoint: ``python -m mlops_jupyter.serving.supervisor STATE [WORKER [NAME=MODULE …]]``.

It listens, starts the workers that answer and the attendants of those names, starts those again that end, and says in a
file how things are. It imports nothing that a worker needs: it must be there when a worker is out of memory. The
process that is started so is its guard; the supervisor itself is a fork of that.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..capabilities.endpoints import EndpointPlan
from ..capabilities.endpoints.folder import EndpointFolder
from ..capabilities.endpoints.levels import Levels
from ..capabilities.endpoints.metrics_text import merged, render
from ..capabilities.endpoints.state import EndpointState, EndpointStatus, write_state
from ..capabilities.processes import ProcessId, identify
from ..errors import ConfigurationError
from .attendants import Attendants
from .children import WORKER, Output, Worker
from .control_desk import ControlDesk, Visitor
from .guard import Guard
from .listening import AddressTaken, admit_no_more, listen
from .log_file import LogFile
from .questions import Question

_TICK_S = 0.5
# When the machine has no room for another process.
_START_AGAIN_S = 5.0
# Loading a model may take minutes; a worker that has not said a word for so long never will.
_START_LIMIT_S = 900.0
# How long workers may take for an answer.
_LIMITS_S = {"snapshot": 1.0, "swapped": 900.0}
_DRAIN_S = 30.0


class Post(NamedTuple):
    """Where a supervisor stands.

    Attributes
    ----------
    listening
        The socket that the workers answer at.
    guard
        The process above.
    before
        How the endpoint was when the supervisor before was killed, ``None`` for the first one.
    """

    listening: socket.socket
    guard: ProcessId
    before: EndpointState | None


class Supervisor:
    """One endpoint at work.

    Parameters
    ----------
    folder
        The endpoint's folder.
    plan
        What is in it.
    log
        Where what happens is written to.
    post
        Its socket, and the processes above and before it.
    worker
        The module of a worker's process.
    attendants
        The modules of the processes beside the workers, by name.
    """

    def __init__(
        self,
        folder: EndpointFolder,
        plan: EndpointPlan,
        log: LogFile,
        post: Post,
        *,
        worker: str,
        attendants: Mapping[str, str],
    ) -> None:
        self._folder, self._plan, self._log, self._module = folder, plan, log, worker
        self._selector = selectors.DefaultSelector()
        self._listening = post.listening
        self._desk = ControlDesk(folder.control, self._selector, self._serve)
        self._workers = [self._worker() for _ in range(plan.workers)]
        self._leaving: list[Worker] = []
        self._output = Output(log, self._selector)
        self._attendants = Attendants(attendants, folder.path, self._selector, self._output)
        self._levels = Levels()
        self._ended: dict[str, Any] | None = None
        self._questions: list[Question] = []
        self._plan_number = 0
        self._status: EndpointStatus = "starting"
        before = post.before
        self._begun = before is not None
        self._first = _first_state(plan, 0 if plan.socket is not None else self._listening.getsockname()[1], post.guard)
        self._restarts = 0 if before is None else before.restarts
        self._error: tuple[str, float] | None = None
        if before is not None and before.error is not None:
            self._error = before.error, before.error_at or time.time()
        self._written: EndpointState | None = None
        self._stop_by: float | None = None
        self._woken, waking = socket.socketpair()
        self._waking = waking
        for one in (self._woken, waking):
            one.settimeout(0)
        signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        self._selector.register(self._woken, selectors.EVENT_READ, lambda: self._woken.recv(4096))

    def run(self) -> int:
        """Work until told to stop, or until the first start has failed; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._log.write(f"supervisor of {self._folder.name} listens at {_place(self._listening)}")
        while self._status != "failed" and not (self._status == "stopping" and not self._running()):
            self._turn()
            self._tell()
            for key, _ in self._selector.select(_TICK_S):
                # What an earlier one of the same round has closed is no longer there.
                if key.fd in self._selector.get_map():
                    key.data()
        return self._close()

    # --- the workers -----------------------------------------------------------------------------------------------

    def _worker(self) -> Worker:
        return Worker(self._module, self._folder.path, self._listening)

    def _running(self) -> list[Worker]:
        return [one for one in (*self._workers, *self._leaving) if one.process is not None]

    def _turn(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        for worker in self._workers:
            if worker.process is None and self._status != "stopping" and now >= worker.due_at:
                self._start(worker)
            elif worker.process is not None:
                self._look_after(worker, now)
        self._attendants.look_after(self._plan, serving=self._begun, stopping=self._status == "stopping")
        for question in [one for one in self._questions if now >= one.until]:
            self._finish(question)
        if self._stop_by is not None and now >= self._stop_by:
            for worker in self._running():
                self._log.write(f"worker {worker.pid} did not finish in time and is killed")
                worker.kill()

    def _start(self, worker: Worker) -> None:
        try:
            worker.begin(self._plan_number, self._folder.project_state.parent)
        except OSError as error:
            worker.due_at = time.monotonic() + _START_AGAIN_S
            self._note(f"no worker can be started: {error}")
            return
        if worker.control is None:
            return
        self._selector.register(worker.control, selectors.EVENT_READ, lambda: self._hear(worker))
        self._output.watch(worker)
        self._selector.register(worker.handle, selectors.EVENT_READ, lambda: self._bury(worker))
        self._log.write(f"worker {worker.pid} is started")

    def _look_after(self, worker: Worker, now: float) -> None:
        """End a worker that hangs."""
        silent_s = now - worker.heard_at
        if worker.status == "starting" and silent_s > _START_LIMIT_S:
            worker.failed = f"it was not ready within {_START_LIMIT_S:.0f} s"
        elif worker.status == "ready" and silent_s > max(self._plan.limits.deadline_s, self._plan.limits.silent_s):
            worker.failed = f"it gave no sign of life for {silent_s:.0f} s"
        else:
            return
        worker.kill()

    def _hear(self, worker: Worker) -> None:
        messages, more = worker.heard()
        for message in messages:
            if "snapshot" in message:
                worker.snapshot = message["snapshot"]
                self._answered(worker, "snapshot", {})
            elif "swapped" in message:
                self._swapped(worker, message)
            elif "failed" in message:
                worker.failed = str(message["failed"])
            elif message.get("ready"):
                self._ready(worker)
        if not more and worker.control is not None:
            self._selector.unregister(worker.control)

    def _ready(self, worker: Worker) -> None:
        worker.status = "ready"
        self._log.write(f"worker {worker.pid} is ready")
        self._begun = self._begun or all(one.status == "ready" for one in self._workers)
        self._status = "ready" if self._begun and self._status != "stopping" else self._status
        if worker.plan_number != self._plan_number:
            # It may have read the plan before it was changed.
            worker.plan_number = self._plan_number
            worker.tell({"do": "plan"})
        else:
            # Who has waited for it looks at the state next.
            self._tell()
            self._answered(worker, "swapped", {"swapped": True})

    def _bury(self, worker: Worker) -> None:
        """Take leave of a worker that has ended."""
        if worker.control is not None and worker.control in self._selector.get_map():
            self._hear(worker)
        self._output.rest(worker)
        for file in (worker.control, worker.handle):
            if file is not None and file in self._selector.get_map():
                self._selector.unregister(file)
        if worker.snapshot is not None:
            self._ended = merged([], merged([worker.snapshot], self._ended))
        wanted = worker in self._workers and self._status != "stopping"
        said = worker.leave()
        self._log.write(said)
        self._gone(worker, said, late=wanted and worker.plan_number != self._plan_number)
        if not wanted:
            self._leaving = [one for one in self._leaving if one is not worker]
        elif not self._begun:
            # The first says why; those that are killed then only that they were.
            if self._status != "failed":
                self._note(worker.failed or said)
            self._status = "failed"
        else:
            self._restarts += 1
            self._note(said)
            if not any(one.status == "ready" for one in self._workers):
                self._status = "starting"

    def _gone(self, worker: Worker, said: str, *, late: bool) -> None:
        """Let nobody wait for a worker that has ended, unless it is one that had not heard of the plan yet."""
        if late:
            # The next process begins with the plan, and at once: somebody may wait for it.
            worker.due_at = 0.0
        for question in [one for one in self._questions if not (late and one.kind == "swapped")]:
            question.gone(worker, said)
            self._finish_if_done(question)

    def _resize(self) -> None:
        """Have as many workers as the plan says."""
        while len(self._workers) < self._plan.workers:
            self._workers.append(self._worker())
        while len(self._workers) > self._plan.workers:
            worker = self._workers.pop()
            if worker.process is None:
                continue
            self._leaving.append(worker)
            if worker.status == "starting":
                worker.kill()
            else:
                worker.tell({"do": "drain"})
            worker.status = "stopping"

    # --- what others ask -------------------------------------------------------------------------------------------

    def _serve(self, visitor: Visitor, request: dict[str, Any]) -> None:
        do = request.get("do")
        if do == "state":
            self._desk.reply(visitor, asdict(self._state()))
        elif do in ("metrics", "snapshot"):
            self._ask(visitor, "snapshot", {"do": "snapshot"}, request)
        elif do == "levels":
            self._desk.reply(visitor, self._told_levels(request.get("levels")))
        elif do == "plan":
            self._change(visitor)
        elif do == "stop":
            self._desk.reply(visitor, {"stopping": True})
            self._stop()
        else:
            self._desk.reply(visitor, {"error": f"no such request: {do}"})

    def _change(self, visitor: Visitor) -> None:
        """Take up a plan that has changed."""
        try:
            plan = self._folder.plan()
        except ConfigurationError as error:
            self._desk.reply(visitor, {"swapped": False, "error": error.message})
            return
        if plan is None:
            self._desk.reply(visitor, {"swapped": False, "error": "there is no plan"})
            return
        if plan.shares != self._plan.shares:
            self._log.write(f"who answers: {plan.shares} (before: {self._plan.shares})")
        self._plan, self._plan_number = plan, self._plan_number + 1
        # Who does not answer just now begins with it, and may fail to.
        away = [] if self._status == "stopping" else self._workers[: plan.workers]
        away = [one for one in away if one.status != "ready"]
        for worker in away:
            worker.due_at = 0.0
        self._ask(visitor, "swapped", {"do": "plan"}, also=away)
        self._resize()

    def _ask(
        self,
        visitor: Visitor,
        kind: str,
        message: dict[str, Any],
        asked: dict[str, Any] | None = None,
        also: Sequence[Worker] = (),
    ) -> None:
        """Ask all workers that can answer; the visitor is answered when they and the others have, or time is up."""
        ready = [one for one in self._workers if one.status == "ready"]
        question = Question(visitor, kind, {*ready, *also}, time.monotonic() + _LIMITS_S[kind], asked or {})
        self._questions.append(question)
        for worker in ready:
            worker.plan_number = self._plan_number
            worker.tell(message)
        self._finish_if_done(question)

    def _swapped(self, worker: Worker, message: dict[str, Any]) -> None:
        """Take a worker's word about the plan; one that cannot take it up must not go on with another unnoticed."""
        asked = any(one.kind == "swapped" and worker in one.waiting for one in self._questions)
        if message["swapped"] or asked:
            self._answered(worker, "swapped", message)
        else:
            worker.failed = f"it could not take the plan up: {message.get('error')}"
            worker.kill()

    def _answered(self, worker: Worker, kind: str, message: dict[str, Any]) -> None:
        for question in [one for one in self._questions if one.kind == kind]:
            question.answered(worker, message)
            self._finish_if_done(question)

    def _finish_if_done(self, question: Question) -> None:
        if not question.waiting and question in self._questions:
            self._finish(question)

    def _finish(self, question: Question) -> None:
        self._questions.remove(question)
        if question.kind == "swapped":
            self._desk.reply(question.visitor, question.outcome())
            return
        total = self._counted()
        if question.asked.get("do") == "snapshot":
            self._desk.reply(question.visitor, {"snapshot": total})
        else:
            text = render(total, openmetrics=question.asked.get("format") == "openmetrics")
            self._desk.reply(question.visitor, {"text": text})

    def _counted(self) -> dict[str, Any]:
        """Return what all workers have counted, the levels that were told, and what is counted here."""
        every = (*self._workers, *self._leaving)
        total = merged([one.snapshot for one in every if one.snapshot is not None], self._ended)
        total["counters"]["restarts"] = [[[], self._restarts]]
        total["gauges"]["workers_ready"] = sum(one.status == "ready" for one in self._workers)
        total["levels"] = self._levels.now(time.monotonic())
        return total

    def _told_levels(self, levels: object) -> dict[str, Any]:
        try:
            self._levels.take(levels, time.monotonic())
        except ValueError as error:
            return {"error": str(error)}
        return {"taken": True}

    # --- how things are --------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        """Let the workers finish what is open; told a second time, let them go at once."""
        if self._status == "stopping":
            self._stop_by = time.monotonic()
            return
        self._log.write("the endpoint stops")
        self._status, self._stop_by = "stopping", time.monotonic() + min(self._plan.limits.deadline_s, _DRAIN_S)
        try:
            admit_no_more(self._listening, self._plan)
        except OSError as error:
            self._log.write(f"who connects at the very end may be cut off: {error}")
        for worker in self._running():
            if worker.status == "starting":
                # It has nothing open, and hears nothing while it loads its model.
                worker.kill()
            else:
                # The last ones: who has connected, and waits to be accepted, is answered too.
                worker.tell({"do": "drain", "last": True})

    def _note(self, error: str) -> None:
        self._error = (error, time.time())

    def _state(self) -> EndpointState:
        return replace(
            self._first,
            status=self._status,
            restarts=self._restarts,
            error=None if self._error is None else self._error[0],
            error_at=None if self._error is None else self._error[1],
            workers=tuple(one.told() for one in (*self._workers, *self._leaving)),
        )

    def _tell(self) -> None:
        """Write down how things are, where that has changed."""
        state = self._state()
        if state == self._written:
            return
        try:
            write_state(self._folder.state_file, state)
        except OSError as error:
            # A full disk: it is tried again with every turn. Who removes the folder wants no state.
            self._log.write(f"the state cannot be written: {error}")
            return
        self._written = state

    def _close(self) -> int:
        """End what is left, and say so."""
        failed = self._status == "failed"
        for worker in self._running():
            worker.kill()
            self._bury(worker)
        self._attendants.close()
        self._status = "failed" if failed else "stopped"
        self._tell()
        self._desk.close()
        self._listening.close()
        if self._plan.socket is not None:
            Path(self._plan.socket).unlink(missing_ok=True)
        self._log.write("the endpoint could not be started" if failed else "the endpoint has stopped")
        return 1 if failed else 0


def main(arguments: list[str]) -> int:
    """Supervise the endpoint of a folder."""
    folder = EndpointFolder(Path(arguments[0]))
    worker, *attendants = arguments[1:] or [WORKER]
    folder.check()
    log = LogFile(folder.log)
    log.take_standard_streams()
    plan = folder.plan()
    if plan is None:
        raise ConfigurationError(f"there is no plan in {folder.path}", "mlops deploy")
    guard = _own_process()
    try:
        listening = listen(plan)
    except AddressTaken as error:
        log.write(str(error))
        state = _first_state(plan, plan.port, guard)
        write_state(
            folder.state_file, replace(state, status="failed", error=str(error), error_at=time.time(), code="address")
        )
        return 1

    def begin(before: EndpointState | None) -> int:
        # The plan may be another by the time that it is started again.
        now = plan if before is None else folder.plan() or plan
        post = Post(listening, guard, before)
        modules = dict(one.split("=", 1) for one in attendants)
        return Supervisor(folder, now, LogFile(folder.log), post, worker=worker, attendants=modules).run()

    return Guard(folder).run(begin)


def _first_state(plan: EndpointPlan, port: int, guard: ProcessId) -> EndpointState:
    own = _own_process()
    return EndpointState(
        own.pid, own.started, "starting", time.time(), plan.host, port, plan.socket,
        guard_pid=guard.pid, guard_started=guard.started,
    )  # fmt: skip


def _own_process() -> ProcessId:
    return identify(os.getpid()) or ProcessId(os.getpid(), "")


def _place(listening: socket.socket) -> str:
    place = listening.getsockname()
    return f"{place[0]} port {place[1]}" if isinstance(place, tuple) else str(place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
