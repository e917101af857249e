"""One notebook headless, as an MLflow run: opened before its first cell, closed with the truth."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast

from .. import registry, settings
from ..capabilities import child_runs, kept_folders
from ..capabilities.forking import ForkServer, supported
from ..capabilities.headless_runs import EXECUTED_ARTIFACTS
from ..capabilities.journal import RunFolders
from ..capabilities.parameters import as_parameters, misfits
from ..capabilities.provenance import CONTEXT_VARIABLE, process_tags, told_from_outside, user
from ..capabilities.redaction import scrubbed, without_values
from ..capabilities.run_snapshot import close_after
from ..capabilities.tracking import (
    ERROR_TAG,
    KIND_TAG,
    NOTEBOOK_KIND,
    PARENT_TAG,
    TRACEBACK_ARTIFACT,
    as_record,
    as_text,
    short_form,
    status_of,
)
from ..errors import CommandError, ConfigurationError, MlopsError
from ..protocols import (
    CellProgress,
    Limits,
    LoadedNotebook,
    NotebookExport,
    NotebookOutcome,
    NotebookRunner,
    Reporter,
    Resumable,
    Tracking,
)
from ..records import CellFailure, Execution, Parameter, Run, RunStart, RunStatus
from . import project, warm
from .snapshot import beside_run

OVERRIDES_TAG, ATTEMPTS_TAG = "mlops.overrides", "mlops.attempts"
PARAMETERS_ARTIFACT = "mlops/parameters.json"
_RESUME = "resume"
_ID_WAIT_S = 5.0
_SNAPSHOT_WAIT_S = 10.0
# States for --resume: so long, and all together so much of them.
_STATES_S, _STATES_BYTES = 30 * 86_400.0, 5 * 1024**3
# A warm process keeps so many sets of imports.
_FAMILIES = 4
_STATUS: dict[str, RunStatus] = {
    "done": "FINISHED",
    "raised": "FAILED",
    "timeout": "FAILED",
    "dead kernel": "KILLED",
    "dead worker": "KILLED",
    "interrupted": "KILLED",
}


@dataclass(frozen=True)
class Wanted:
    """What is asked of a notebook that runs headless.

    Attributes
    ----------
    parameters
        What is given to its parameters.
    output
        Where the executed notebook goes; else where the settings say.
    html
        Whether the executed notebook is written as one HTML file too.
    limits
        How long it may take; the settings have a limit for a cell where there is none.
    retries
        How often a notebook that has failed is executed again from its first cell.
    experiment
        The experiment; else the project's.
    tags
        More tags, for the notebook's run and each run within it.
    own
        More tags, for the notebook's run alone; they win over all others.
    name
        What the run is called; else as the notebook is.
    environment
        Variables for the process that finds and starts the kernel.
    parent
        The run that the notebook's run is a child of, by its id in the journals.
    resume
        Whether to go on where an execution with the same parameters has failed, if its state could be kept.
    keep_state
        Whether a failure leaves the state to be resumed with; else as the settings say.
    verbose
        Whether to say where the kernel came from.
    """

    parameters: Mapping[str, object] = field(default_factory=dict)
    output: Path | None = None
    html: bool = False
    limits: Limits = field(default=Limits())
    retries: int = 0
    experiment: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    resume: bool = False
    keep_state: bool | None = None
    verbose: bool = False

    def __post_init__(self) -> None:
        for option, seconds in (("timeout", self.limits.timeout_s), ("total-timeout", self.limits.total_timeout_s)):
            if seconds is not None and seconds <= 0:
                raise CommandError(
                    f"--{option} must be more than 0 seconds, not {seconds:g}", "leave it out for no limit"
                )
        if self.retries < 0:
            raise CommandError(f"--retries must be 0 or more, not {self.retries}", "--retries 2")


def headless(path: Path, wanted: Wanted, reporter: Reporter) -> tuple[Execution, NotebookOutcome]:
    """Run a notebook as `run` does, and return also how it ended.

    Parameters
    ----------
    path
        The notebook's absolute path.
    wanted
        What is asked.
    reporter
        Where progress is told.
    """
    current = settings.current()
    project.prepare(current)
    project.journals(current).wake()
    wanted = replace(wanted, output=_target(current, path, wanted.output))
    with runner(current) as notebooks, notebooks.load(path, wanted.environment) as loaded:
        given = as_parameters(path.name, loaded.parameters, wanted.parameters, names_known=loaded.names_known)
        job = Job(path, current, wanted, given, loaded.parameters or ())
        job.cells = loaded.cells
        reporter.progress(f"{path.name} starts", 0, loaded.cells)
        outcome = _attempts(loaded, job, reporter)
    forget_old_states(current)
    return job.end(outcome), outcome


def forget_old_states(current: settings.Settings) -> None:
    """Remove the states of notebooks that nobody has resumed for long, and the oldest where they take much room."""
    place = current.state / _RESUME
    kept_folders.prune(place, now_s=time.time(), longest_s=_STATES_S, most_bytes=_STATES_BYTES)


class Closed(NamedTuple):
    """A notebook's run that is closed, its HTML file, and the runs within it, ``None`` when only the store knows."""

    run: Run
    page: Path | None
    children: tuple[Run, ...] | None


