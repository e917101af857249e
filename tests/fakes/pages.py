"""A maker of pages whose processes end when a test says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mlops_jupyter.capabilities.rendering import Renderings


@dataclass
class FakeWork:
    """One page that is being made."""

    notebook: Path
    page: Path
    code: int | None = None
    killed: bool = False

    def end(self, code: int = 0) -> None:
        if code == 0:
            self.page.write_text(f"<p>{self.notebook.read_text()}</p>")
        self.code = code

    def poll(self) -> int | None:
        return self.code

    def wait(self) -> int:
        return 0 if self.code is None else self.code

    def kill(self) -> None:
        self.killed = True


@dataclass
class FakePages:
    """What was started, in order."""

    started: list[FakeWork] = field(default_factory=list)
    # Whether a page is there as soon as it is begun.
    at_once: bool = False

    def start(self, notebook: Path, page: Path) -> FakeWork:
        work = FakeWork(notebook, page)
        self.started.append(work)
        if self.at_once:
            work.end()
        return work


def no_pages() -> Renderings:
    """Return what never makes a page: for tests in which no run has a notebook."""
    return Renderings(FakePages().start)
