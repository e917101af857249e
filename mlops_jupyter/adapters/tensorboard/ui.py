"""TensorBoard's pages over a folder of event files, behind a ticket."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

# Without it there are no pages, which is to be said before a process is started for them.
from tensorboard import program as _program  # noqa: F401

from ...capabilities.served_pages import PagesProgram, open_pages
from ...protocols import ServedPage

_APP = "mlops_jupyter.adapters.tensorboard.app"


class TensorBoardUi:
    """Starts TensorBoard's pages, or finds those that are running."""

    def open(self, source: str, state: Path, waiting: Callable[[float, float], None]) -> ServedPage:
        """Return a page over a log directory, which is made at need; see `open_pages`."""
        Path(source).mkdir(parents=True, exist_ok=True)

        def words(port: int) -> list[str]:
            # Safe path: a file of the project that is called like a module is not imported here.
            return [sys.executable, "-P", "-m", _APP, source, str(port)]

        return open_pages(
            PagesProgram("TensorBoard", "tensorboard", words, {}, "/data/environment"), source, state, waiting
        )
