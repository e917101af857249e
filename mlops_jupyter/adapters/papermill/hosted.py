"""Executing a notebook that Papermill, in the user's own process, has read and parametrised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nbformat
from papermill.exceptions import strip_color
from papermill.utils import nb_kernel_name, nb_language

from ...protocols import NotebookOutcome
from ...records import Parameter
from .engine import INJECTED, CellEngine, Position, outcome
from .reading import declared


class PapermillCells:
    """One notebook of Papermill's, executed by our engine.

    Parameters
    ----------
    notebook
        The notebook as Papermill has prepared it.

    Attributes
    ----------
    raised
        What ended the notebook, for Papermill to hear of; ``None`` where it finds that in the notebook itself.
    """

    def __init__(self, notebook: nbformat.NotebookNode) -> None:
        self._notebook = notebook
        self.raised: BaseException | None = None

    @property
    def declared(self) -> tuple[Parameter, ...]:
        """The parameters that the notebook declares."""
        return tuple(Parameter(**one) for one in declared(self._notebook) or ())  # type: ignore[arg-type]

    @property
    def given(self) -> Mapping[str, object]:
        """What was given to them."""
        given: Mapping[str, object] = self._notebook.metadata.papermill.get("parameters", {})
        return given

    @property
    def written(self) -> int:
        """How many cells it has but for the one that Papermill has put in."""
        return sum(INJECTED not in cell.metadata.get("tags", ()) for cell in self._notebook.cells)

    def kernel_name(self, name: str | None) -> str:
        """Return the kernel that the notebook names, or the one that is asked for."""
        return str(nb_kernel_name(self._notebook, name))

    def language(self, name: str | None) -> str:
        """Return the language that the notebook names, or the one that is asked for."""
        return str(nb_language(self._notebook, name))

    def execute(
        self, kernel_name: str, environment: Mapping[str, str], written: int, options: Mapping[str, Any]
    ) -> NotebookOutcome:
        """Execute the cells, and tell how that ended.

        Parameters
        ----------
        kernel_name
            The kernel.
        environment
            Its complete environment.
        written
            How many cells the notebook has as the user wrote it.
        options
            What else Papermill has to say to an engine.
        """
        at = Position(written, lambda **_: None)
        try:
            told: dict[str, Any] = {**options, **at.hooks, "environment": environment}
            CellEngine.execute_notebook(self._notebook, kernel_name, **told)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 -- told as a value, and raised by the caller
            self.raised = error
            return outcome(at, error)
        return self._error(at) or NotebookOutcome("done")

    def _error(self, at: Position) -> NotebookOutcome | None:
        for index, cell in enumerate(self._notebook.cells):
            if not cell.metadata.papermill.get("exception"):
                continue
            errors = [one for one in cell.get("outputs", ()) if one.output_type == "error"]
            if errors:
                said = errors[-1]
                traceback = strip_color("\n".join(said.traceback))
                return NotebookOutcome(
                    "raised", at.place(index), cell.source, said.ename, strip_color(said.evalue), traceback
                )
            return NotebookOutcome("raised", at.place(index), cell.source, "CellExecutionError", "", "")
        return None
