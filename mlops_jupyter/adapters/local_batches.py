"""Batches on this machine: so many notebooks at once, each in a process of the runner's."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ..errors import MlopsError, ServiceError
from ..protocols import CellProgress, LoadedNotebook, NotebookOutcome, NotebookRunner, NotebookTask

# How often a notebook is begun whose process is killed each time.
_ATTEMPTS = 3
_LOOK_S = 0.1
# What executing a notebook once more may mend.
_FAILED = {"raised", "timeout", "dead kernel"}
# An interrupt may hit code that swallows it.
_AGAIN_S = 10.0
_INTERRUPTED = NotebookOutcome("interrupted", ename="KeyboardInterrupt")


class LocalBatches:
    """Executes notebooks in slots, each a thread that waits for one process at a time.

    Parameters
    ----------
    runner
        Reads and executes one notebook, outside this process.
    """

    def __init__(self, runner: NotebookRunner) -> None:
        self._runner = runner

    def execute(
        self,
        tasks: Iterator[NotebookTask],
        *,
        at_once: int,
        on_progress: Callable[[str, CellProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[tuple[str, NotebookOutcome]]:
        """Execute all tasks, as `BatchEngine` has it."""
        slots = _Slots(self._runner, at_once)
        ended: deque[_Ended] = deque()
        try:
            while True:
                if cancelled():
                    slots.stop()
                # A slot that has got free is filled before its last task is told: telling may take a while.
                while slots.room and (task := next(tasks, None)) is not None:
                    slots.begin(task)
                while ended:
                    yield ended.popleft()[:2]
                if not slots.busy:
                    return
                match slots.next():
                    case _Ended() as one:
                        ended.append(one)
                    case (str() as key, CellProgress() as at):
                        on_progress(key, at)
        finally:
            slots.close()


class _Ended(NamedTuple):
    """A task that has ended, and the slot that is free again."""

    key: str
    outcome: NotebookOutcome
    slot: _Slot


_Told = SimpleQueue[_Ended | tuple[str, CellProgress]]


class _Slots:
    """The slots of one batch; they come into being as they are needed."""

    def __init__(self, runner: NotebookRunner, at_once: int) -> None:
        self._runner, self._at_once = runner, at_once
        self._told: _Told = SimpleQueue()
        self._all: list[_Slot] = []
        self._free: list[_Slot] = []
        self._stopped_s: float | None = None

    @property
    def room(self) -> bool:
        return self._stopped_s is None and self.busy < self._at_once

    @property
    def busy(self) -> int:
        return len(self._all) - len(self._free)

    def begin(self, task: NotebookTask) -> None:
        if self._free:
            slot = self._free.pop()
        else:
            slot = _Slot(self._runner, self._told)
            self._all.append(slot)
        slot.begin(task)

    def next(self) -> _Ended | tuple[str, CellProgress] | None:
        """Wait a moment for what a slot tells."""
        try:
            told = self._told.get(timeout=_LOOK_S)
        except Empty:
            return None
        if isinstance(told, _Ended):
            self._free.append(told.slot)
        return told

    def stop(self) -> None:
        """Interrupt what runs; nothing more can be begun."""
        now = time.monotonic()
        if self._stopped_s is None or now - self._stopped_s > _AGAIN_S:
            self._stopped_s = now
            for slot in self._all:
                slot.interrupt()

    def close(self) -> None:
        """Leave no thread and no process behind."""
        if self.busy:
            self.stop()
        for slot in self._all:
            slot.end()


class _Slot:
    """One thread that executes one task after the other."""

    def __init__(self, runner: NotebookRunner, told: _Told) -> None:
        self._runner, self._told = runner, told
        self._tasks: SimpleQueue[NotebookTask | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._loaded: LoadedNotebook | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="mlops-batch", daemon=True)
        self._thread.start()

    def begin(self, task: NotebookTask) -> None:
        self._tasks.put(task)

    def interrupt(self) -> None:
        with self._lock:
            self._stopped = True
            if self._loaded is not None:
                self._loaded.interrupt()

    def end(self) -> None:
        self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            outcome = self._outcome(task)
            for attempt in range(2, task.retries + 2):
                if self._stopped or outcome.kind not in _FAILED:
                    break
                again = self._outcome(task._replace(kept=task.kept and task.kept._replace(resume=False)))
                outcome = again._replace(attempts=attempt)
            self._told.put(_Ended(task.key, outcome, self))

    def _outcome(self, task: NotebookTask) -> NotebookOutcome:
        said = ""
        for _ in range(_ATTEMPTS):
            try:
                outcome = self._once(task)
                if outcome.kind != "dead worker":
                    return outcome
                said = outcome.evalue
            except ServiceError as error:
                # The process that ran it is gone; the notebook may be executed anew, on the same run.
                said = error.message
            except MlopsError as error:
                return NotebookOutcome("raised", ename=type(error).__name__, evalue=error.message)
            except Exception as error:  # noqa: BLE001 -- whatever it is, the other notebooks go on
                return NotebookOutcome("raised", ename=type(error).__name__, evalue=str(error))
            if self._stopped:
                return _INTERRUPTED
        return NotebookOutcome("dead worker", ename="DeadWorker", evalue=f"{said}, {_ATTEMPTS} times")

    def _once(self, task: NotebookTask) -> NotebookOutcome:
        with self._runner.load(task.notebook) as loaded:
            with self._lock:
                if self._stopped:
                    return _INTERRUPTED
                self._loaded = loaded
            try:
                return loaded.execute(
                    task.output,
                    parameters=task.parameters,
                    environment=task.environment,
                    limits=task.limits,
                    kept=task.kept,
                    on_progress=lambda at: self._told.put((task.key, at)),
                )
            finally:
                with self._lock:
                    self._loaded = None
