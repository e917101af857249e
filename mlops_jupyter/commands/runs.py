"""``runs``: a table of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated

from .. import settings
from ..capabilities.run_pages import PAGE, PagedRuns
from ..capabilities.run_query import columns, order_clause
from ..errors import CommandError, NotFound, Unavailable
from ..protocols import Short, Tracking
from ..records import MetricPoint, Run, RunTable
from . import project

# With MLflow's import before it, an answer or an error within 5 seconds.
_REACH_TIMEOUT_S = 2.5
# Of so many runs and metrics, so many points each, curves are drawn.
_CURVED_RUNS, _CURVED_METRICS, _CURVE = 20, 3, 24


def runs(
    query: str = "",
    *,
    sort: str | None = None,
    limit: Annotated[int, Short("-n")] = 20,
    page: str | None = None,
    experiment: str | None = None,
    all_experiments: bool = False,
) -> RunTable:
    """List runs, newest first.

    Parameters
    ----------
    query
        A filter in MLflow's search syntax, for instance "metrics.accuracy > 0.9 and params.depth = '3'".
    sort
        A metric's name, or params.NAME, start_time and so on, with "asc" or "desc" [highest first].
    limit
        How many runs at the most.
    page
        Go on after an earlier table with the same query and order: its next_page, as --json shows it.
    experiment
        The experiment to look in; else the project's.
    all_experiments
        Look in every experiment of the store.

    Returns
    -------
    RunTable
        The runs in order; iterate it, index it, or call ``.to_pandas()``. Above 2,000 runs it reads them page by page
        as it is iterated.

    Raises
    ------
    CommandError
        When the query, the order or the page cannot be read.
    NotFound
        When the experiment named does not exist.
    Unavailable
        When the store does not answer.
    """
    if limit < 1:
        raise CommandError(f"--limit must be at least 1, not {limit}", "mlops runs --limit 20")
    current = settings.current()
    store = project.tracking(current, writes=False)
    try:
        store.reach(_REACH_TIMEOUT_S)
    except Unavailable as away:
        if current.journal.is_dir() and project.journals(current).waiting():
            # Runs that were tracked while it is away are in the project's own file.
            away.hint = settings.command_for(settings.embedded_uri(current.root))
        raise
    notes = project.flush(current, answers=True)
    where = None if all_experiments else experiment or project.experiment(current, store)
    order = order_clause(sort)
    try:
        table = _found(store, partial(store.find_runs, where, query, order), limit, page)
    except NotFound:
        # The project's own experiment comes to life with its first run.
        if experiment is not None:
            raise
        table = RunTable((), where or "(all)", query, order, store.shown_uri)
    shown = table.runs[:PAGE]
    if sort is not None and shown and not any(_has(run, order) for run in shown):
        notes += (f"no run shown has {sort}, so the order is MLflow's own",)
    if (old := settings.old_file_store(current.root, Path.cwd())) is not None:
        notes += (settings.explain_old_store(old, current),)
    return replace(table, notes=notes)


def _found(store: Tracking, find: Callable[[int, str | None], RunTable], limit: int, page: str | None) -> RunTable:
    """Search, and read what is more than one page of the store's only when somebody wants it."""
    table = find(min(limit, PAGE), page)
    curved = table.runs[:_CURVED_RUNS]
    table = replace(table, histories=cache(partial(_histories, store, curved, table.query, table.sort)))
    if table.next_page is None or limit <= PAGE:
        return table
    return replace(table, runs=PagedRuns(table, partial(find, PAGE), limit), next_page=None)


def _histories(
    store: Tracking, runs: Sequence[Run], query: str, order: str
) -> dict[str, dict[str, tuple[MetricPoint, ...]]]:
    found: dict[str, dict[str, tuple[MetricPoint, ...]]] = {run.run_id: {} for run in runs}
    for metric in columns(runs, query, order)[0][:_CURVED_METRICS]:
        having = [run.run_id for run in runs if metric in run.metrics]
        for run_id, points in store.histories(having, metric, _CURVE).items():
            found[run_id][metric] = points
    return found


def _has(run: Run, order: str) -> bool:
    kind, _, name = order.rpartition(" ")[0].partition(".")
    values = {"metrics": run.metrics, "params": run.params, "tags": run.tags}.get(kind)
    return values is None or name.strip("`") in values
