"""``run``: notebooks, headless."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from ..capabilities import ranking
from ..capabilities.sweeping import named
from ..errors import CommandError, ExecutionFailed
from ..protocols import ONCE, Confirms, Reporter, Short, Silent
from ..records import Batch, Execution
from .arguments import notebook_file
from .batch import Choices, batch
from .headless import headless

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
    resume: bool = False,
    timeout: int | None = None,
    experiment: str | None = None,
    yes: Confirms = False,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Execution | Batch:
    """Run notebooks headless, as MLflow runs.

    Papermill executes a notebook in its own directory. The run holds the parameters, defaults and overrides alike; each
    tracked cell is a child run. A failing cell ends the run FAILED, with the cell's index, source and traceback on it,
    and the executed notebook is kept in every case.

    Several notebooks, a folder, a sweep or a parameter file make a batch: a parent run, and within it a notebook run
    for each combination. One that fails stops no other. Ctrl-C stops a batch and keeps what has run.

    Parameters
    ----------
    notebooks
        Paths of notebooks, or of folders: all notebooks below, hidden folders left out.
    parameters
        A parameter, as name=value; the notebook's cell tagged "parameters" must declare it.
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
        The metric that says which combination is best, where need be with :min or :max [the first, by name, that all
        have].
    output
        Where the executed notebook goes, or the folder of those of a batch; else .mlops/executed/.
    html
        Also write it as one HTML file beside it.
    resume
        Of a batch, skip what has run to its end before: the same notebook with the same parameters.
    timeout
        Seconds a cell may take; else no limit.
    experiment
        The experiment; else the project's.
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
    NotFound
        When there is no such notebook, or no combination has the metric of ``best``.
    ConfigurationError
        When a notebook or the parameter file cannot be read, is not valid, or its kernel is not installed.
    CommandError
        When a parameter is not declared by the notebook, or a sweep is empty.
    ConfirmationRequired
        When there are more than 1,000 combinations.
    ExecutionFailed
        When a cell raised, took longer than the limit, or lost its kernel; of a batch when all others have run.
    """
    _check(notebooks, jobs, timeout)
    if sweep or params or len(notebooks) > 1 or engine != _LOCAL or notebooks[0].expanduser().is_dir():
        chosen = Choices(
            notebooks=notebooks,
            parameters=parameters or {},
            sweep=sweep or {},
            params=params,
            jobs=jobs,
            engine=engine,
            best=best,
            output=output,
            html=html,
            resume=resume,
            timeout=timeout,
            experiment=experiment,
            yes=yes,
        )
        return _batch(chosen, reporter)
    (notebook,) = notebooks
    execution, outcome = headless(
        notebook_file(notebook),
        parameters=parameters or {},
        output=output,
        html=html,
        timeout=timeout,
        experiment=experiment,
        reporter=reporter,
    )
    if outcome.kind == "done":
        return execution
    reporter.show(execution)
    if outcome.kind == "interrupted":
        raise KeyboardInterrupt
    marked = f"read {execution.output}, where the cell is marked"
    raise ExecutionFailed(str(notebook), outcome.cell, outcome.ename, outcome.evalue, marked)


def _check(notebooks: tuple[Path, ...], jobs: int | None, timeout: int | None) -> None:
    if not notebooks:
        raise CommandError("which notebook? none is named", "mlops run NOTEBOOK.ipynb")
    if jobs is not None and jobs < 1:
        raise CommandError(f"--jobs must be at least 1, not {jobs}", "leave it out for one a core")
    if timeout is not None and timeout <= 0:
        raise CommandError(f"--timeout must be more than 0 seconds, not {timeout}", "leave it out for no limit")


def _batch(chosen: Choices, reporter: Reporter) -> Batch:
    found = batch(chosen, reporter)
    if found.left:
        reporter.show(found)
        raise KeyboardInterrupt
    failed = [row for row in found.rows if row.failed]
    if failed:
        reporter.show(found)
        first = failed[0]
        combination = named(first.parameters)
        what = Path(first.notebook).name + (f" with {combination}" if combination else "")
        ename, _, evalue = (first.error or "").partition(": ")
        hint = f"{len(failed)} of {found.total} failed; when it is mended, --resume runs only those"
        raise ExecutionFailed(what, first.cell, ename, evalue, hint)
    rank = ranking.asked(chosen.best)
    if rank is not None and found.best is None:
        reporter.show(found)
        ranking.must_have(found.rows, rank)
    return found