def failure_of(outcome: NotebookOutcome) -> CellFailure | None:
    """Return which cell ended a run, ``None`` when all ran."""
    return None if outcome.kind == "done" else CellFailure(*outcome[1:6])


def without_secrets(outcome: NotebookOutcome) -> NotebookOutcome:
    """Return how a notebook ended without the secrets that are known here: its error may quote them."""
    clean = partial(scrubbed, environment=os.environ)
    return outcome._replace(
        source=clean(outcome.source), evalue=clean(outcome.evalue), traceback=clean(outcome.traceback)
    )


def _target(current: settings.Settings, path: Path, output: Path | None) -> Path | None:
    """Return where an executed notebook shall go, ``None`` for where the settings say; its folder is made."""
    chosen = None if output is None else output.expanduser().absolute()
    if chosen == path:
        raise CommandError(f"--output {output} would overwrite the notebook itself", "name another file")
    folder = current.output if chosen is None else chosen.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder}: {error.strerror}", "name another --output") from error
    return chosen


@contextmanager
def runner(current: settings.Settings, several: Sequence[Path] = ()) -> Iterator[NotebookRunner]:
    """Give what executes notebooks, for a while.

    Parameters
    ----------
    current
        The project's settings.
    several
        Notebooks enough to have a warm process of their own, where the project has none.
    """
    load = registry.load("notebook_runner", "papermill")
    server = ForkServer.connect(warm.socket_of(current.root)) if supported() else None
    owned = ForkServer.start() if server is None and several and supported() else None
    server = server or owned
    if server is not None:
        for imports in dict.fromkeys(warm.wanted_imports(current.root, path) for path in several[:_FAMILIES]):
            server.prepare(warm.KERNEL, imports)
    notebooks = cast("NotebookRunner", load(server))
    try:
        yield notebooks
    finally:
        notebooks.close()
        if owned is not None:
            owned.stop()


def _attempts(loaded: LoadedNotebook, job: Job, reporter: Reporter) -> NotebookOutcome:
    """Execute a notebook, and again as often as is wanted while it fails."""

    def tell(at: CellProgress) -> None:
        done = at.cell + 1 if at.ended else at.cell
        reporter.progress(f"{job.path.name} cell {at.cell}", min(done, at.cells - 1), at.cells)

    while True:
        try:
            outcome = loaded.execute(
                job.output,
                parameters=job.parameters,
                environment=job.environment(),
                limits=job.limits,
                kept=job.kept,
                on_progress=tell,
            )
        except BaseException as error:
            job.fail(error)
            raise
        outcome = without_secrets(outcome)
        if not job.again(outcome):
            break
        reporter.progress(f"{job.path.name} {outcome.kind}, once more", 0, loaded.cells)
    reporter.progress(f"{job.path.name} {outcome.kind}", loaded.cells, loaded.cells)
    return outcome._replace(attempts=job.attempt)


