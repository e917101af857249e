"""The life of a tracked body: one run, opened, logged to from any thread, closed with the truth.

A body is a cell, a ``with`` block or a function. What ended it decides the status: nothing or ``sys.exit(0)``
FINISHED; an interrupt or a cancelled ``await`` KILLED; anything else FAILED. What is logged goes to the run's
journal, and from there to the store in its own time.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from warnings import warn

from ..errors import CommandError, MlopsError, Unavailable
from ..protocols import Datasets, PlainTracking
from ..records import Run, RunStart, RunStatus
from . import child_runs, made_by_runs
from .journal import Journals, RunJournal, Shipped, room_taken
from .process_end import close_when_the_process_ends, give_signals_back
from .redaction import scrubbed, without_credentials
from .run_snapshot import RunSnapshot, close_after
from .sources import checksum

# The cell that ran: its id, and the checksum of its source, which tells whether it has been edited since.
CELL_ID_TAG, CELL_SUM_TAG = "mlops.cell_id", "mlops.cell_crc32"
RERUN_TAG = "mlops.rerun_of"
LOCAL_ID_TAG = "mlops.local_id"
REPRODUCES_TAG = "mlops.reproduces"
ERROR_TAG = "mlops.error"
NAMED_TAG = "mlops.params"
# What a run is of that is no tracked body: a notebook, or a batch of them.
KIND_TAG, NOTEBOOK_KIND = "mlops.kind", "notebook"
PARENT_TAG = "mlflow.parentRunId"
TRACEBACK_ARTIFACT = "mlops/traceback.txt"

# How long a body's end waits for a server to give the run its id: the card then names the run's page.
_ID_WAIT_S = 3.0
# And how long code waits that asks for the id: the first run of a session has to wait for the shipper to start.
_ID_ASKED_S = 10.0
# How long a body's end waits for the snapshot that was begun with it: one that takes longer, as the first of a process
# may, is kept with the run all the same. The process's end would lose it, and waits longer.
_SNAPSHOT_WAIT_S, _SNAPSHOT_LAST_WAIT_S = 0.1, 4.0
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
    data
        Names of variables that are logged as datasets when the body ends.
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
    data: tuple[str, ...] = ()
    autolog: bool = True
    log_models: bool = False
    parent: str | None = None
    experiment_id: str | None = None


class OpenRun:
    """A run that is open now.

    Parameters
    ----------
    journal
        Where it logs to; ``None`` when the body runs untracked.
    plain
        What plain MLflow code of this process sees.
    intent
        What was asked.
    variables
        Returns the names the body can see, for ``intent.params``.
    notes
        What the user should read on the card.
    datasets
        Gives what describes data, for ``intent.data``.
    source
        The body's source, if it is known.
    """

    def __init__(  # noqa: PLR0917 -- what a run is made of
        self,
        journal: RunJournal | None,
        plain: PlainTracking,
        intent: Intent,
        variables: Callable[[], Mapping[str, object]],
        notes: tuple[str, ...] = (),
        datasets: Callable[[], Datasets] | None = None,
        source: str | None = None,
    ) -> None:
        start = None if journal is None else journal.start
        self.journal = journal
        self.local_id = "" if start is None else start.run_id
        self.name = (intent.name if start is None else start.name) or ""
        self.experiment = intent.experiment
        self.thread = threading.get_ident()
        self.process = os.getpid()
        self.started = datetime.now(UTC)
        self._plain = plain
        self._intent = intent
        self._variables = variables
        self._notes = list(notes)
        self._datasets = datasets
        self._dropped = 0
        self._snapshot: RunSnapshot | None = None
        self._source = source or ""
        self._before = made_by_runs.addresses(variables())

    def attach(self, snapshot: RunSnapshot) -> None:
        """Take the snapshot that is being taken beside the body."""
        self._snapshot = snapshot

    @property
    def tracked(self) -> bool:
        """Whether a journal holds this run."""
        return self.journal is not None

    @property
    def known_id(self) -> str:
        """The store's id of the run as far as it is known now, else the journal's."""
        return self.local_id if self.journal is None else self.journal.home_id() or self.local_id

    @property
    def run_id(self) -> str:
        """The store's id of the run; a server that is asked for it for the first time may take a moment."""
        return self.local_id if self.journal is None else self.journal.home_id(_ID_ASKED_S) or self.local_id

    @property
    def tags(self) -> Mapping[str, str]:
        """The run's tags so far."""
        return self._intent.tags if self.journal is None else self.journal.tags

    def log(self, metrics: Mapping[str, object], step: int | None = None) -> None:
        """Log metrics at one instant; without ``step`` each metric counts up from 0 by itself."""
        for value in metrics.values():
            if type(value) is not float:
                # All are looked at before the first is kept: a value that is no number loses none.
                metrics = {name: as_number(name, value) for name, value in metrics.items()}
                break
        if self.journal is None:
            self._dropped += len(metrics)
            return
        self.journal.log(metrics, step)  # type: ignore[arg-type]

    def close(self, error: BaseException | None, traceback_text: str | None = None, *, hurried: bool = False) -> Run:
        """End the run with the truth and return it.

        Parameters
        ----------
        error
            What ended the body, ``None`` when it ran to its end.
        traceback_text
            The traceback to keep, when the caller has a better one than the exception's own.
        hurried
            Whether the process is about to end: then nothing is waited for.
        """
        _open.remove(self)
        give_signals_back(open_runs=bool(_open))
        status = status_of(error)
        journal = self.journal
        if journal is None:
            if self._dropped:
                self._notes.append(f"{self._dropped} logged metric values were dropped")
            return self._record("UNTRACKED", error)
        steps: tuple[Callable[[], None], ...] = (
            self._end_autologging,
            lambda: self._finish_snapshot(_SNAPSHOT_LAST_WAIT_S if hurried else _SNAPSHOT_WAIT_S),
            lambda: self._write_end(journal, status, error, traceback_text),
            self._note_made,
            lambda: self._plain.leave(self, status),
            lambda: journal.end(status),
        )
        for step in steps:
            try:
                step()
            except KeyboardInterrupt:
                # The user interrupts again while we write: the run must still not stay RUNNING, nor MLflow's.
                status = "KILLED"
            except Exception as lost:  # noqa: BLE001 -- nor for a folder that is gone, nor for a bug of ours
                self._notes.append(f"not all of the run's end was kept: {short_form(lost)}")
        if status != journal.ended:
            journal.end(status)
        if not hurried and journal.renumbered:
            journal.home_id(_ID_WAIT_S)
        record = self._record(status, error)
        child_runs.ended(journal.folder.path.parent, self._intent.parent, self.local_id, record)
        close_after(self._snapshot, journal)
        if self._snapshot is not None:
            _late.append(self._snapshot)
        return record

    def _end_autologging(self) -> None:
        if self._intent.autolog:
            self._plain.autolog(on=False, models=False)

    def _finish_snapshot(self, wait_s: float) -> None:
        if self._snapshot is not None:
            self._notes.extend(self._snapshot.finish(wait_s))

    def _note_made(self) -> None:
        variables = self._variables()
        made_by_runs.note(self.local_id, self._before, variables, self._source, self._intent.data)

    def _write_end(
        self, journal: RunJournal, status: RunStatus, error: BaseException | None, traceback_text: str | None
    ) -> None:
        params = self._named_params()
        failure = None if status == "FINISHED" else error
        tags = {} if failure is None else {ERROR_TAG: short_form(failure)}
        if params:
            tags[NAMED_TAG] = ",".join(params)
        for name in [name for name, value in params.items() if journal.params.get(name, value) != value]:
            # Autologging may have logged the same name with its own value, which MLflow never overwrites.
            self._notes.append(f"--param {name} was not logged: the run has it already, as {journal.params[name]}")
            del params[name]
        if params:
            journal.log_params(params)
        if tags:
            journal.log_tags(tags)
        self._log_data(journal)
        if failure is not None:
            text = traceback_text or "".join(traceback.format_exception(failure))
            journal.log_text(TRACEBACK_ARTIFACT, scrubbed(text, os.environ))

    def _named_params(self) -> dict[str, str]:
        if not self._intent.params:
            return {}
        variables = self._variables()
        named = {}
        for name in self._intent.params:
            if name not in variables:
                self._notes.append(f"--param {name}: no variable of that name was set")
                continue
            try:
                named[name] = as_text(variables[name])
            except Exception as failed:  # noqa: BLE001 -- a value's own code says what it is as text
                self._notes.append(f"--param {name}: {short_form(failed)}")
        return named

    def _log_data(self, journal: RunJournal) -> None:
        if not self._intent.data or self._datasets is None:
            return
        variables, datasets = self._variables(), self._datasets()
        for name in self._intent.data:
            if name not in variables:
                self._notes.append(f"--data {name}: no variable of that name was set")
                continue
            try:
                journal.log_inputs([asdict(datasets.describe(name, variables[name]))])
            except MlopsError as no_data:
                self._notes.append(f"--data {name}: {no_data.message}")
            except Exception as failed:  # noqa: BLE001 -- a lazy table runs its owner's code; the body's run must not die
                self._notes.append(f"--data {name}: {short_form(failed)}")

    def _record(self, status: RunStatus, error: BaseException | None) -> Run:
        said = short_form(error) if error is not None and status != "FINISHED" else None
        if self.journal is not None:
            return as_record(self.journal, status, experiment=self.experiment, error=said, notes=self._notes)
        return Run(
            run_id="",
            name=self.name,
            experiment=self.experiment,
            status=status,
            started=self.started,
            duration_s=(datetime.now(UTC) - self.started).total_seconds(),
            error=said,
            notes=tuple(self._notes),
        )


