"""``run``: a notebook, headless."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast

from .. import registry, settings
from ..capabilities.parameters import as_parameters
from ..capabilities.provenance import source_tags
from ..capabilities.tracking import ERROR_TAG, PARENT_TAG, TRACEBACK_ARTIFACT, as_text
from ..errors import CommandError, ConfigurationError, ExecutionFailed, MlopsError, NotFound
from ..protocols import (
    CellProgress,
    LoadedNotebook,
    NotebookExport,
    NotebookOutcome,
    NotebookRunner,
    Reporter,
    Short,
    Silent,
    Tracking,
)
from ..records import CellFailure, Execution, Parameter, Run, RunStatus
from . import project
from .track import PARENT_VARIABLE

_REACH_TIMEOUT_S = 4.0
_STATUS: dict[str, RunStatus] = {
    "done": "FINISHED",
    "raised": "FAILED",
    "timeout": "FAILED",
    "dead kernel": "KILLED",
    "interrupted": "KILLED",
}


def run(
    notebook: Path,
    *,
    parameters: Annotated[Mapping[str, object] | None, Short("-p")] = None,
    output: Path | None = None,
    html: bool = False,
    timeout: int | None = None,
    experiment: str | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Execution:
    """Run a notebook headless, as an MLflow run.

    Papermill executes it in the notebook's own directory. The run holds the parameters, defaults and overrides
    alike; each tracked cell is a child run. A failing cell ends the run FAILED, with the cell's index, source
    and traceback on it, and the executed notebook is kept in every case.

    Parameters
    ----------
    notebook
        The notebook's path.
    parameters
        A parameter, as name=value; the notebook's cell tagged "parameters" must declare it.
    output
        Where the executed notebook goes; else .mlops/executed/.
    html
        Also write it as one HTML file beside it.
    timeout
        Seconds a cell may take; else no limit.
    experiment
        The experiment; else the project's.
    reporter
        Where progress is told.

    Returns
    -------
    Execution
        The run, its children, and where the executed notebook lies.

    Raises
    ------
    NotFound
        When there is no such notebook.
    ConfigurationError
        When the notebook cannot be read, is not valid, or its kernel is not installed.
    CommandError
        When a parameter is not declared by the notebook.
    Unavailable
        When the store does not answer; nothing is executed then.
    ExecutionFailed
        When a cell raised, took longer than the limit, or lost its kernel.
    """
    path = _resolve(notebook)
    if timeout is not None and timeout <= 0:
        raise CommandError(f"--timeout must be more than 0 seconds, not {timeout}", "leave it out for no limit")
    current = settings.current()
    runner = cast("NotebookRunner", registry.load("notebook_runner", "papermill")())
    with runner.load(path) as loaded:
        # The worker reads the notebook while MLflow is imported here.
        store = project.tracking(current)
        given = as_parameters(path.name, loaded.parameters, parameters or {})
        store.reach(_REACH_TIMEOUT_S)
        job = _Job(
            path=path,
            store=store,
            experiment=experiment or project.experiment(current, store),
            parameters=given,
            declared=loaded.parameters or (),
            root=current.root,
        )
        run_id = job.begin()
        target = _target(output, current.output, path, run_id)
        reporter.progress(f"{path.name} starts", 0, loaded.cells)
        outcome = _execute(loaded, job, run_id, target, timeout or current.timeout_s, reporter)
    execution = job.end(run_id, target, html=html, cells=loaded.cells, outcome=outcome)
    if outcome.kind == "done":
        return execution
    reporter.show(execution)
    if outcome.kind == "interrupted":
        raise KeyboardInterrupt
    raise ExecutionFailed(
        str(notebook), outcome.cell, outcome.ename, outcome.evalue, f"read {target}, where the cell is marked"
    )


def _resolve(notebook: Path) -> Path:
    path = notebook.expanduser()
    if path.is_dir():
        raise CommandError(f"{notebook} is a directory, not a notebook", f"ls {notebook}/*.ipynb")
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [other.name for other in path.parent.glob("*.ipynb")], n=1)
        hint = f"did you mean {path.parent / near[0]}?" if near else "check the path"
        raise NotFound(f"there is no notebook {notebook}", hint)
    return path.resolve()


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


def _execute(  # noqa: PLR0917 -- the pieces of one call
    loaded: LoadedNotebook, job: _Job, run_id: str, target: Path, timeout_s: int | None, reporter: Reporter
) -> NotebookOutcome:
    def tell(at: CellProgress) -> None:
        done = at.cell + 1 if at.ended else at.cell
        reporter.progress(f"{job.path.name} cell {at.cell}", min(done, at.cells - 1), at.cells)

    try:
        outcome = loaded.execute(
            target,
            parameters=job.parameters,
            environment=job.environment(run_id),
            timeout_s=timeout_s,
            on_progress=tell,
        )
    except MlopsError as error:
        job.store.log(run_id, tags={ERROR_TAG: error.message[:500]})
        job.store.finish_run(run_id, "FAILED")
        raise
    reporter.progress(f"{job.path.name} {outcome.kind}", loaded.cells, loaded.cells)
    return outcome


@dataclass(frozen=True)
class _Job:
    """One notebook on its way through the store."""

    path: Path
    store: Tracking
    experiment: str
    parameters: Mapping[str, object]
    declared: tuple[Parameter, ...]
    root: Path

    def begin(self) -> str:
        """Open the notebook's run, with its parameters."""
        tags = source_tags(self.root, self.path, project.checkout(self.path.parent, self.path))
        tags["mlops.kind"] = "notebook"
        if outer := os.environ.get("MLFLOW_RUN_ID") or os.environ.get(PARENT_VARIABLE):
            tags[PARENT_TAG] = outer
        if self.parameters:
            tags["mlops.overrides"] = ",".join(self.parameters)
        run_id = self.store.create_run(self.experiment, self.path.stem, tags)
        values = {one.name: one.default for one in self.declared} | dict(self.parameters)
        self.store.log(run_id, params={name: as_text(value) for name, value in values.items()})
        return run_id

    def environment(self, run_id: str) -> dict[str, str | None]:
        """Return what the notebook's kernel is told; ``None`` takes a variable away."""
        return {
            "MLFLOW_TRACKING_URI": self.store.uri,
            "MLFLOW_EXPERIMENT_NAME": self.experiment,
            # Plain mlflow code would take the first run it opens for the one of this id, and rename it.
            "MLFLOW_RUN_ID": None,
            PARENT_VARIABLE: run_id,
            "MLOPS_JUPYTER_NOTEBOOK": str(self.path),
            settings.ROOT_VARIABLE: str(self.root),
        }

    def end(self, run_id: str, target: Path, *, html: bool, cells: int, outcome: NotebookOutcome) -> Execution:
        """Close the run and its children with the truth, and keep what was executed."""
        failure = None if outcome.kind == "done" else CellFailure(*outcome[1:])
        if failure is not None:
            self._keep_failure(run_id, failure)
        page = target.with_suffix(".html") if html and target.is_file() else None
        if page is not None:
            cast("NotebookExport", registry.load("notebook_export", "nbconvert")()).html(target, page)
        for file in filter(None, (target, page)):
            if file.is_file():
                self.store.log_file(run_id, "mlops/executed", file)
        self.store.finish_run(run_id, _STATUS[outcome.kind])
        return Execution(
            notebook=str(self.path),
            output=str(target),
            html=None if page is None else str(page),
            cells=cells,
            parameters={one.name: one.default for one in self.declared} | dict(self.parameters),
            run=self.store.get_run(run_id),
            children=self._children(run_id),
            failure=failure,
        )

    def _keep_failure(self, run_id: str, failure: CellFailure) -> None:
        tags = {ERROR_TAG: (f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename)[:500]}
        if failure.cell is not None:
            tags["mlops.failed_cell"] = str(failure.cell)
            self.store.log_text(run_id, "mlops/failed_cell.txt", failure.source)
        self.store.log_text(run_id, TRACEBACK_ARTIFACT, failure.traceback or json.dumps(failure.evalue))
        self.store.log(run_id, tags=tags)

    def _children(self, run_id: str) -> tuple[Run, ...]:
        query = f"tags.`{PARENT_TAG}` = '{run_id}'"
        found = []
        for child in self.store.find_runs(None, query, "attributes.start_time ASC", 1000):
            if child.status == "RUNNING":
                # The kernel is gone, so whatever it left open was killed.
                self.store.finish_run(child.run_id, "KILLED")
                child = replace(child, status="KILLED")  # noqa: PLW2901
            found.append(child)
        return tuple(found)
