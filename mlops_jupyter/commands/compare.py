"""``compare``: runs side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .. import settings
from ..capabilities import comparison
from ..capabilities.run_names import find_run
from ..capabilities.run_snapshot import NOTEBOOK_ARTIFACT
from ..errors import CommandError, NotFound, Unavailable
from ..protocols import Names, Object, Tracking
from ..records import Comparison, MetricComparison, MetricPoint, Run
from . import project
from .arguments import names
from .diff import aligner

_REACH_TIMEOUT_S = 2.5
_FEWEST, _MOST = 2, 20
# Of so many metrics, so many points of each run, curves are drawn.
_CURVES, _CURVE = 12, 200


def compare(*runs: Object, lower: Names = (), higher: Names = ()) -> Comparison:
    """Put runs side by side: what differs between them, and which is better.

    Compared are params, data, the environment, the tracked cell, the cells that had run before, tags such as the git
    commit, and the notebook, cell by cell. What is the same in all runs is only counted.

    Parameters
    ----------
    runs
        Two runs or more: ids or their beginnings, names that only one run has, in Python also runs themselves.
    lower
        Metrics of which less is better, where their names do not say so.
    higher
        Metrics of which more is better, where their names say the opposite.

    Returns
    -------
    Comparison
        The runs, their metrics, and one section for each kind of things compared.

    Raises
    ------
    CommandError
        When fewer than two runs are named, or a metric that none of them has.
    NotFound
        When a run does not exist.
    Conflict
        When a name or the beginning of an id fits several runs.
    Unavailable
        When the store does not answer.
    """
    if not _FEWEST <= len(runs) <= _MOST:
        raise CommandError(
            f"compare needs {_FEWEST} to {_MOST} runs, not {len(runs)}", "mlops runs lists them: mlops compare RUN RUN"
        )
    current = settings.current()
    store = project.tracking(current, writes=False)
    store.reach(_REACH_TIMEOUT_S)
    notes = project.flush(current, answers=True)
    experiment = project.experiment(current, store)
    found = [meant(store, one, experiment, notes) for one in runs]
    if len({run.run_id for run in found}) < len(found):
        raise CommandError("the same run is named twice", "mlops runs lists them: mlops compare RUN RUN")
    lower, higher = names(lower), names(higher)
    _check_metrics(found, lower, higher)
    metrics = comparison.metrics(found, lower, higher)
    recorded = [_recorded(store, run) for run in found]
    return Comparison(_with_histories(store, found, metrics), metrics, comparison.sections(recorded, aligner()), notes)


def meant(store: Tracking, one: object, experiment: str, left: Sequence[str]) -> Run:
    """Return the run that an argument means: a run, its id, the beginning of that, or its name.

    Raises
    ------
    NotFound
        When there is no such run.
    Unavailable
        When there is none, and ``left`` says that runs are on their way to the store still.
    """
    try:
        if not isinstance(one, Run):
            return find_run(store, str(one), experiment)
        if not one.run_id:
            raise CommandError(f"{one.name or 'a run'} was not tracked, so nothing of it is stored", "mlops runs")
        return store.get_run(one.run_id)
    except NotFound as error:
        if not left:
            raise
        raise Unavailable("MLflow", f"{error.message}; {left[0]}", "mlops doctor --ship") from error


def _check_metrics(runs: Iterable[Run], lower: Sequence[str], higher: Sequence[str]) -> None:
    known = {name for run in runs for name in run.metrics}
    for name in (*lower, *higher):
        if name not in known:
            listed = ", ".join(sorted(known)[:10])
            raise CommandError(f"none of the runs has a metric {name}", f"they have: {listed}" if known else None)
    if both := set(lower) & set(higher):
        raise CommandError(f"{min(both)} cannot be better both lower and higher", "give it to one of the options")


def _recorded(store: Tracking, run: Run) -> comparison.Recorded:
    notebook = store.read_text(run.run_id, NOTEBOOK_ARTIFACT)
    return comparison.Recorded(
        run,
        datasets=store.datasets(run.run_id),
        environment=store.read_text(run.run_id, comparison.ENVIRONMENT),
        cell=store.read_text(run.run_id, comparison.CELL),
        cells=store.read_text(run.run_id, comparison.CELLS),
        notebook=None if notebook is None else notebook.encode(),
    )


def _with_histories(store: Tracking, runs: Sequence[Run], metrics: Sequence[MetricComparison]) -> tuple[Run, ...]:
    """Read the curves of the first metrics that have any."""
    found: dict[str, dict[str, tuple[MetricPoint, ...]]] = {run.run_id: {} for run in runs}
    for metric in metrics[:_CURVES]:
        having = [run.run_id for run in runs if metric.name in run.metrics]
        for run_id, points in store.histories(having, metric.name, _CURVE).items():
            found[run_id][metric.name] = points
    return tuple(replace(run, history=found[run.run_id]) for run in runs)