def as_record(
    journal: RunJournal, status: RunStatus, *, experiment: str, error: str | None = None, notes: Sequence[str] = ()
) -> Run:
    """Tell a run as its journal knows it, before it is closed."""
    start, series, shipped = journal.start, journal.series(), journal.shipped()
    started = datetime.fromtimestamp(start.started_ms / 1000, UTC)
    ended_ms = journal.ended_ms or time.time_ns() // 1_000_000
    said = list(notes)
    if journal.dropped:
        said.append(f"{journal.dropped} logged values were dropped: the disk is full")
    if (late := _lateness(journal, shipped)) is not None:
        said.append(late)
        if (taken := room_taken(journal.folder.path.parent)) is not None:
            said.append(taken)
    return Run(
        run_id=journal.home_id() or start.run_id,
        name=start.name,
        experiment=experiment,
        status=status,
        started=started,
        duration_s=(ended_ms - start.started_ms) / 1000,
        params=dict(journal.params),
        metrics={name: one.newest[2] for name, one in series.items()},
        tags=dict(journal.tags),
        parent=journal.tags.get(PARENT_TAG),
        tracking_uri=without_credentials(start.store),
        link=shipped.link,
        error=error,
        notes=tuple(said),
        history={name: one.points() for name, one in series.items()},
        points={name: one.count for name, one in series.items()},
    )


