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
_TIMES = {"duration", "elapsed", "latency", "runtime", "seconds", "throughput", "time", "walltime"}
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
    verdict: ReproductionVerdict = (
        "data changed" if changed else "failed" if failed else "differs" if differs else "reproduced"
    )
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
    """Whether a metric says something of the model, and not how long or on what the machine worked."""
    words = {word.lower() for word in _WORD.findall(metric)}
    return not metric.startswith(_OF_MACHINE) and not words & _TIMES


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
