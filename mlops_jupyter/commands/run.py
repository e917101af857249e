"""``run``: notebooks, headless."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from .. import settings
from ..capabilities import ranking
from ..capabilities.sweeping import named
from ..errors import CommandError, ExecutionFailed
from ..protocols import ONCE, Confirms, Limits, Reporter, Short, Silent
from ..records import Batch, BatchRow, Execution
from . import gates, project
from .arguments import notebook_file
from .batch import Choices, batch
from .batch_plan import Chosen, notebooks_of
from .gates import Gates
from .headless import Wanted, headless
from .pushed_metrics import PushedMetrics
from .reports import Reports

_LOCAL = "local"


def run(
    *notebooks: Path,
    parameters: Annotated[Mapping[str, object] | None, Short("-p")] = None,
    sweep: Annotated[Mapping[str, object] | None, ONCE] = None,
    params: Path | None = None,
    jobs: int | None = None,
    engine: str = _LOCAL,
    best: str | None = None,
    output: Path | None = None,
    html: bool = False,
    require: Sequence[str] = (),
    baseline: Mapping[str, str] | None = None,
    junit: Path | None = None,
    markdown: Path | None = None,
    note: bool = False,
    against: str | None = None,
    push: str | None = None,
    timeout: float | None = None,
    total_timeout: float | None = None,
    retries: int = 0,
    resume: bool = False,
    keep_state: bool | None = None,
    experiment: str | None = None,
    verbose: bool = False,
    yes: Confirms = False,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Execution | Batch:
    """Run notebooks headless, as MLflow runs.

    Papermill executes a notebook in its own directory. The run holds the parameters, defaults and overrides alike; each
    tracked cell is a child run. A failing cell ends the run FAILED, with the cell's index, source and traceback on it,
    and the executed notebook is kept in every case.

    Several notebooks, a folder, a sweep or a parameter file make a batch: a parent run, and within it a notebook run
    for each combination. One that fails stops no other. Ctrl-C stops a batch and keeps what has run.

    A gate compares a metric with a bound: ``accuracy >= 0.9 and loss < 2 * champion.loss``. It reads the notebook's
    run, then its child runs; the last that logged the name counts, and ``fit.accuracy`` picks a run by its name. In
    the bound, the name before a dot is a baseline, a child run, the newest finished run of that name in the
    experiment, or an alias in the model registry. A name such as val/acc is written between backticks.

    Parameters
    ----------
    notebooks
        Paths of notebooks, or of folders: all notebooks below, but for those in hidden folders, in environments and
        where executed notebooks go.
    parameters
        A parameter, as name=value; the notebook's cell tagged "parameters" must declare it, and the value must fit its
        annotation, if it has one.
    sweep
        A parameter's values, one after the other, as name=a,b,c or a range, name=3..6 or name=0.1..0.5:0.1, its end
        included. Several sweeps make all combinations of their values.
    params
        A file of combinations: CSV with a line of names, or a list of objects in JSON or YAML. Each is combined with
        the sweeps.
    jobs
        How many notebooks at once [as many as there are cores].
    engine
        What executes a batch.
    best
        The metric that says which combination is best, where need be with :min or :max [of those that all have, the
        name of the fewest words].
    output
        Where the executed notebook goes, or the folder of those of a batch; else .mlops/executed/.
    html
        Also write it as one HTML file beside it.
    require
        A gate that the metrics must meet; of a batch, those of each notebook's best combination.
    baseline
        What a name in a gate means, as NAME=RUN: a run's id or name, models:/NAME@ALIAS, or models:/NAME/VERSION.
    junit
        A JUnit XML file to write, with a case for each cell and each gate.
    markdown
        A summary to write, with the notebook's diff; it is added to a file that is GITHUB_STEP_SUMMARY.
    note
        Write the summary on the pipeline's merge request, with the token in GITLAB_TOKEN or GITHUB_TOKEN.
    against
        The revision for the notebook's diff; else the target branch of the pipeline's merge request.
    push
        The Pushgateway that takes duration, success, gates and metrics; else that of the settings, if they name one.
    timeout
        Seconds a cell may take; else no limit.
    total_timeout
        Seconds the whole notebook may take; else no limit.
    retries
        How often a notebook that has failed is executed again, from its first cell, in a fresh kernel.
    resume
        Go on at the cell where an execution with the same parameters has failed, if the cells before are unchanged and
        their state could be kept; else start over, and say why. Of a batch, skip what has run to its end before in the
        experiment; when a cell of a notebook has been edited since, all its combinations run again.
    keep_state
        Keep the state before a cell that fails below .mlops/resume, for --resume: for 30 days, 5 GB at the most [on
        unless mlops.toml says otherwise].
    experiment
        The experiment; else the project's.
    verbose
        Say where the kernel came from: forked from a warm process, or why it was not.
    yes
        Do not ask before more than 1,000 combinations.
    reporter
        Where progress is told.

    Returns
    -------
    Execution or Batch
        The run, its children, and where the executed notebook lies; of a batch a row for each combination, and the
        best.

    Raises
    ------
    CheckFailed
        When a gate is not met.
    NotFound
        When there is no such notebook, no combination has the metric of ``best``, or a gate names a metric or a
        baseline that does not exist.
    ConfigurationError
        When a notebook or the parameter file cannot be read, is not valid, or its kernel is not installed.
    CommandError
        When a parameter is not declared by the notebook or does not fit its annotation, a sweep is empty, or a gate
        cannot be read.
    ConfirmationRequired
        When there are more than 1,000 combinations.
    ExecutionFailed
        When a cell raised, took longer than the limit, or lost its kernel; of a batch when all others have run.
    """
    wanted = Wanted(
        parameters=parameters or {},
        output=output,
        html=html,
        limits=Limits(timeout, total_timeout),
        retries=retries,
        experiment=experiment,
        resume=resume,
        keep_state=keep_state,
        verbose=verbose,
    )
    _check(notebooks, jobs)
    many = bool(sweep or params) or len(notebooks) > 1 or engine != _LOCAL or notebooks[0].expanduser().is_dir()
    current = settings.current()
    found = notebooks_of(notebooks, current.output, output) if many else Chosen((notebook_file(notebooks[0]),))
    paths = found.paths
    ranking.asked(best)
    if best is not None and not many:
        raise CommandError("--best is for several notebooks or combinations", "add --sweep NAME=a,b,c, or leave it out")
    elsewhere = (*found.notes, *_elsewhere(current, paths))
    reports = Reports(current, junit, markdown, against, note)
    reports.prepare(paths)
    pushed = PushedMetrics(current, push)
    required = gates.planned(current, require, baseline or {}, paths, experiment)
    if many:
        chosen = Choices(
            notebooks=notebooks,
            paths=paths,
            wanted=wanted,
            sweep=sweep or {},
            params=params,
            jobs=jobs,
            engine=engine,
            best=best,
            yes=yes,
        )
        return _batch(chosen, required, reports, pushed, reporter, elsewhere)
    return _single(paths[0], wanted, required, reports, pushed, reporter, elsewhere)


def _single(  # noqa: PLR0917 -- what a run takes
    path: Path,
    wanted: Wanted,
    required: Gates,
    reports: Reports,
    pushed: PushedMetrics,
    reporter: Reporter,
    notes: tuple[str, ...],
) -> Execution:
    execution, outcome = headless(path, wanted, reporter)
    execution = required.judge(execution)
    left = (*notes, *reports.write([execution], post=outcome.kind != "interrupted"))
    if outcome.kind != "interrupted":
        left = (*left, *pushed.push([execution]))
    execution = replace(execution, notes=(*execution.notes, *left))
    if outcome.kind == "done":
        gates.answer([execution], execution, reporter)
        return execution
    reporter.show(execution)
    if outcome.kind == "interrupted":
        raise KeyboardInterrupt
    marked = f"read {execution.output}, where the cell is marked"
    raise ExecutionFailed(path.name, outcome.cell, outcome.ename, outcome.evalue, marked)


def _elsewhere(current: settings.Settings, paths: Sequence[Path]) -> tuple[str, ...]:
    """Say which notebooks lie in another project than the one that keeps their runs, unless that was asked for."""
    if os.environ.get(settings.ROOT_VARIABLE):
        return ()
    folders: dict[Path, str] = {}
    for path in paths:
        folders.setdefault(path.parent, path.name)
    firsts: dict[Path, str] = {}
    for folder, name in folders.items():
        firsts.setdefault(settings.find_root(folder, {}), name)
    # A notebook may lie anywhere, where no project is.
    return tuple(
        f"{name} lies in the project {root}, and its run is kept in {current.root}: cd {root} to have it there"
        for root, name in firsts.items()
        if root != current.root and settings.is_project(root)
    )


def _check(notebooks: tuple[Path, ...], jobs: int | None) -> None:
    if not notebooks:
        raise CommandError("which notebook? none is named", "mlops run NOTEBOOK.ipynb")
    if jobs is not None and jobs < 1:
        raise CommandError(f"--jobs must be at least 1, not {jobs}", "leave it out for one a core")


def _batch(  # noqa: PLR0917 -- what a batch takes
    chosen: Choices,
    required: Gates,
    reports: Reports,
    pushed: PushedMetrics,
    reporter: Reporter,
    notes: tuple[str, ...],
) -> Batch:
    ran = batch(chosen, reporter)
    judged = {
        one.run.run_id: _of(required.judge(one), _what(required.current, row)) for row, one in ran.representatives()
    }
    executions = [judged.get(one.run.run_id, one) for one in ran.executions]
    left = (*notes, *reports.write(executions, post=not ran.batch.left))
    if not ran.batch.left:
        ran_now = [judged.get(one.run.run_id, one) for _, one in sorted(ran.executed.items())]
        left = (*left, *pushed.push(ran_now, {one.notebook: one for one in judged.values()}))
    found = replace(
        ran.batch, gates=tuple(gate for one in judged.values() for gate in one.gates), notes=(*ran.batch.notes, *left)
    )
    if found.left:
        reporter.show(found)
        raise KeyboardInterrupt
    failed = [row for row in found.rows if row.failed]
    if failed:
        reporter.show(found)
        first = failed[0]
        ename, _, evalue = (first.error or "").partition(": ")
        hint = f"{len(failed)} of {found.total} failed; --resume runs only those, or all once a cell is edited"
        raise ExecutionFailed(_what(required.current, first), first.cell, ename, evalue, hint)
    rank = ranking.asked(chosen.best)
    if rank is not None and found.best is None:
        reporter.show(found)
        ranking.must_have(found.rows, rank)
    gates.answer(list(judged.values()), found, reporter)
    return found


def _what(current: settings.Settings, row: BatchRow) -> str:
    """Name what a row is of."""
    combination = named(row.parameters)
    shown = project.shown_path(current, Path(row.notebook))
    return f"{shown} with {combination}" if combination else shown


def _of(execution: Execution, what: str) -> Execution:
    """Return an execution whose gates say what was judged."""
    return replace(execution, gates=tuple(replace(gate, of=what) for gate in execution.gates))
