"""The small protocols between the layers, and the markers a verb's signature speaks in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from .records import Checkout, Dataset, MetricPoint, Parameter, Run, RunTable

# --- markers: what a parameter of a verb means to the grammar -------------------------------------------------


class Short(NamedTuple):
    """In ``Annotated[..., Short("-p")]``: the option's one-letter form."""

    flag: str


class Marker(NamedTuple):
    """In ``Annotated``: what a parameter means beyond its type."""

    meaning: str


# A live object: `$name` or `{expr}` in a magic arrives as it is, not as text.
Object = Annotated[Any, Marker("object")]
# Text that is the cell's body in `%%mlops`, a file's path in the terminal, the text itself in Python.
Source = Annotated[str, Marker("source")]
# Names: `a,b` on a command line, in Python also a sequence of strings.
Names = Annotated[str | Iterable[str], Marker("names")]


# --- what a face lends to a verb ------------------------------------------------------------------------------


class Reporter(Protocol):
    """How a verb speaks while it works; each face supplies one, a verb's ``reporter`` parameter receives it."""

    def progress(self, message: str, done: float, total: float) -> None:
        """Say how far a long piece of work is; ``done == total`` ends it."""

    def show(self, record: object) -> None:
        """Show a record now, before the verb returns."""

    def cancelled(self) -> bool:
        """Tell whether the user has asked to stop."""


class Silent:
    """The reporter of a caller that wants to hear nothing."""

    def progress(self, message: str, done: float, total: float) -> None:
        """Say nothing."""

    def show(self, record: object) -> None:
        """Show nothing."""

    def cancelled(self) -> bool:
        """Nobody can ask."""
        return False


# --- what adapters fulfil -------------------------------------------------------------------------------------


class Tracking(Protocol):
    """A store of runs. Errors are ours: Unavailable, Unauthorized, Rejected, NotFound, ConfigurationError."""

    @property
    def uri(self) -> str:
        """The store's address, absolute, as MLflow takes it."""

    @property
    def shown_uri(self) -> str:
        """The same without credentials."""

    def reach(self, timeout_s: float) -> None:
        """Return when the store answers; raise `Unavailable` when it does not within the time."""

    def create_run(self, experiment: str, name: str | None, tags: Mapping[str, str]) -> str:
        """Create a RUNNING run and return its id; the experiment is created at need."""

    def experiment_name(self, experiment_id: str) -> str:
        """Return an experiment's name."""

    def page(self, experiment: str) -> str:
        """Return the experiment's place in the store's web pages (``#/experiments/1/runs``), empty without one."""

    def enter_run(self, run_id: str) -> None:
        """Make the run the active one of this thread, so that plain ``mlflow.log_*`` calls reach it."""

    def leave_run(self, run_id: str, status: str) -> None:
        """End the run; runs that the body opened above it and left open are ended with it."""

    def detach_run(self, run_id: str) -> None:
        """Undo `enter_run` without a word to the store, which has been lost."""

    def finish_run(self, run_id: str, status: str) -> None:
        """Set the last status of a run that was never entered in this process."""

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[tuple[str, float, datetime, int]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics (name, value, instant, step), params and tags in as few calls as the store allows."""

    def log_text(self, run_id: str, path: str, text: str) -> None:
        """Store a text artifact."""

    def log_file(self, run_id: str, directory: str, file: Path) -> None:
        """Store a file as an artifact."""

    def get_run(self, run_id: str) -> Run:
        """Read one run."""

    def find_runs(self, experiment: str | None, query: str, sort: str, limit: int, page: str | None = None) -> RunTable:
        """Search; ``experiment`` ``None`` means all, ``page`` is the ``next_page`` of the runs before."""

    def histories(self, run_ids: Sequence[str], metric: str, most: int) -> Mapping[str, tuple[MetricPoint, ...]]:
        """Read a metric's points of several runs, thinned to ``most`` of each, by rising step."""

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """Return the run's data, in the order it was logged."""

    def read_text(self, run_id: str, path: str) -> str | None:
        """Read a text artifact, ``None`` when there is none of that path."""

    def active_run_id(self) -> str | None:
        """Return the run that plain ``mlflow.log_*`` calls of this thread would reach, if one is open."""

    def autolog(self, *, on: bool, models: bool) -> None:
        """Switch autologging of the installed frameworks; what the user has switched on himself stays his."""


class ServedPage(NamedTuple):
    """A page on a loopback port; ``path`` begins with a slash."""

    port: int
    path: str
    detail: str


class TrackingUi(Protocol):
    """The web pages of a store of runs."""

    def open(self, tracking_uri: str, state: Path, waiting: Callable[[float, float], None]) -> ServedPage:
        """Return a page that can be opened now; start its server at need, its traces lie below ``state``.

        ``waiting`` is told the seconds so far and at the most.
        """


class SourceControl(Protocol):
    """A version control system, read only."""

    def checkout(self, directory: Path, file: Path | None) -> Checkout | None:
        """Describe the repository around a directory, ``None`` outside one; ``file`` counts in ``dirty``."""


class NotebookHost(Protocol):
    """Where this process runs: a kernel of some front end, or no kernel at all."""

    def is_kernel(self) -> bool:
        """Tell whether this process is a kernel, of whichever front end."""

    def notebook(self) -> Path | None:
        """Return the absolute path of the notebook this kernel belongs to, if it can be told."""

    def server_url(self) -> str | None:
        """Return the base path (``/user/ana/``) of the Jupyter server that started this kernel."""


class CellProgress(NamedTuple):
    """How far a headless notebook is: of ``cells`` cells, ``cell`` (from 0) has begun or ended."""

    cell: int
    cells: int
    ended: bool


class NotebookOutcome(NamedTuple):
    """How a headless notebook ended.

    ``kind`` says in one word what happened: every cell ran, a cell raised, a cell took too long, the kernel
    died, or the user stopped it. ``cell`` counts from 0 over the cells of the notebook as the user wrote it.
    """

    kind: Literal["done", "raised", "timeout", "dead kernel", "interrupted"]
    cell: int | None = None
    source: str = ""
    ename: str = ""
    evalue: str = ""
    traceback: str = ""


class LoadedNotebook(Protocol):
    """A notebook that has been read and found fit to run, in a process of its own that waits."""

    @property
    def parameters(self) -> tuple[Parameter, ...] | None:
        """The parameters it declares, ``None`` when it has no ``parameters`` cell."""

    @property
    def cells(self) -> int:
        """How many cells it has."""

    def execute(
        self,
        output: Path,
        *,
        parameters: Mapping[str, object],
        environment: Mapping[str, str | None],
        timeout_s: int | None,
        on_progress: Callable[[CellProgress], None],
    ) -> NotebookOutcome:
        """Execute to the end or to the first failing cell; ``output`` holds what ran, whatever happens."""


class NotebookRunner(Protocol):
    """Executes notebooks headless, outside this process."""

    def load(self, notebook: Path) -> AbstractContextManager[LoadedNotebook]:
        """Read a notebook; raises `ConfigurationError` when it cannot run. Leaving the block ends the process."""


class NotebookExport(Protocol):
    """Renders a notebook as one HTML file that needs neither kernel nor network."""

    def html(self, notebook: Path, output: Path) -> None:
        """Write the HTML file."""
