"""The life of a tracked body: one run, opened, logged to from any thread, closed with the truth.

A body is a cell, a ``with`` block or a function. What ended it decides the status: nothing or ``sys.exit(0)``
FINISHED; an interrupt or a cancelled ``await`` KILLED; anything else FAILED. A store that cannot be reached
never stops the body; the record says that it was not tracked.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import FrameType

from ..errors import CommandError, MlopsError, Rejected, ServiceError
from ..protocols import Tracking
from ..records import Run, RunStatus

CELL_ID_TAG = "mlops.cell_id"
RERUN_TAG = "mlops.rerun_of"
ERROR_TAG = "mlops.error"
NAMED_TAG = "mlops.params"
PARENT_TAG = "mlflow.parentRunId"
TRACEBACK_ARTIFACT = "mlops/traceback.txt"

_REACH_TIMEOUT_S = 3.0
_SHORT_ERROR = 500
_PARAM_VALUE = 6000
_CELL_ID = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Intent:
    """What the user asked of a tracked body.

    Attributes
    ----------
    experiment
        The experiment's name.
    name
        The run's name; ``None`` lets MLflow invent one.
    tags
        The user's tags.
    params
        Names of variables whose values are logged as params when the body ends.
    autolog, log_models
        Whether frameworks log by themselves, and whether they also log models.
    parent
        The parent run's id.
    experiment_id
        The experiment's id when that is what is known; the store's name for it then replaces ``experiment``.
    """

    experiment: str
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: tuple[str, ...] = ()
    autolog: bool = True
    log_models: bool = False
    parent: str | None = None
    experiment_id: str | None = None


class OpenRun:
    """A run that is open now.

    Parameters
    ----------
    tracking
        The store; ``None`` when it could not be reached and the body runs untracked.
    intent
        What was asked.
    run_id
        Empty when untracked.
    variables
        Returns the names the body can see, for ``intent.params``.
    notes
        What the user should read on the card.
    """

    def __init__(
        self,
        tracking: Tracking | None,
        intent: Intent,
        run_id: str,
        variables: Callable[[], Mapping[str, object]],
        notes: tuple[str, ...] = (),
    ) -> None:
        self.run_id = run_id
        self.name = intent.name or ""
        self.experiment = intent.experiment
        self.thread = threading.get_ident()
        self.process = os.getpid()
        self.started = datetime.now(UTC)
        self._tracking = tracking
        self._intent = intent
        self._variables = variables
        self._notes = list(notes)
        self._steps: dict[str, int] = {}
        self._dropped = 0
        self._lock = threading.Lock()

    @property
    def tracked(self) -> bool:
        """Whether a store holds this run."""
        return self._tracking is not None

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics at one instant; without ``step`` each metric counts up from 0 by itself."""
        now = datetime.now(UTC)
        with self._lock:
            points = []
            for name, value in metrics.items():
                at = self._steps.get(name, 0) if step is None else step
                self._steps[name] = at + 1
                points.append((name, value, now, at))
            if self._tracking is None:
                self._dropped += len(points)
                return
        self._tracking.log(self.run_id, metrics=points)

    def close(self, error: BaseException | None, traceback_text: str | None = None) -> Run:
        """End the run with the truth and return it; a store that has gone away is told in the notes.

        Parameters
        ----------
        error
            What ended the body, ``None`` when it ran to its end.
        traceback_text
            The traceback to keep, when the caller has a better one than the exception's own.
        """
        _open.remove(self)
        _give_signals_back()
        status = status_of(error)
        if self._tracking is None:
            if self._dropped:
                self._notes.append(f"{self._dropped} logged metric values were dropped")
            return self._unsaved("UNTRACKED", error)
        if self._intent.autolog:
            self._tracking.autolog(on=False, models=False)
        try:
            self._tracking.reach(_REACH_TIMEOUT_S)
            try:
                self._write_end(self._tracking, status, error, traceback_text)
            except KeyboardInterrupt:
                # The user interrupts again while we write: the run must still not stay RUNNING.
                status = "KILLED"
            self._tracking.leave_run(self.run_id, status)
            run = self._tracking.get_run(self.run_id)
        except ServiceError as lost:
            self._tracking.detach_run(self.run_id)
            self._notes.append(
                f"MLflow was lost before the run could be closed, so it still says RUNNING: {lost.message}"
            )
            return self._unsaved(status, error)
        return replace(run, notes=tuple(self._notes))

    def _write_end(
        self, tracking: Tracking, status: RunStatus, error: BaseException | None, traceback_text: str | None
    ) -> None:
        params = self._named_params()
        failure = None if status == "FINISHED" else error
        tags = {} if failure is None else {ERROR_TAG: short_form(failure)}
        if params:
            tags[NAMED_TAG] = ",".join(params)
        if params or tags:
            try:
                tracking.log(self.run_id, params=params, tags=tags)
            except ServiceError as refused:
                # Autologging may have logged the same name with its own value, which MLflow never overwrites.
                self._notes.append(f"--param was not logged: {refused.message}")
        if failure is not None:
            text = traceback_text or "".join(traceback.format_exception(failure))
            tracking.log_text(self.run_id, TRACEBACK_ARTIFACT, text)

    def _named_params(self) -> dict[str, str]:
        if not self._intent.params:
            return {}
        variables = self._variables()
        for name in self._intent.params:
            if name not in variables:
                self._notes.append(f"--param {name}: no variable of that name was set")
        return {name: as_text(variables[name]) for name in self._intent.params if name in variables}

    def _unsaved(self, status: RunStatus, error: BaseException | None) -> Run:
        return Run(
            run_id=self.run_id,
            name=self.name,
            experiment=self.experiment,
            status=status,
            started=self.started,
            duration_s=(datetime.now(UTC) - self.started).total_seconds(),
            tracking_uri="" if self._tracking is None else self._tracking.shown_uri,
            error=None if error is None else short_form(error),
            notes=tuple(self._notes),
        )