def _lateness(journal: RunJournal, shipped: Shipped) -> str | None:
    """Say why a run is not in its store at its end, where that is not just a matter of moments."""
    where = without_credentials(journal.start.store)
    if shipped.error is not None:
        meanwhile = "the project's own sqlite file has it" if shipped.local else "it is kept in the project's journal"
        return f"not in {where} yet: {shipped.error}; {meanwhile} until then (mlops doctor --ship)"
    if journal.renumbered and journal.home_id() is None:
        return f"on its way to {where}, which has not given it an id yet"
    return None


# The runs open in this process, oldest first; and the last run of each cell, to link a re-run to it.
_open: list[OpenRun] = []
_last_of_cell: dict[str, str] = {}
# Snapshots of runs that may still be on their way.
_late: deque[RunSnapshot] = deque(maxlen=20)
# The journals of the runs that this process has opened, by their ids here.
known: dict[str, RunJournal] = {}
# The runs that the process's end has closed: MLflow's own hook, which comes later, must not call them FINISHED.
closed_at_exit: set[str] = set()
# How long the process's end waits for the shipper, at the most; it need not where the shipper outlives the process.
exit_wait_s = 0.0
# The run last opened in this context, of which each asyncio task has its own; it may have ended since.
_here: ContextVar[OpenRun | None] = ContextVar("mlops_jupyter_run", default=None)


def current() -> OpenRun | None:
    """Return the run to log to from here: this coroutine's, else this thread's, else the process's innermost."""
    if (mine := _here.get()) in _open:
        return mine
    own = threading.get_ident()
    return next((run for run in reversed(_open) if run.thread == own), _open[-1] if _open else None)


def open_here() -> list[OpenRun]:
    """Return the tracked runs that this thread has open, the oldest first."""
    here = threading.get_ident()
    return [run for run in _open if run.tracked and run.thread == here and run.process == os.getpid()]


def _tags_of_cell(cell_id: str | None, source: str | None) -> dict[str, str]:
    if cell_id is None:
        return {}
    told = {CELL_ID_TAG: cell_id}
    if cell_id in _last_of_cell:
        told[RERUN_TAG] = _last_of_cell[cell_id]
    if source is not None:
        told[CELL_SUM_TAG] = checksum(source)
    return told