class Job:
    """One notebook on its way: its run is open from here on.

    Parameters
    ----------
    path
        The notebook's absolute path.
    current
        The project's settings.
    wanted
        What is asked.
    parameters
        What is given to the notebook's parameters, checked.
    declared
        The parameters it declares.
    source
        The tags that say where the notebook comes from, where they are known already.
    """

    def __init__(  # noqa: PLR0917 -- what a job is made of
        self,
        path: Path,
        current: settings.Settings,
        wanted: Wanted,
        parameters: Mapping[str, object],
        declared: Sequence[Parameter],
        source: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.parameters = parameters
        self.limits = Limits(wanted.limits.timeout_s or current.timeout_s, wanted.limits.total_timeout_s)
        self._wanted = wanted
        self._misfits = misfits(declared, parameters)
        self._values = {one.name: one.default for one in declared} | dict(parameters)
        self._current = current
        self.attempt = 1
        # How many the notebook has, as far as it is known.
        self.cells = 0
        self._experiment_id = None if wanted.experiment else current.experiment_id
        self._experiment = wanted.experiment or current.experiment
        start = self._start(project.notebook_tags(current, path) if source is None else source)
        self._journal = project.journals(current).open(start, warnings.warn)
        self.local_id = start.run_id
        self.output = wanted.output or current.output / f"{path.stem}-{self.local_id[:8]}.ipynb"
        child_runs.begun(current.journal, wanted.parent, self.local_id)
        self._log_parameters(declared)
        # Papermill also reads from stores elsewhere.
        self._snapshot = beside_run(current, path, self._journal) if path.is_file() else None
        self._executed = self._journal.folder.path / "executed.ipynb"
        if path.is_file():
            # On a full disk its cells take what the disk has then, and say so.
            with suppress(OSError):
                shutil.copyfile(path, self._executed)

    def _start(self, source: Mapping[str, str]) -> RunStart:
        tags = process_tags(user(), None, {})
        tags |= source
        tags[KIND_TAG] = NOTEBOOK_KIND
        if outer := self._wanted.parent or project.outer_run():
            tags[PARENT_TAG] = outer
        if self.parameters:
            tags[OVERRIDES_TAG] = ",".join(self.parameters)
        return RunStart(
            run_id=uuid.uuid4().hex,
            experiment=self._experiment,
            experiment_id=self._experiment_id,
            name=self._wanted.name or self.path.stem,
            started_ms=time.time_ns() // 1_000_000,
            tags={**tags, **self._wanted.tags, **self._wanted.own},
            store=self._current.tracking_uri,
        )

    def _log_parameters(self, declared: Sequence[Parameter]) -> None:
        """Keep the parameters' values as params, and with types, defaults and help as an artifact."""
        self._journal.log_params({name: as_text(value) for name, value in self._values.items()})
        if self._values:
            known = {one.name: asdict(one) for one in declared}
            told = [
                {"name": name, "type": type(value).__name__, "default": None, "help": ""}
                | known.get(name, {})
                | {"value": value, "given": name in self.parameters}
                for name, value in self._values.items()
            ]
            self._journal.log_text(PARAMETERS_ARTIFACT, json.dumps(told, indent=2, default=str))

    @property
    def kept(self) -> Resumable:
        """Where the state lies with which this notebook, with these parameters, can be resumed after a failure."""
        what = json.dumps([str(self.path), self._values], sort_keys=True, default=str)
        name = f"{self.path.stem}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"
        wanted = self._wanted.keep_state
        return Resumable(
            self._current.state / _RESUME / name,
            resume=self._wanted.resume and self.attempt == 1,
            keep=self._current.keep_state if wanted is None else wanted,
        )

    def environment(self) -> dict[str, str | None]:
        """Return what the notebook's kernel is told; ``None`` takes a variable away."""
        told: dict[str, str | None] = {
            "MLFLOW_TRACKING_URI": self._current.tracking_uri,
            # Plain mlflow code would take the first run it opens for the one of this id, and rename it.
            "MLFLOW_RUN_ID": None,
            settings.PARENT_VARIABLE: self.local_id,
            "MLOPS_JUPYTER_NOTEBOOK": str(self.path),
            settings.EXECUTED_VARIABLE: str(self._executed),
            settings.ROOT_VARIABLE: str(self._current.root),
        }
        if self._wanted.tags:
            # MLflow itself gives these tags to each run that a process opens, as we do.
            context = told_from_outside(os.environ) | dict(self._wanted.tags)
            told[CONTEXT_VARIABLE] = json.dumps(context)
        if self._experiment_id is None:
            told["MLFLOW_EXPERIMENT_NAME"] = self._experiment
        return told

    def again(self, outcome: NotebookOutcome) -> bool:
        """Tell whether a notebook that ended so is executed once more, and keep why."""
        if outcome.kind in {"done", "interrupted"} or self.attempt > self._wanted.retries:
            return False
        said = f"{outcome.ename}: {outcome.evalue}\n\n{outcome.traceback}".strip()
        self._journal.log_text(f"mlops/attempts/{self.attempt}.txt", f"cell {outcome.cell}: {said}\n")
        self.attempt += 1
        return True

    def fail(self, error: BaseException) -> None:
        """Close the run of a notebook that could not be executed."""
        self.settle()
        said = scrubbed(error.message, os.environ)[:500] if isinstance(error, MlopsError) else short_form(error)
        self._journal.log_tags({ERROR_TAG: said})
        self._journal.end(status_of(error))
        close_after(self._snapshot, self._journal)

    def close(self, outcome: NotebookOutcome, *, hurried: bool = False) -> Closed:
        """Close the run with the truth, and keep what was executed.

        Parameters
        ----------
        outcome
            How it ended.
        hurried
            Whether others wait: then nothing is waited for here, and `settle` is called later.
        """
        failure = failure_of(outcome)
        if failure is not None:
            self._keep_failure(failure)
        if outcome.attempts > 1:
            self._journal.log_tags({ATTEMPTS_TAG: str(outcome.attempts)})
        # How it ended is known, whatever becomes of its files.
        status = _STATUS[outcome.kind]
        self._journal.end(status)
        page, lost = self._keep_executed()
        kernel = outcome.kernel if self._wanted.verbose else ""
        notes = filter(None, (outcome.note, kernel, *self._misfits, *lost, *(() if hurried else self.settle())))
        if not hurried:
            # A server says the run's id and page a moment later.
            self._journal.home_id(_ID_WAIT_S)
        record = as_record(self._journal, status, experiment=self._experiment, notes=tuple(notes))
        child_runs.ended(self._current.journal, self._wanted.parent, self.local_id, record)
        children = child_runs.told(self._journal.folder)
        close_after(self._snapshot, self._journal)
        return Closed(record, page, children)

    def end(self, outcome: NotebookOutcome) -> Execution:
        """Close the run, and tell it with all that is within it once that is in the store."""
        closed = self.close(outcome)
        record, children = self._stored(closed.run, closed.children)
        return self.execution(closed, outcome, record, children)

    def execution(self, closed: Closed, outcome: NotebookOutcome, record: Run, children: tuple[Run, ...]) -> Execution:
        """Tell a run that is closed, with the runs within it."""
        return Execution(
            notebook=str(self.path),
            output=str(self.output),
            html=None if closed.page is None else str(closed.page),
            cells=self.cells,
            parameters=self._values,
            run=record,
            children=children,
            failure=failure_of(outcome),
        )

    @property
    def settled(self) -> bool:
        """Whether nothing is waited for any more."""
        return self._snapshot is None or self._snapshot.done

    def settle(self) -> tuple[str, ...]:
        """Wait until the notebook's snapshot is kept with the run; return what the user should read of it."""
        return () if self._snapshot is None else self._snapshot.finish(_SNAPSHOT_WAIT_S)

    def _keep_failure(self, failure: CellFailure) -> None:
        tags = {ERROR_TAG: (f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename)[:500]}
        if failure.cell is not None:
            tags["mlops.failed_cell"] = str(failure.cell)
            self._journal.log_text("mlops/failed_cell.txt", failure.source)
        self._journal.log_text(TRACEBACK_ARTIFACT, failure.traceback or json.dumps(failure.evalue))
        self._journal.log_tags(tags)

    def _keep_executed(self) -> tuple[Path | None, list[str]]:
        """Keep the executed notebook with the run, and its page where one is wanted; say in sentences what is not."""
        if not self.output.is_file():
            return None, []
        page = self.output.with_suffix(".html") if self._wanted.html else None
        lost = []
        if page is not None:
            try:
                cast("NotebookExport", registry.load("notebook_export", "nbconvert")()).html(self.output, page)
            except Exception as failed:  # noqa: BLE001 -- templates and outputs are others'
                lost.append(f"there is no page of {self.output.name}: {short_form(failed)}")
                page = None
        for file in filter(None, (self.output, page)):
            try:
                lost += self._keep_file(file)
            except (MlopsError, OSError) as failed:
                lost.append(f"{file.name} is not kept with the run: {short_form(failed)}")
        return page, lost

    def _keep_file(self, file: Path) -> list[str]:
        """Keep what was executed; the copy on the run has no value of a secret environment variable."""
        text = file.read_text(encoding="utf-8", errors="replace")
        clean = without_values(text, os.environ)
        if clean == text:
            self._journal.log_file(EXECUTED_ARTIFACTS, file)
            return []
        self._journal.log_text(f"{EXECUTED_ARTIFACTS}/{file.name}", clean)
        return [f"{file.name} shows secrets of this environment; they are left out of the copy on the run"]

    def _stored(self, record: Run, children: tuple[Run, ...] | None) -> tuple[Run, tuple[Run, ...]]:
        """Return the run and its children once all is in the store, which is asked only for what nobody has told."""
        left = project.flush(self._current, patient=True)
        if left:
            record = replace(record, notes=(*record.notes, *left))
        if children is not None:
            folders = RunFolders(self._current.journal)
            return record, tuple(child_runs.in_store(child, folders) for child in children)
        if left:
            return record, ()
        # Runs of a kernel that died are closed by now.
        store = project.tracking(self._current)
        return replace(store.get_run(record.run_id), notes=record.notes), children_of(store, record)


def children_of(store: Tracking, run: Run) -> tuple[Run, ...]:
    """Return the runs within a run, the oldest first."""
    query = f"tags.`{PARENT_TAG}` = '{run.run_id}'"
    return tuple(store.find_runs(None, query, "attributes.start_time ASC", 1000))
