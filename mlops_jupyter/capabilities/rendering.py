"""Notebooks of runs as HTML, made by other processes while the shipper goes on shipping."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..protocols import Work
from .run_snapshot import NOTEBOOK_ARTIFACT

HTML_ARTIFACT = "mlops/notebook.html"
# A notebook that is rendered takes a processor for seconds.
_AT_ONCE = 1
_KEPT = 20

Deliver = Callable[[Path], None]


@dataclass
class _Page:
    """One notebook's page: made once, for all the runs that have this notebook."""

    source: Path
    html: Path
    work: Work | None = None
    made: bool = False
    waiting: list[Deliver] = field(default_factory=list)


class Renderings:
    """The pages that are being made.

    Parameters
    ----------
    start
        Starts a process that renders a notebook's file to an HTML file.
    """

    def __init__(self, start: Callable[[Path, Path], Work]) -> None:
        self._start = start
        self._folder: Path | None = None
        self._pages: dict[str, _Page] = {}
        self.problems: dict[str, str] = {}

    def ask(self, notebook: Path, deliver: Deliver) -> None:
        """Have a notebook rendered; ``deliver`` is called with the page by a later `turn`."""
        content = notebook.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        page = self._pages.get(digest)
        if page is None:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="mlops-pages-"))
            folder = self._folder / digest
            folder.mkdir()
            # A store calls an artifact as the file is called.
            page = _Page(folder / PurePosixPath(NOTEBOOK_ARTIFACT).name, folder / PurePosixPath(HTML_ARTIFACT).name)
            page.source.write_bytes(content)
            self._pages[digest] = page
        page.waiting.append(deliver)

    @property
    def pending(self) -> bool:
        """Whether somebody waits for a page."""
        return any(page.waiting for page in self._pages.values())

    def turn(self) -> None:
        """Start what can be started, and deliver what is made."""
        running = sum(page.work is not None for page in self._pages.values())
        for digest, page in list(self._pages.items()):
            if page.work is not None and (code := page.work.poll()) is not None:
                running -= 1
                page.work, page.made = None, code == 0 and page.html.is_file()
                if not page.made:
                    self.problems[digest] = f"a notebook was not rendered: the process ended with {code}"
                    self._drop(digest)
                    continue
            if page.made:
                for deliver in page.waiting:
                    deliver(page.html)
                page.waiting.clear()
            elif page.work is None and running < _AT_ONCE:
                running += 1
                page.work = self._start(page.source, page.html)
        made = [digest for digest, page in self._pages.items() if page.made]
        for digest in made[:-_KEPT]:
            self._drop(digest)

    def close(self) -> None:
        """End what still runs and remove the files."""
        for page in self._pages.values():
            if page.work is not None:
                page.work.kill()
                page.work.wait()
        self._pages.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _drop(self, digest: str) -> None:
        shutil.rmtree(self._pages.pop(digest).source.parent, ignore_errors=True)
