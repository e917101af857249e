"""Whether a run that was executed once more came to the same."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..records import ReproducedMetric, ReproductionVerdict, Run, Section
from .comparison import Recorded, facts
from .tracking import ERROR_TAG

REPRODUCED_TAG, REPRODUCED_BY_TAG = "mlops.reproduced", "mlops.reproduced_by"

# Below this, two numbers are the same whatever their ratio.
_SMALLEST = 1e-12
# What a machine measures of itself is never the same twice.
_OF_MACHINE = ("system/",)
# What says by itself that the machine was measured, and what says so of a step of the work: `fit_time`, `seconds`.
_SURELY_TIMES = {"elapsed", "latency", "runtime", "throughput", "walltime"}
_TIMES = {"duration", "time"}
_UNITS = {"m", "min", "minutes", "ms", "s", "sec", "second", "seconds", "secs", "us"}
_LONG_UNITS = _UNITS - {"m", "min", "s"}
_STATISTICS = {"avg", "max", "mean", "median", "min", "p", "std", "total"}
_WORK = {
    "batch", "build", "call", "cell", "compute", "cpu", "epoch", "eval", "evaluation", "exec", "execution", "fit",
    "gpu", "inference", "iter", "iteration", "load", "loading", "predict", "prediction", "preprocess", "preprocessing",
    "process", "processing", "refit", "response", "run", "score", "scoring", "search", "step", "test", "train",
    "training", "tuning", "validation", "wall",
}  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DATA_FACTS = re.compile(r"\.(?:digest|rows|schema\..*)$")
_DIGEST = ".digest"


class Pair(NamedTuple):
    """A run and the one that is its reproduction; ``None`` when there is none."""

    before: Recorded
    after: Recorded | None


class Outcome(NamedTuple):
    """How runs compare with their reproductions."""

    verdict: ReproductionVerdict
    metrics: tuple[ReproducedMetric, ...]
    params: Section
    data: Section
    environment: Section
    notes: tuple[str, ...]


def counterpart(
    original: Run, siblings: Sequence[Run], again: Sequence[Run], cell_of: Callable[[Run], str | None]
) -> Run | None:
    """Find the run that is another one's reproduction: of its cell, else of its name, else of its source.

    Papermill sends no ids of cells, so that the name and the order among runs of that name mostly decide.

    Parameters
    ----------
    original
        The run.
    siblings
        The runs of the same headless execution, itself among them; empty when it was run by hand.
    again
        The runs of the reproduction, the oldest first.
    cell_of
        Returns the source of a run's tracked cell.
    """
    same = [run for run in again if run.name == original.name]
    if not same:
        source = cell_of(original)
        same = [run for run in again if source is not None and cell_of(run) == source]
    if not same:
        return None
    alike = [run.run_id for run in siblings if run.name == original.name]
    place = alike.index(original.run_id) if original.run_id in alike else len(same) - 1
    return same[place] if place < len(same) else None


def judge(pairs: Sequence[Pair], tolerance: float) -> Outcome:
    """Compare runs with their reproductions."""
    metrics: list[ReproducedMetric] = []
    notes: list[str] = []
    found: dict[str, list[Section]] = {"params": [], "data": [], "environment": []}
    failed = False
    for before, after in pairs:
        if after is None:
            notes.append(f"the notebook made no run like {before.run.name or before.run.run_id[:8]}")
            failed = True
            continue
        if _ending(before.run) != _ending(after.run):
            notes.append(f"{before.run.name} ended {_said(after.run)}; it had ended {_said(before.run)}")
            failed = True
        if before.datasets and not after.datasets:
            notes.append(f"{before.run.name} has logged no data this time, so it cannot be compared")
            failed = True
        metrics += _metrics(before.run, after.run, tolerance)
        for section in facts([before, after]):
            if section.name in found:
                found[section.name].append(_of(before.run, section) if len(pairs) > 1 else section)
    data = _merged("data", found["data"])
    data = replace(data, differences=tuple(one for one in data.differences if _DATA_FACTS.search(one.name)))
    changed = any(one.name.endswith(_DIGEST) for one in data.differences)
    differs = any(not one.same for one in metrics)
    # A run that failed alike has been compared by its error.
    compared = bool(metrics) or any(ERROR_TAG in before.run.tags for before, _ in pairs)
    verdict: ReproductionVerdict = (
        "data changed"
        if changed
        else "failed"
        if failed
        else "differs"
        if differs
        else "reproduced"
        if compared
        else "not compared"
    )
    if left_out := _left_out(pairs):
        notes.append(f"not compared, being times: {', '.join(left_out)}")
    if not metrics and not failed:
        notes.append("the run has no metrics to compare: it ended as it had ended, and that is all")
    environments = found["environment"]
    # The environment is that of all cells.
    environment = next((one for one in environments if not one.not_recorded), None)
    return Outcome(
        verdict,
        tuple(metrics),
        _merged("params", found["params"]),
        data,
        environment or Section("environment", not_recorded=tuple(one.before.run.run_id for one in pairs)),
        tuple(notes),
    )


def changed_data(data: Section) -> tuple[str, ...]:
    """Return the names of the data of which the content is another."""
    return tuple(one.name.removesuffix(_DIGEST) for one in data.differences if one.name.endswith(_DIGEST))


def same_number(before: float, after: float, tolerance: float) -> bool:
    """Compare two values of a metric; what is no number equals itself."""
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) and math.isnan(after)
    return math.isclose(before, after, rel_tol=tolerance, abs_tol=_SMALLEST)


def is_measured(metric: str) -> bool:
    """Whether a metric may say something of the model; not, where it surely is how long or on what a machine worked.

    By the end of its name: `fit_time_s` and `latency_p95` are times, `time_to_event_mae` and `latency_mae` errors of
    what a model predicts.
    """
    if metric.startswith(_OF_MACHINE):
        return False
    words = [word.lower() for word in _WORD.findall(metric)]
    if words[-2:-1] == ["per"] and words[-1] in _UNITS:
        return False
    units = []
    while words and words[-1] in _UNITS | _STATISTICS:
        units.append(words.pop())
    if not words or words[-1] in _SURELY_TIMES:
        return not (words or _LONG_UNITS.intersection(units))
    of_work = not words[:-1] or not _WORK.isdisjoint(words)
    return not (words[-1] in _TIMES and of_work) and not (words[-1] in _WORK and _LONG_UNITS.intersection(units))


def _left_out(pairs: Sequence[Pair]) -> list[str]:
    runs = [one.run for pair in pairs if pair.after is not None for one in (pair.before, pair.after)]
    names = {name for run in runs for name in run.metrics}
    # Of the machine itself there are dozens.
    return sorted(name for name in names if not is_measured(name) and not name.startswith(_OF_MACHINE))


def _metrics(before: Run, after: Run, tolerance: float) -> list[ReproducedMetric]:
    found = []
    for name in sorted(filter(is_measured, {*before.metrics, *after.metrics})):
        first, second = before.metrics.get(name), after.metrics.get(name)
        same = first is not None and second is not None and same_number(first, second, tolerance)
        found.append(ReproducedMetric(before.name, name, first, second, same))
    return found


def _ending(run: Run) -> tuple[str, str | None]:
    return run.status, run.tags.get(ERROR_TAG)


def _said(run: Run) -> str:
    error = run.tags.get(ERROR_TAG)
    return f"{run.status} ({error})" if error else run.status


def _of(run: Run, section: Section) -> Section:
    named = tuple(replace(one, name=f"{run.name}: {one.name}") for one in section.differences)
    return replace(section, differences=named)


def _merged(name: str, found: Sequence[Section]) -> Section:
    return Section(
        name,
        tuple(difference for one in found for difference in one.differences),
        sum(one.same for one in found),
        tuple(run_id for one in found for run_id in one.not_recorded),
    )
