"""One notebook headless, as an MLflow run: opened before its first cell, closed with the truth."""

from __future__ import annotations

import getpass
import json
import os
import time
import uuid
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from .. import registry, settings
from ..capabilities.parameters import as_parameters
from ..capabilities.provenance import process_tags
from ..capabilities.run_snapshot import close_after
from ..capabilities.tracking import ERROR_TAG, PARENT_TAG, TRACEBACK_ARTIFACT, as_record, as_text
from ..errors import CommandError, ConfigurationError, MlopsError
from ..protocols import (
    CellProgress,
    LoadedNotebook,
    NotebookExport,
    NotebookOutcome,
    NotebookRunner,
    Reporter,
    Tracking,
)
from ..records import CellFailure, Execution, Parameter, Run, RunStart, RunStatus
from . import project
from .snapshot import beside_run
from .track import PARENT_VARIABLE

KIND_TAG, NOTEBOOK_KIND = "mlops.kind", "notebook"
OVERRIDES_TAG = "mlops.overrides"
_CONTEXT_VARIABLE = "MLFLOW_RUN_CONTEXT"
_ID_WAIT_S = 5.0
_SNAPSHOT_WAIT_S = 10.0
_STATUS: dict[str, RunStatus] = {
    "done": "FINISHED",
    "raised": "FAILED",
    "timeout": "FAILED",
    "dead kernel": "KILLED",
    "dead worker": "KILLED",
    "interrupted": "KILLED",
}


def headless(
    path: Path,
    *,
    parameters: Mapping[str, object],
    output: Path | None,
    html: bool,
    timeout: int | None,
    experiment: str | None,
    reporter: Reporter,
    tags: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Execution, NotebookOutcome]:
    """Run a notebook as `run` does, and return also how it ended.

    Parameters
    ----------
    path
        The notebook's absolute path.
    parameters, output, html, timeout, experiment, reporter
        As of `run`.
    tags
        More tags, for the notebook's run and each run within it.
    environment
        Variables for the process that finds and starts the kernel.
    """
    if timeout is not None and timeout <= 0:
        raise CommandError(f"--timeout must be more than 0 seconds, not {timeout}", "leave it out for no limit")
    current = settings.current()
    runner = cast("NotebookRunner", registry.load("notebook_runner", "papermill")())
    with runner.load(path, environment) as loaded:
        # The worker reads the notebook while MLflow is imported here.
        store = project.tracking(current)
        given = as_parameters(path.name, loaded.parameters, parameters)
        job = Job(path, current, experiment, given, loaded.parameters or (), tags=tags or {})
        target = _target(output, current.output, path, job.local_id)
        reporter.progress(f"{path.name} starts", 0, loaded.cells)
        outcome = _execute(loaded, job, target, timeout or current.timeout_s, reporter)
        cells = loaded.cells
    record, page = job.close(target, html=html, outcome=outcome)
    record, children = _with_children(current, store, record)
    execution = Execution(
        notebook=str(path),
        output=str(target),
        html=None if page is None else str(page),
        cells=cells,
        parameters=job.values,
        run=record,
        children=children,
        failure=failure_of(outcome),
    )
    return execution, outcome


def failure_of(outcome: NotebookOutcome) -> CellFailure | None:
    """Return which cell ended a run, ``None`` when all ran."""
    return None if outcome.kind == "done" else CellFailure(*outcome[1:])


def _with_children(current: settings.Settings, store: Tracking, record: Run) -> tuple[Run, tuple[Run, ...]]:
    """Read the run and its children once all is in the store; runs of a kernel that died are closed by then."""
    left = project.flush(current)
    if left:
        return replace(record, notes=(*record.notes, *left)), ()
    return replace(store.get_run(record.run_id), notes=record.notes), children_of(store, record)


def _target(output: Path | None, directory: Path, path: Path, run_id: str) -> Path:
    target = directory / f"{path.stem}-{run_id[:8]}.ipynb" if output is None else output.expanduser().absolute()
    if target == path:
        raise CommandError(f"--output {output} would overwrite the notebook itself", "name another file")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write to {target.parent}: {error.strerror}", "name another --output"
        ) from error
    return target


def _execute(
    loaded: LoadedNotebook, job: Job, target: Path, timeout_s: int | None, reporter: Reporter
) -> NotebookOutcome:
    def tell(at: CellProgress) -> None:
        done = at.cell + 1 if at.ended else at.cell
        reporter.progress(f"{job.path.name} cell {at.cell}", min(done, at.cells - 1), at.cells)

    try:
        outcome = loaded.execute(
            target,
            parameters=job.parameters,
            environment=job.environment(),
            timeout_s=timeout_s,
            on_progress=tell,
        )
    except MlopsError as error:
        job.fail(error)
        raise
    reporter.progress(f"{job.path.name} {outcome.kind}", loaded.cells, loaded.cells)
    return outcome


