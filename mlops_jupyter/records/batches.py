"""Many notebooks, or one with many parameters, run headless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .executions import GateResult
from .runs import Run, RunStatus

RowStatus = RunStatus | Literal["SKIPPED"]


@dataclass(frozen=True)
class BatchRow:
    """One notebook with one combination of parameters.

    Attributes
    ----------
    name
        The combination in words, or the notebook's name where it has none.
    notebook
        The notebook's absolute path.
    parameters
        What was set; the defaults of the others are on the run.
    status
        As of its run; ``SKIPPED`` when an earlier run has done it.
    run_id
        Its run, or the earlier one.
    duration_s
        How long it took, ``None`` as long as it runs.
    metrics
        Of each metric the last value, of its own run and the runs within it.
    output
        The executed notebook; ``None`` where it was skipped.
    cell
        The cell that runs, or that ended it; counted from 0.
    error
        What ended it, in a line; ``None`` where the user did.
    """

    name: str
    notebook: str
    parameters: Mapping[str, object]
    status: RowStatus
    run_id: str
    duration_s: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    output: str | None = None
    cell: int | None = None
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended before its end by itself; a kernel that died leaves its run KILLED."""
        return self.status in {"FAILED", "KILLED"} and self.error is not None


@dataclass(frozen=True)
class Batch:
    """Notebooks run headless, each with each combination of parameters.

    Attributes
    ----------
    notebooks
        Their absolute paths.
    jobs, engine
        How many at once, and by what.
    run
        The parent run; each row's run is its child.
    total
        How many combinations there are; ``rows`` are fewer when it was stopped.
    rows
        Those that were begun or skipped, in the order of the combinations.
    metric, direction
        What rows are ranked by; ``None`` where there is nothing to rank.
    best
        The row that is best by it.
    notes
        Sentences the user should read.
    gates
        What was required, judged: of each notebook by its best combination.
    """

    notebooks: tuple[str, ...]
    jobs: int
    engine: str
    run: Run
    total: int
    rows: tuple[BatchRow, ...] = ()
    metric: str | None = None
    direction: Literal["lower", "higher"] | None = None
    best: BatchRow | None = None
    notes: tuple[str, ...] = ()
    gates: tuple[GateResult, ...] = ()

    @property
    def done(self) -> int:
        """How many ran to their end."""
        return sum(row.status == "FINISHED" for row in self.rows)

    @property
    def skipped(self) -> int:
        """How many were done before."""
        return sum(row.status == "SKIPPED" for row in self.rows)

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(row.failed for row in self.rows)

    @property
    def left(self) -> int:
        """How many have not ended by themselves; of a batch that has ended, those that the user stopped."""
        return self.total - self.done - self.skipped - self.failed
