"""Engines for batches that are none of ours: what a stranger's would look like."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mlops_jupyter.errors import MlopsError, ServiceError
from mlops_jupyter.protocols import CellProgress, NotebookOutcome, NotebookRunner, NotebookTask


class OneByOne:
    """Executes one notebook after the other, in the caller's thread."""

    def __init__(self, runner: NotebookRunner) -> None:
        self._runner = runner

    def execute(
        self,
        tasks: Iterator[NotebookTask],
        *,
        at_once: int,
        on_progress: Callable[[str, CellProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[tuple[str, NotebookOutcome]]:
        while not cancelled() and (task := next(tasks, None)) is not None:
            yield task.key, self._outcome(task, on_progress, cancelled)

    def _outcome(
        self,
        task: NotebookTask,
        on_progress: Callable[[str, CellProgress], None],
        cancelled: Callable[[], bool],
    ) -> NotebookOutcome:
        for _ in range(3):
            try:
                with self._runner.load(task.notebook) as loaded:

                    def tell(at: CellProgress) -> None:
                        on_progress(task.key, at)
                        if cancelled():
                            loaded.interrupt()

                    return loaded.execute(
                        task.output,
                        parameters=task.parameters,
                        environment=task.environment,
                        limits=task.limits,
                        kept=task.kept,
                        on_progress=tell,
                    )
            except ServiceError as error:
                lost = error
            except MlopsError as error:
                return NotebookOutcome("raised", ename=type(error).__name__, evalue=error.message)
        return NotebookOutcome("dead worker", ename="DeadWorker", evalue=lost.message)


class AtOnce:
    """Executes nothing: all is done as soon as it is drawn."""

    def __init__(self, runner: NotebookRunner) -> None:
        pass

    def execute(
        self,
        tasks: Iterator[NotebookTask],
        *,
        at_once: int,
        on_progress: Callable[[str, CellProgress], None],
        cancelled: Callable[[], bool],
    ) -> Iterator[tuple[str, NotebookOutcome]]:
        for task in tasks:
            if cancelled():
                yield task.key, NotebookOutcome("interrupted")
                return
            yield task.key, NotebookOutcome("done")