class Job:
    """One notebook on its way: its run is open from here on.

    Parameters
    ----------
    path
        The notebook's absolute path.
    current
        The project's settings.
    experiment
        The experiment; else the project's.
    parameters
        What is set, each value of its type.
    declared
        What the notebook declares.
    tags
        More tags, for the notebook's run and each run within it.
    source
        The tags that say where the notebook comes from, where they are known already.
    own
        More tags, for the notebook's run alone; they win over all others.
    name
        What the run is called; else as the notebook is.
    """

    def __init__(
        self,
        path: Path,
        current: settings.Settings,
        experiment: str | None,
        parameters: Mapping[str, object],
        declared: Sequence[Parameter],
        *,
        tags: Mapping[str, str],
        source: Mapping[str, str] | None = None,
        own: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> None:
        self.path = path
        self.parameters = parameters
        self.values = {one.name: one.default for one in declared} | dict(parameters)
        self._tags = tags
        self._current = current
        self._experiment_id = None if experiment else current.experiment_id
        self._experiment = experiment or current.experiment
        start = self._start(project.notebook_tags(current, path) if source is None else source, own or {}, name)
        self._journal = project.journals(current).open(start, warnings.warn)
        self.local_id = start.run_id
        self._journal.log_params({name: as_text(value) for name, value in self.values.items()})
        self._snapshot = beside_run(current, path, self._journal)

    def _start(self, source: Mapping[str, str], own: Mapping[str, str], name: str | None) -> RunStart:
        tags = process_tags(getpass.getuser(), None, {})
        tags |= source
        tags[KIND_TAG] = NOTEBOOK_KIND
        if outer := outer_run():
            tags[PARENT_TAG] = outer
        if self.parameters:
            tags[OVERRIDES_TAG] = ",".join(self.parameters)
        return RunStart(
            run_id=uuid.uuid4().hex,
            experiment=self._experiment,
            experiment_id=self._experiment_id,
            name=name or self.path.stem,
            started_ms=time.time_ns() // 1_000_000,
            tags={**tags, **self._tags, **own},
            store=self._current.tracking_uri,
        )

    def environment(self) -> dict[str, str | None]:
        """Return what the notebook's kernel is told; ``None`` takes a variable away."""
        told: dict[str, str | None] = {
            "MLFLOW_TRACKING_URI": self._current.tracking_uri,
            # Plain mlflow code would take the first run it opens for the one of this id, and rename it.
            "MLFLOW_RUN_ID": None,
            PARENT_VARIABLE: self.local_id,
            "MLOPS_JUPYTER_NOTEBOOK": str(self.path),
            settings.ROOT_VARIABLE: str(self._current.root),
        }
        if self._tags:
            # MLflow itself gives these tags to each run that a process opens, as we do.
            context = json.loads(os.environ.get(_CONTEXT_VARIABLE) or "{}") | dict(self._tags)
            told[_CONTEXT_VARIABLE] = json.dumps(context)
        if self._experiment_id is None:
            told["MLFLOW_EXPERIMENT_NAME"] = self._experiment
        return told

    def fail(self, error: MlopsError) -> None:
        """Close the run of a notebook that could not be executed."""
        self.settle()
        self._journal.log_tags({ERROR_TAG: error.message[:500]})
        self._journal.end("FAILED")
        close_after(self._snapshot, self._journal)

    def close(
        self, target: Path, *, html: bool, outcome: NotebookOutcome, hurried: bool = False
    ) -> tuple[Run, Path | None]:
        """Close the run with the truth, and keep what was executed; return it and the HTML file.

        Parameters
        ----------
        target
            The executed notebook.
        html
            Whether it is also wanted as one HTML file.
        outcome
            How it ended.
        hurried
            Whether others wait: then nothing is waited for here, and `settle` is called later.
        """
        failure = failure_of(outcome)
        if failure is not None:
            self._keep_failure(failure)
        page = target.with_suffix(".html") if html and target.is_file() else None
        if page is not None:
            cast("NotebookExport", registry.load("notebook_export", "nbconvert")()).html(target, page)
        for file in filter(None, (target, page)):
            if file.is_file():
                self._journal.log_file("mlops/executed", file)
        notes = () if hurried else self.settle()
        status = _STATUS[outcome.kind]
        self._journal.end(status)
        if not hurried:
            # A server says the run's id and page a moment later.
            self._journal.home_id(_ID_WAIT_S)
        record = as_record(self._journal, status, experiment=self._experiment, notes=notes)
        close_after(self._snapshot, self._journal)
        return record, page

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


def outer_run() -> str | None:
    """Return the run that this process was started within, if it was."""
    return os.environ.get("MLFLOW_RUN_ID") or os.environ.get(PARENT_VARIABLE) or None


def children_of(store: Tracking, run: Run) -> tuple[Run, ...]:
    """Return the runs within a run, the oldest first."""
    query = f"tags.`{PARENT_TAG}` = '{run.run_id}'"
    return tuple(store.find_runs(None, query, "attributes.start_time ASC", 1000))
