"""``run``: a notebook, headless."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from ..errors import ExecutionFailed
from ..protocols import Limits, Reporter, Short, Silent
from ..records import Execution
from .arguments import notebook_file
from .headless import Wanted, headless


def run(
    notebook: Path,
    *,
    parameters: Annotated[Mapping[str, object] | None, Short("-p")] = None,
    output: Path | None = None,
    html: bool = False,
    timeout: float | None = None,
    total_timeout: float | None = None,
    retries: int = 0,
    resume: bool = False,
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
    total_timeout
        Seconds the whole notebook may take; else no limit.
    retries
        How often a notebook that has failed is executed again, from its first cell, in a fresh kernel.
    resume
        Go on at the cell where an execution with the same parameters has failed, if the cells before are unchanged and
        their state could be kept; else start over, and say why.
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
    ExecutionFailed
        When a cell raised, took longer than the limit, or lost its kernel.
    """
    wanted = Wanted(
        parameters=parameters or {},
        output=output,
        html=html,
        limits=Limits(timeout, total_timeout),
        retries=retries,
        resume=resume,
        experiment=experiment,
    )
    execution, outcome = headless(notebook_file(notebook), wanted, reporter)
    if outcome.kind == "done":
        return execution
    reporter.show(execution)
    if outcome.kind == "interrupted":
        raise KeyboardInterrupt
    marked = f"read {execution.output}, where the cell is marked"
    raise ExecutionFailed(str(notebook), outcome.cell, outcome.ename, outcome.evalue, marked)
