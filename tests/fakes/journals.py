"""Journals of processes that are not the test's own: only those can be asked whether they live."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_jupyter.capabilities.journal import RunFolder, RunFolders, RunJournal, ShipperLink
from mlops_jupyter.records import RunStart

STARTED_MS = 1_760_000_000_000


def start(store: str = "sqlite:////store.db", **changes: Any) -> RunStart:
    known: dict[str, Any] = {
        "run_id": uuid.uuid4().hex,
        "experiment": "churn",
        "experiment_id": None,
        "name": "first",
        "started_ms": STARTED_MS,
        "tags": {"mlflow.user": "ana"},
        "store": store,
    }
    return RunStart(**(known | changes))


def journal(root: Path, begun: RunStart | None = None, tell: Callable[[str], None] = lambda _said: None) -> RunJournal:
    """Open a journal in this process, which nobody ships."""
    begun = begun or start()
    return RunJournal(begun, RunFolders(root).of(begun.run_id), ShipperLink(root, lambda: None), tell)


def closed(
    root: Path, begun: RunStart, log: Callable[[RunJournal], None], status: str | None = "FINISHED"
) -> RunFolder:
    """Make a journal whose process has gone; without a status, it has not said how the run ended."""
    made = journal(root, begun)
    log(made)
    if status is not None:
        made.end(status, STARTED_MS + 5000)
    made.close()
    return made.folder


class Elsewhere:
    """A forked process that opens a journal, logs to it as it is told, and lives until it is killed."""

    def __init__(self, root: Path, begun: RunStart, *steps: Callable[[RunJournal], None]) -> None:
        self.folder = RunFolders(root).of(begun.run_id)
        told, self._tell = os.pipe()
        self._hear, done = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                opened = journal(root, begun)
                os.write(done, b".")
                for step in steps:
                    os.read(told, 1)
                    step(opened)
                    os.write(done, b".")
                os.read(told, 1)
                code = 0
            finally:
                os._exit(code)
        assert os.read(self._hear, 1) == b"."

    def go_on(self) -> None:
        """Have it do its next step."""
        os.write(self._tell, b".")
        assert os.read(self._hear, 1) == b"."

    def kill(self) -> None:
        """End it without a word."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
