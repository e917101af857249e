"""Where notebooks are, and what executes and shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from ..records import Parameter


class Opened(NamedTuple):
    """Whether a notebook is open in Jupyter, and the addresses of the servers that do not tell."""

    here: bool
    not_asked: tuple[str, ...] = ()


class NotebookHost(Protocol):
    """Where this process runs: a kernel of some front end, or no kernel at all."""

    def is_kernel(self) -> bool:
        """Tell whether this process is a kernel, of whichever front end."""

    def notebook(self) -> Path | None:
        """Return the absolute path of the notebook this kernel belongs to, if it can be told."""

    def opened(self, notebook: Path) -> Opened:
        """Tell whether a Jupyter server of this user has a kernel running for a notebook, links followed."""

    def shows_widgets(self) -> bool:
        """Tell whether somebody looks at this kernel now who can be shown a live widget."""

    def server_url(self) -> str | None:
        """Return the base path (``/user/ana/``) of the Jupyter server that started this process, if one did."""

    def endpoints_url(self, project: Path) -> str | None:
        """Return the path below which a Jupyter server passes requests on to a project's endpoints, if one does."""


class CellProgress(NamedTuple):
    """How far a headless notebook is: of ``cells`` cells, ``cell`` (from 0) has begun or ended."""

    cell: int
    cells: int
    ended: bool


class NotebookOutcome(NamedTuple):
    """How a headless notebook ended.

    ``kind`` says in one word what happened: every cell ran, a cell raised, a cell took too long, the kernel
    died, the process that ran the notebook died, or the user stopped it. ``cell`` counts from 0 over the cells of the
    notebook as the user wrote it. ``note`` says from where a notebook was resumed, or why it was not; ``attempts`` how
    often it was begun; ``kernel`` where its kernel came from.
    """

    kind: Literal["done", "raised", "timeout", "dead kernel", "dead worker", "interrupted"]
    cell: int | None = None
    source: str = ""
    ename: str = ""
    evalue: str = ""
    traceback: str = ""
    note: str = ""
    attempts: int = 1
    kernel: str = ""


class Limits(NamedTuple):
    """How long a headless notebook may take, in seconds: a cell, and the whole; ``None`` means no limit."""

    timeout_s: float | None = None
    total_timeout_s: float | None = None


class Resumable(NamedTuple):
    """Where a notebook that fails leaves its state, whether it begins with what is there, and whether it leaves any."""

    folder: Path
    resume: bool = False
    keep: bool = True


class LoadedNotebook(Protocol):
    """A notebook that has been read and found fit to run, in a process of its own that waits."""

    @property
    def parameters(self) -> tuple[Parameter, ...] | None:
        """The parameters it declares, ``None`` when it has no ``parameters`` cell."""

    @property
    def names_known(self) -> bool:
        """Whether these are all that it declares; of some languages nobody can tell."""

    @property
    def cells(self) -> int:
        """How many cells it has."""

    def execute(
        self,
        output: Path,
        *,
        parameters: Mapping[str, object],
        environment: Mapping[str, str | None],
        limits: Limits,
        kept: Resumable | None,
        on_progress: Callable[[CellProgress], None],
    ) -> NotebookOutcome:
        """Execute to the end or to the first failing cell; ``output`` holds what ran, whatever happens."""

    def interrupt(self) -> None:
        """Stop the execution, as Ctrl-C does; to be called from another thread, at any time."""


class NotebookRunner(Protocol):
    """Executes notebooks headless, outside this process; it may be made with a fork server for its processes."""

    entry: str

    def load(
        self, notebook: Path, environment: Mapping[str, str] | None = None
    ) -> AbstractContextManager[LoadedNotebook]:
        """Read a notebook; raises `ConfigurationError` when it cannot run. Leaving the block ends what runs.

        ``environment`` adds variables to the process's own.
        """

    def close(self) -> None:
        """End the processes that it keeps for the next notebook."""


class DeclaredParameters(Protocol):
    """Reads the text of a cell tagged ``parameters``, as the engine that fills them in would."""

    def read(self, source: str, kernel: str, language: str) -> tuple[Parameter, ...]:
        """Return what it declares, in its order; nothing of it is evaluated.

        ``kernel`` and ``language`` are the notebook's. In a language that is not understood nothing is declared.
        """


class NotebookEngine(Protocol):
    """Executes one notebook that Papermill has prepared in this process."""

    raised: BaseException | None

    @property
    def declared(self) -> tuple[Parameter, ...]:
        """The parameters that the notebook declares."""

    @property
    def given(self) -> Mapping[str, object]:
        """What was given to them."""

    @property
    def written(self) -> int:
        """How many cells the notebook had before parameters were put in, as far as it tells itself."""

    def kernel_name(self, name: str | None) -> str:
        """Return the kernel that the notebook names, or the one that is asked for."""

    def language(self, name: str | None) -> str:
        """Return the language that the notebook names, or the one that is asked for."""

    def execute(
        self, kernel_name: str, environment: Mapping[str, str], written: int, options: Mapping[str, Any]
    ) -> NotebookOutcome:
        """Execute the cells, and tell how that ended; `raised` is what Papermill has to hear of."""


class Work(Protocol):
    """A process that works for us, as `subprocess.Popen` has it."""

    def poll(self) -> int | None:
        """Return how it ended, ``None`` as long as it works."""

    def wait(self) -> int:
        """Wait for its end."""

    def kill(self) -> None:
        """End it now."""


class PythonEnvironments(Protocol):
    """Makes environments of Python."""

    def build(self, folder: Path, python: str, requirements: Sequence[str]) -> Path:
        """Make one of exactly these requirements in a folder that is not there yet, and return its interpreter.

        Errors: `MissingDependency` without the tool that does it, `ConfigurationError` with the tool's own words.
        """


class NotebookExport(Protocol):
    """Renders a notebook as one HTML file that needs neither kernel nor network."""

    def html(self, notebook: Path, output: Path) -> None:
        """Write the HTML file."""


class NotebookPages(Protocol):
    """Renders as `NotebookExport` does, in a process of its own that gives way to all others."""

    def start(self, notebook: Path, output: Path) -> Work:
        """Begin to write the HTML file."""
