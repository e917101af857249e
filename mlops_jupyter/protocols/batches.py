"""What executes many notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from .notebooks import CellProgress, Limits, NotebookOutcome, Resumable


class NotebookTask(NamedTuple):
    """One notebook to execute.

    Attributes
    ----------
    key
        Names the task among its like.
    notebook
        The notebook's absolute path.
    output
        Where the executed notebook goes.
    parameters
        What its parameters are set to.
    environment
        Variables of its kernel; ``None`` takes one away.
    limits
        How long it may take.
    retries
        How often it is executed again when it fails.
    kept
        Where it leaves its state when it fails.
    """

    key: str
    notebook: Path
    output: Path
    parameters: Mapping[str, object]
    environment: Mapping[str, str | None]
    limits: Limits = Limits()
    retries: int = 0
    kept: Resumable | None = None


class BatchEngine(Protocol):
    """Executes notebooks, several at once. An engine is made with the runner that reads and executes one."""

    def execute(
        self,
        tasks: Iterator[NotebookTask],
        *,
        at_once: int,
        on_progress: Callable[[str, CellProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[tuple[str, NotebookOutcome]]:
        """Execute all tasks; yield of each its key and how it ended, in the order of their ends.

        A task is drawn from the iterator when there is room for it, not earlier: with the draw its run begins. Each
        that is drawn has exactly one outcome. A notebook that fails stops no other: one that cannot even begin ends
        ``raised``, without a cell, and one whose process was killed is executed again before it ends ``dead worker``.
        One that fails is executed again as often as its task allows. Once ``cancelled`` says so nothing more is
        drawn, and what runs ends ``interrupted``. So it does when the iterator is closed early; no process is left
        then. Tasks are drawn, and both functions called, in the thread that iterates.

        Parameters
        ----------
        tasks
            The notebooks.
        at_once
            How many are executed at the same time, at the most.
        on_progress
            Told of each cell's start and end.
        cancelled
            Asked now and then.
        """
