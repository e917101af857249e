"""``run``: a notebook, headless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from .. import settings
from ..errors import ExecutionFailed
from ..protocols import Reporter, Short, Silent
from ..records import Execution
from . import gates
from .arguments import notebook_file
from .headless import headless
from .reports import Reports


def run(
    notebook: Path,
    *,
    parameters: Annotated[Mapping[str, object] | None, Short("-p")] = None,
    output: Path | None = None,
    html: bool = False,
    require: Sequence[str] = (),
    baseline: Mapping[str, str] | None = None,
    junit: Path | None = None,
    markdown: Path | None = None,
    note: bool = False,
    against: str | None = None,
    timeout: int | None = None,
    experiment: str | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Execution:
    """Run a notebook headless, as an MLflow run.

    Papermill executes it in the notebook's own directory. The run holds the parameters, defaults and overrides
    alike; each tracked cell is a child run. A failing cell ends the run FAILED, with the cell's index, source
    and traceback on it, and the executed notebook is kept in every case.

    A gate compares a metric with a bound: ``accuracy >= 0.9 and loss < 2 * champion.loss``. It reads the notebook's
    run, then its child runs; the last that logged the name counts, and ``fit.accuracy`` picks a run by its name. In
    the bound, the name before a dot is a baseline, a child run, the newest finished run of that name in the
    experiment, or an alias in the model registry. A name such as val/acc is written between backticks.

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
    require
        A gate that the metrics must meet.
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
    CheckFailed
        When a gate is not met.
    NotFound
        When there is no such notebook, or a gate names a metric or a baseline that does not exist.
    ConfigurationError
        When the notebook cannot be read, is not valid, or its kernel is not installed.
    CommandError
        When a parameter is not declared by the notebook, or a gate cannot be read.
    ExecutionFailed
        When a cell raised, took longer than the limit, or lost its kernel.
    """
    current = settings.current()
    path = notebook_file(notebook)
    reports = Reports(current, junit, markdown, against, note)
    reports.prepare([path])
    required = gates.planned(current, require, baseline or {}, [path], experiment)
    execution, outcome = headless(
        path,
        parameters=parameters or {},
        output=output,
        html=html,
        timeout=timeout,
        experiment=experiment,
        reporter=reporter,
    )
    execution = required.judge(execution)
    left = reports.write([execution], post=outcome.kind != "interrupted")
    execution = replace(execution, notes=(*execution.notes, *left))
    if outcome.kind == "done":
        gates.answer([execution], execution, reporter)
        return execution
    reporter.show(execution)
    if outcome.kind == "interrupted":
        raise KeyboardInterrupt
    marked = f"read {execution.output}, where the cell is marked"
    raise ExecutionFailed(str(notebook), outcome.cell, outcome.ename, outcome.evalue, marked)