def open_run(
    journals: Journals,
    plain: PlainTracking,
    intent: Intent,
    *,
    provenance: Mapping[str, str],
    stem: str = "run",
    notebook: Path | None = None,
    cell_id: str | None = None,
    variables: Callable[[], Mapping[str, object]] = dict,
    datasets: Callable[[], Datasets] | None = None,
    search_path: Sequence[str] = (),
    tell: Callable[[str], None] = warn,
    source: str | None = None,
) -> OpenRun:
    """Open a run for a body that is about to start; nothing is waited for.

    Parameters
    ----------
    journals
        Where its journal will lie.
    plain
        What plain MLflow code of this process sees.
    intent
        What was asked.
    provenance
        Tags that say where the run comes from; the user's own win over them.
    stem
        What a run is called that has no name, with some digits of its id.
    notebook
        The notebook, for what it says above the cell.
    cell_id
        The notebook cell's id; a second run of the same cell is linked to the first.
    variables, datasets, source
        See `OpenRun`.
    search_path
        Where this process imports from: what is installed there is kept with the run.
    tell
        Told in a sentence what the user should know while the body runs.
    """
    run_id = uuid.uuid4().hex
    tags = {**provenance, **intent.tags, **_tags_of_cell(cell_id, source)}
    if intent.parent is not None:
        tags[PARENT_TAG] = intent.parent
    start = RunStart(
        run_id=run_id,
        experiment=intent.experiment,
        experiment_id=intent.experiment_id,
        name=intent.name or f"{stem}-{run_id[:6]}",
        started_ms=time.time_ns() // 1_000_000,
        tags=tags,
        store=journals.store,
        notebook=None if notebook is None else str(notebook),
        cell_id=cell_id if cell_id is not None and _CELL_ID.fullmatch(cell_id) else None,
        search_path=tuple(search_path),
    )
    try:
        journal = journals.open(start, tell)
    except Unavailable as lost:
        run = OpenRun(None, plain, intent, variables, notes=(f"not tracked: {lost.message}",))
    else:
        run = OpenRun(journal, plain, intent, variables, datasets=datasets, source=source)
    _open.append(run)
    try:
        if run.journal is not None:
            known[run_id] = run.journal
            child_runs.begun(run.journal.folder.path.parent, intent.parent, run_id)
            if cell_id is not None:
                _last_of_cell[cell_id] = run_id
        close_when_the_process_ends(_kill_open_runs)
        _here.set(run)
        if run.tracked:
            plain.enter(run)
            if intent.autolog:
                plain.autolog(on=True, models=intent.log_models)
    except BaseException as error:
        # Nobody would ever close it.
        run.close(error, hurried=True)
        raise
    return run


def adopt(journals: Journals, run_id: str, name: str = "", *, own: bool = False) -> RunJournal:
    """Give a run that plain MLflow code has opened a journal, so that logging to it waits for nothing.

    Parameters
    ----------
    journals
        Where the journal will lie.
    run_id
        The store's id of the run.
    name
        Its name, as far as it is known here.
    own
        Whether the run is this process's to end: it is then KILLED when the process dies.
    """
    start = RunStart(
        # Another process may have a journal for the same run.
        run_id=uuid.uuid4().hex,
        experiment="",
        experiment_id=None,
        name=name,
        started_ms=time.time_ns() // 1_000_000,
        tags={},
        store=journals.store,
        known_as=run_id,
        ends_with_process=own,
    )
    close_when_the_process_ends(_kill_open_runs)
    known[run_id] = journals.open(start, warn)
    return known[run_id]


def _kill_open_runs() -> None:
    for run in reversed(_open.copy()):
        if run.process == os.getpid():
            run.close(KeyboardInterrupt("the process ended while the body was running"), hurried=True)
    for journal in [one for one in known.values() if one.start.known_as and one.process == os.getpid()]:
        if journal.start.ends_with_process and journal.ended is None:
            closed_at_exit.add(journal.start.known_as or "")
            journal.end("KILLED")
        journal.close()
    for snapshot in _late:
        snapshot.finish(_SNAPSHOT_LAST_WAIT_S)
    left = [journal for journal in known.values() if journal.process == os.getpid() and not journal.settled]
    deadline = time.monotonic() + exit_wait_s
    for journal in left:
        if journal.settle(deadline - time.monotonic()).error is not None:
            return


def status_of(error: BaseException | None) -> RunStatus:
    """Say how a body ended, in MLflow's words."""
    if error is None or (isinstance(error, SystemExit) and error.code in {None, 0}):
        return "FINISHED"
    if isinstance(error, (KeyboardInterrupt, *_cancellations())):
        return "KILLED"
    return "FAILED"


def _cancellations() -> tuple[type[BaseException], ...]:
    """Return what a cancelled ``await`` raises; where asyncio is not imported, nothing can have raised it."""
    asyncio = sys.modules.get("asyncio")
    return () if asyncio is None else (asyncio.CancelledError,)


def short_form(error: BaseException) -> str:
    """Return class and first line of the message, short enough for a tag, without the secrets that are known here."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 -- the error's own code
        lines = ["it cannot say what it is"]
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return scrubbed(said, os.environ)[:_SHORT_ERROR]


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
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise CommandError(
            f"the metric {name} is no number: {type(value).__name__}", "log one number a metric and step"
        ) from error
