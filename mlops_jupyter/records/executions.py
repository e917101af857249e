"""Notebooks run headless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .comparisons import Section
from .runs import Run


@dataclass(frozen=True)
class Parameter:
    """One name in a notebook's cell tagged ``parameters``; its type is an annotation's, else that of the default.

    ``default`` is the value of a literal, and the source itself of what is none.
    """

    name: str
    default: object
    type: str
    help: str = ""
    annotated: bool = False
    source: str = ""


@dataclass(frozen=True)
class CellFailure:
    """Which cell ended a headless run, and how."""

    cell: int | None
    source: str
    ename: str
    evalue: str
    traceback: str


GateVerdict = Literal["met", "not met", "no such metric", "not judged"]


@dataclass(frozen=True)
class GateResult:
    """One comparison of a gate, judged.

    Attributes
    ----------
    text
        The comparison as the user wrote it: ``accuracy >= 0.9``.
    verdict
        A metric that no run has is no answer, and neither is a gate of a notebook that failed.
    value, bound
        The metric, and what it was compared with; ``None`` where there is none, NaN where it is no number.
    run, run_id
        The run that logged the metric.
    detail
        The answer in words, with what the bound was made of.
    of
        Of a batch, the notebook and the combination that was judged; else empty.
    """

    text: str
    verdict: GateVerdict
    value: float | None = None
    bound: float | None = None
    run: str = ""
    run_id: str = ""
    detail: str = ""
    of: str = ""

    @property
    def passed(self) -> bool:
        """Whether the metric is what it must be."""
        return self.verdict == "met"


@dataclass(frozen=True)
class Execution:
    """A notebook run headless.

    Attributes
    ----------
    notebook, output, html
        Absolute paths; ``html`` only when asked for.
    cells
        How many cells the notebook has.
    run
        The notebook's own run; tracked cells are its children.
    children
        The runs of the tracked cells, oldest first.
    failure
        ``None`` when every cell ran.
    gates
        What was required of its metrics, and whether they are so.
    notes
        Sentences the user should read.
    """

    notebook: str
    output: str
    html: str | None
    cells: int
    parameters: Mapping[str, object]
    run: Run
    children: tuple[Run, ...] = ()
    failure: CellFailure | None = None
    gates: tuple[GateResult, ...] = ()
    notes: tuple[str, ...] = ()


ReproductionVerdict = Literal["reproduced", "differs", "data changed", "failed", "not compared"]


@dataclass(frozen=True)
class ReproducedMetric:
    """A metric's last value in a run and in its reproduction, ``None`` where it has none."""

    run: str
    name: str
    before: float | None
    after: float | None
    same: bool


@dataclass(frozen=True)
class Reproduction:
    """A run's snapshot, executed once more, and how what came out compares.

    Attributes
    ----------
    run
        The run that was to be reproduced.
    verdict
        Whether all metrics are the same; data that is another comes before metrics that differ. ``not compared``
        where there was nothing that could be.
    metrics
        The metrics that were compared, of the run and of the runs within it.
    params, data, environment
        What differs in them; of data its digest, size and schema.
    snapshot
        The full hash of the commit that was executed, or ``artifact`` where the run itself keeps the notebook.
    execution
        The notebook as it was executed now, and its runs.
    tolerance
        How far a metric may be off, relative to the larger one.
    folder
        Where it was executed, when that was kept.
    notes
        Sentences the user should read.
    """

    run: Run
    verdict: ReproductionVerdict
    metrics: tuple[ReproducedMetric, ...]
    params: Section
    data: Section
    environment: Section
    snapshot: str
    execution: Execution
    tolerance: float
    folder: str | None = None
    notes: tuple[str, ...] = ()