# The runs open in this process, oldest first; and the last run of each cell, to link a re-run to it.
_open: list[OpenRun] = []
_last_of_cell: dict[str, str] = {}
# The run last opened in this context, of which each asyncio task has its own; it may have ended since.
_here: ContextVar[OpenRun | None] = ContextVar("mlops_jupyter_run", default=None)


def current() -> OpenRun | None:
    """Return the run to log to from here: this coroutine's, else this thread's, else the process's innermost."""
    if (mine := _here.get()) in _open:
        return mine
    own = threading.get_ident()
    return next((run for run in reversed(_open) if run.thread == own), _open[-1] if _open else None)


def open_run(
    tracking: Tracking,
    intent: Intent,
    *,
    cell_id: str | None = None,
    variables: Callable[[], Mapping[str, object]] = dict,
) -> OpenRun:
    """Open a run for a body that is about to start.

    Parameters
    ----------
    tracking
        The store.
    intent
        What was asked.
    cell_id
        The notebook cell's id; a second run of the same cell is linked to the first.
    variables
        See `OpenRun`.

    Raises
    ------
    NotFound, Conflict, ConfigurationError
        When what was asked for cannot be had; a store that does not answer is no error here.
    """
    try:
        tracking.reach(_REACH_TIMEOUT_S)
        if intent.experiment_id is not None:
            intent = replace(intent, experiment=tracking.experiment_name(intent.experiment_id))
        tags = dict(intent.tags)
        if intent.parent is not None:
            tags[PARENT_TAG] = tracking.get_run(intent.parent).run_id
        if cell_id is not None:
            tags[CELL_ID_TAG] = cell_id
            if (last := _last_run_of(tracking, intent.experiment, cell_id)) is not None:
                tags[RERUN_TAG] = last
        run_id = tracking.create_run(intent.experiment, intent.name, tags)
        try:
            tracking.enter_run(run_id)
        except Rejected:
            # Nobody would ever close it.
            tracking.finish_run(run_id, "FAILED")
            raise
    except ServiceError as lost:
        run = OpenRun(None, intent, "", variables, notes=(f"not tracked: {lost.message}",))
    else:
        run = OpenRun(tracking, intent, run_id, variables)
        if cell_id is not None:
            _last_of_cell[cell_id] = run_id
        if intent.autolog:
            tracking.autolog(on=True, models=intent.log_models)
    _close_when_the_process_ends()
    _open.append(run)
    _here.set(run)
    return run


def _last_run_of(tracking: Tracking, experiment: str, cell_id: str) -> str | None:
    if cell_id in _last_of_cell or not _CELL_ID.fullmatch(cell_id):
        return _last_of_cell.get(cell_id)
    # An earlier kernel may have run this cell.
    query = f"tags.`{CELL_ID_TAG}` = '{cell_id}'"
    try:
        found = tracking.find_runs(experiment, query, "attributes.start_time DESC", 1)
    except MlopsError as error:
        if isinstance(error, ServiceError):
            raise
        return None
    return found[0].run_id if len(found) else None


_exit_hook_set = False
_forking = threading.local()


def _close_when_the_process_ends() -> None:
    """End open runs as KILLED when the process exits or is told to terminate.

    MLflow's own hook would call them FINISHED. Hooks run last in, first out, and MLflow has set its own when
    it was imported, which a store in hand proves. A SIGTERM that nobody handles runs no hook at all.
    """
    global _exit_hook_set  # noqa: PLW0603
    if not _exit_hook_set:
        _exit_hook_set = True
        atexit.register(_kill_open_runs)
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)


def _give_signals_back() -> None:
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not _open and in_main_thread and signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, _frame: FrameType | None) -> None:
    # The body may be in the middle of a call to the store and hold its locks: another thread writes, or gives up.
    closing = threading.Thread(target=_kill_open_runs, daemon=True)
    closing.start()
    closing.join(_REACH_TIMEOUT_S)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)


# A forked worker may log to the open runs, but their end is not its own: its pool terminates it. Python forgets a
# signal that arrives while it forks if a handler of Python's takes it, so it has to wait until the default is back.
def _before_fork() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def _after_fork() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _after_fork_in_child() -> None:
    if signal.getsignal(signal.SIGTERM) is _terminate:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _after_fork()


def _kill_open_runs() -> None:
    for run in reversed(_open.copy()):
        if run.process == os.getpid():
            run.close(KeyboardInterrupt("the process ended while the body was running"))


def status_of(error: BaseException | None) -> RunStatus:
    """Say how a body ended, in MLflow's words."""
    if error is None or (isinstance(error, SystemExit) and error.code in {None, 0}):
        return "FINISHED"
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
        return "KILLED"
    return "FAILED"


def short_form(error: BaseException) -> str:
    """Return class and first line of the message, short enough for a tag."""
    lines = str(error).strip().splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return said[:_SHORT_ERROR]


def as_text(value: object) -> str:
    """Return a param's value as MLflow keeps it: text of at most 6,000 characters."""
    text = (
        value if isinstance(value, str) else repr(value) if isinstance(value, list | dict | tuple | set) else str(value)
    )
    return text[:_PARAM_VALUE]


def as_number(name: str, value: object) -> float:
    """Return a metric's value as a float: numbers, NumPy scalars, one-element arrays and tensors.

    Raises
    ------
    CommandError
        When the value is no single number.
    """
    item = getattr(value, "item", None)
    try:
        return float(item() if callable(item) else value)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError) as error:
        raise CommandError(
            f"the metric {name} is no number: {type(value).__name__}", "log one number a metric and step"
        ) from error
