"""Executing one notebook: what Papermill's engine does, and how it ended as a value."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine
from papermill.exceptions import PapermillExecutionError, strip_color
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from ...protocols import NotebookOutcome
from .cells import Cells, LostKernel
from .kept_cells import KeptCells
from .saving import Saving, written_whole


class Told(Protocol):
    """Told where the execution stands."""

    def __call__(self, *, cell: int, ended: bool) -> None:
        """Note that a cell begins, or has been executed."""


INJECTED = "injected-parameters"
NAME = "mlops-cells"


class CellEngine(NBClientEngine):  # type: ignore[misc]
    """Papermill's own engine, with our account of the notebook and our client; it knows nothing of runs."""

    @classmethod
    def execute_notebook(  # noqa: PLR0917 -- Papermill's signature
        cls,
        nb: nbformat.NotebookNode,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: bool | dict[str, Any] = True,  # noqa: FBT001, FBT002
        log_output: bool = False,  # noqa: FBT001, FBT002
        autosave_cell_every: int = 30,
        **options: Any,
    ) -> nbformat.NotebookNode:
        """Execute a notebook; Papermill calls it."""
        written_whole(output_path)
        manager = Saving(
            nb,
            output_path=output_path,
            progress_bar=progress_bar,
            log_output=log_output,
            autosave_cell_every=autosave_cell_every,
        )
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=log_output, **options)
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
        done: nbformat.NotebookNode = manager.nb
        return done

    @classmethod
    def execute_managed_notebook(  # noqa: PLR0917 -- Papermill's signature
        cls,
        nb_man: Saving,
        kernel_name: str,
        log_output: bool = False,  # noqa: FBT001, FBT002
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: float | None = None,
        *,
        total_timeout: float | None = None,
        environment: Mapping[str, str] | None = None,
        kept: KeptCells | None = None,
        came: Callable[[str, str], None] = lambda *_: None,
        **options: Any,
    ) -> None:
        """Execute the cells."""
        wanted = remove_args(["input_path", "timeout", "startup_timeout"], **options)
        client = Cells(
            nb_man,
            **merge_kwargs(
                wanted,
                timeout=execution_timeout or options.get("timeout"),
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=logger,
                log_output=log_output,
                stdout_file=stdout_file,
                stderr_file=stderr_file,
            ),
            environment=os.environ if environment is None else environment,
            deadline=None if total_timeout is None else time.monotonic() + total_timeout,
            total_s=total_timeout,
            kept=kept,
            came=came,
        )
        client.execute()


class Position:
    """Where the execution stands, in cells of the notebook as the user wrote it.

    Parameters
    ----------
    written
        How many cells that has.
    tell
        Told the place of each cell that begins or has ended, and which of the two it is.
    """

    def __init__(self, written: int, tell: Told) -> None:
        self._written = written
        self._tell = tell
        self._shift = 0
        self._injected = written
        self.cell: int | None = None
        self.source = ""
        self.kernel = self.note = ""

    @property
    def hooks(self) -> dict[str, Callable[..., None]]:
        """What nbclient is to call, by its own names, and what our client is."""
        return {
            "on_notebook_start": self.look,
            "on_cell_start": self.begin,
            "on_cell_executed": self.end,
            "came": self.come,
        }

    def place(self, index: int) -> int:
        """Turn an index in the executed notebook, which has Papermill's injected cell, into one of the user's."""
        return index - self._shift if index > self._injected else index

    def come(self, origin: str, note: str) -> None:
        """Note where the kernel came from, and what went wrong before."""
        self.kernel, self.note = origin, note

    # nbclient calls these three, and their parameters, by name.
    def look(self, notebook: nbformat.NotebookNode) -> None:
        """See where Papermill has put its own cell."""
        injected = [i for i, cell in enumerate(notebook.cells) if INJECTED in cell.metadata.get("tags", ())]
        self._shift = len(notebook.cells) - self._written
        self._injected = injected[0] if injected else len(notebook.cells)

    def begin(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        """Note that a cell begins."""
        self.cell, self.source = self.place(cell_index), cell.source
        self._tell(cell=self.cell, ended=False)

    def end(self, cell_index: int, **_: object) -> None:
        """Note that a cell has been executed."""
        self._tell(cell=self.place(cell_index), ended=True)


def outcome(at: Position, error: BaseException | None) -> NotebookOutcome:
    """Tell how a notebook ended by what was raised; anything that is none of its ends is raised again."""
    if error is None:
        return NotebookOutcome("done")
    if isinstance(error, PapermillExecutionError):
        return NotebookOutcome(
            "raised",
            at.place(error.cell_index),
            error.source,
            error.ename,
            strip_color(error.evalue),
            strip_color("\n".join(error.traceback)),
        )
    if isinstance(error, CellTimeoutError):
        return NotebookOutcome("timeout", at.cell, at.source, "CellTimeoutError", str(error))
    if isinstance(error, LostKernel):
        return NotebookOutcome("dead worker", at.cell, at.source, "DeadWorker", str(error))
    if isinstance(error, DeadKernelError):
        return NotebookOutcome("dead kernel", at.cell, at.source, "DeadKernelError", str(error))
    if isinstance(error, KeyboardInterrupt):
        return NotebookOutcome("interrupted", at.cell, at.source, "KeyboardInterrupt", "")
    raise error
