"""The face towards Papermill: ``papermill --engine mlops`` makes a notebook a run, as ``mlops run`` does.

Papermill loads every engine that is installed whenever it starts, so what this one needs waits for the first notebook.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from .. import registry

if TYPE_CHECKING:
    from ..protocols import NotebookEngine


class MlopsEngine:
    """An engine as Papermill calls it; it need not be of Papermill's own class."""

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Return the kernel of a notebook."""
        return _engine(nb).kernel_name(name)

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Return the language of a notebook."""
        return _engine(nb).language(language)

    @classmethod
    def execute_notebook(
        cls, nb: Any, kernel_name: str, output_path: str | None = None, input_path: str | None = None, **options: Any
    ) -> Any:
        """Execute a notebook as an MLflow run, and return it as it was executed.

        What ends it is raised as Papermill's own engine raises it; a kernel that died says by what, and how much
        memory it had used.
        """
        # Papermill imports this module whenever it starts.
        from ..commands.hosted import hosted  # noqa: PLC0415

        engine = _engine(nb)
        execution = hosted(engine, kernel_name, input_path, output_path, options)
        logger = logging.getLogger("papermill")
        logger.info("MLflow run: %s %s", execution.run.name, execution.run.run_id)
        for note in execution.notes:
            logger.warning("%s", note)
        if engine.raised is not None:
            raise engine.raised
        return nb


def _engine(nb: Any) -> NotebookEngine:
    return cast("NotebookEngine", registry.load("notebook_engine", "papermill")(nb))
