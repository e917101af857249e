"""The small protocols between the layers, and the markers a verb's signature speaks in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Protocol

from .records import Checkout, Dataset, DatasetInput, MetricPoint, Parameter, Run, RunStart, RunTable

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
# A flag that makes a verb one that destroys: every face asks once before, and the verb gets ``--yes``.
Destroys = Annotated[bool, Marker("destroys")]


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
    """A store of runs, read. Errors are ours: Unavailable, Unauthorized, Rejected, NotFound, ConfigurationError."""

    @property
    def uri(self) -> str:
        """The store's address, absolute, as MLflow takes it."""

    @property
    def shown_uri(self) -> str:
        """The same without credentials."""

    def reach(self, timeout_s: float) -> None:
        """Return when the store answers; raise `Unavailable` when it does not within the time."""

    def experiment_name(self, experiment_id: str) -> str:
        """Return an experiment's name."""

    def page(self, experiment: str) -> str:
        """Return the experiment's place in the store's web pages (``#/experiments/1/runs``), empty without one."""

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


class RunSink(Protocol):
    """The writing side of a store of runs, for a run that lies in a journal. Errors as of `Tracking`.

    Doing a thing twice is the same as doing it once: what was cut short is done again.
    """

    def reach(self, timeout_s: float) -> None:
        """Return when the store answers; raise `Unavailable` when it does not within the time."""

    def create(self, start: RunStart, tags: Mapping[str, str]) -> str:
        """Create the run, as RUNNING, and return its id; it may be another than the journal's."""

    def find(self, start: RunStart) -> str | None:
        """Look for the run that an earlier `create` has made."""

    def link(self, run_id: str) -> str | None:
        """Return the run's page in the store's web pages, if it has any."""

    def last_of_cell(self, start: RunStart) -> str | None:
        """Return the id of the last run of the same notebook cell, if there is one."""

    def write(
        self,
        run_id: str,
        points: Sequence[tuple[str, float, int, int]],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Write metrics (name, value, milliseconds of the epoch, step), params and tags, within a call's limits."""

    def inputs(self, run_id: str, datasets: Sequence[Mapping[str, Any]]) -> None:
        """Write dataset inputs."""

    def artifact(self, run_id: str, path: str, file: Path) -> None:
        """Store a file as the artifact ``path``."""

    def rename(self, run_id: str, name: str) -> None:
        """Give the run another name."""

    def end(self, run_id: str, status: str, time_ms: int) -> None:
        """Set the run's last status and its end."""

    def copy_rest(self, run_id: str, target: RunSink, target_id: str) -> None:
        """Copy to another store what plain code wrote past the journal: artifacts and dataset inputs."""


class PlainTracking(Protocol):
    """What plain ``mlflow`` code of this process sees of the runs that are open."""

    def enter(self, run: OpenedRun) -> None:
        """Make a run the active one of this thread, so that plain ``mlflow.log_*`` calls reach it."""

    def leave(self, run: OpenedRun, status: str) -> None:
        """Undo `enter`; runs that the body opened above it and left open are ended with the same status."""

    def autolog(self, *, on: bool, models: bool) -> None:
        """Switch autologging of frameworks; what the user has switched on himself stays his."""

    def active_run_id(self) -> str | None:
        """Return the run that plain ``mlflow.log_*`` calls of this thread would reach, if one is open."""

    def context_tags(self) -> Mapping[str, str]:
        """Return the tags that the store's own plugins give a run from this process."""

    def experiment_name(self, experiment_id: str) -> str | None:
        """Return the name of an experiment, if it can be told without asking a server."""


class OpenedRun(Protocol):
    """A run that is open in this process."""

    local_id: str
    name: str
    thread: int
    process: int
    started: datetime

    @property
    def known_id(self) -> str:
        """The store's id of the run, or the journal's as long as there is no other."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The run's tags so far."""


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


class GitPlace(NamedTuple):
    """A working tree: its top, the file of the repository's own settings, and how many working trees share it."""

    top: Path
    config: str
    worktrees: int


class GitSetup(Protocol):
    """The settings of the git repository around a directory. What git refuses raises `ConfigurationError`."""

    def place(self, directory: Path) -> GitPlace | None:
        """Describe the working tree around a directory, ``None`` outside one."""

    def setting(self, directory: Path, name: str) -> tuple[str, str] | None:
        """Return the value of a setting that holds here, and the file it stands in."""

    def write_setting(self, directory: Path, name: str, value: str) -> None:
        """Write into the repository's own settings."""

    def attributes(self, file: Path, names: Sequence[str]) -> Mapping[str, str]:
        """Return which of these attributes a file has, or would have."""


class SecretMatch(NamedTuple):
    """Where in a text a secret stands, in bytes, and of what kind it is in a few words."""

    kind: str
    start: int
    end: int


class SecretScanner(Protocol):
    """Finds tokens, keys and passwords in text, on this machine alone."""

    def prepare(self) -> None:
        """Begin, in another process, what the first scan on a machine would take seconds for."""

    def scan(self, content: bytes) -> tuple[SecretMatch, ...]:
        """Return what looks like a secret, in order; no two overlap."""


_SHOWN_HASH = 12


class StoredSnapshot(NamedTuple):
    """A commit that holds versions of notebooks; ``ref`` names a snapshot's own ref, and is empty for a commit.

    ``path`` is where the notebook that was asked for lies in it, relative to the repository's top, with ``/``.
    """

    commit: str
    ref: str
    time: datetime
    title: str
    author: str
    path: str = ""

    @property
    def kind(self) -> Literal["commit", "snapshot"]:
        """Which of the two it is."""
        return "snapshot" if self.ref else "commit"

    @property
    def short(self) -> str:
        """The beginning of its hash, by which it is named."""
        return self.commit[:_SHOWN_HASH]


class Snapshots(Protocol):
    """Versions of a project's files in its version control system.

    ``directory`` is anywhere in the working tree. Nothing of the user's is ever touched: index, HEAD, branches,
    stash, hooks, reflogs and working tree stay as they are. Errors: `ConfigurationError` when the system is not
    installed or refuses the repository, `NotFound` for a version or path that is not there.
    """

    def top(self, directory: Path) -> Path | None:
        """Return the working tree's top, ``None`` outside a repository or in one that has no working tree."""

    def take(self, directory: Path, notebooks: Mapping[Path, bytes], title: str) -> tuple[StoredSnapshot, bool]:
        """Keep notebooks with this content, and all tracked files as they are; say whether it is a new one."""

    def resolve(self, directory: Path, name: str) -> StoredSnapshot | None:
        """Return the snapshot or commit that a name means, a snapshot's own hash first; ``None`` for no such one."""

    def read(self, directory: Path, commit: str, path: str) -> bytes:
        """Return a file's content in a commit; ``path`` is relative to the working tree's top, with ``/``."""

    def notebooks(self, directory: Path, commit: str) -> tuple[str, ...]:
        """Return the paths of the notebooks in a commit, relative to the working tree's top, with ``/``."""

    def commits_of(self, directory: Path, path: Path, limit: int) -> tuple[StoredSnapshot, ...]:
        """Return the commits that changed a file, newest first, renames followed."""

    def taken(self, directory: Path, notebook: Path | None = None) -> tuple[StoredSnapshot, ...]:
        """Return all snapshots, newest first, or those that hold a notebook, with its ``path`` in them."""

    def export(self, directory: Path, commit: str, target: Path) -> tuple[str, ...]:
        """Write a commit's files into an empty directory, and say in sentences what is missing there."""

    def forget(self, directory: Path, snapshots: Sequence[StoredSnapshot]) -> None:
        """Let go of snapshots; the system removes their content in its own time."""


class NotebookDiffer(Protocol):
    """Tells which cells are alike, where no id tells which is which."""

    def align(self, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
        """Return which of the first cells is which of the second, both rising."""


class WebDiff(Protocol):
    """Web pages that show two versions of a notebook."""

    def open(self, before: bytes, after: bytes, server_url: str | None) -> ServedPage:
        """Return a page that can be opened now, also through the Jupyter server of that base path."""


class Pushed(NamedTuple):
    """What a remote said to a push, and whether it took the push's options."""

    said: str
    options_taken: bool


class Publishing(Protocol):
    """Brings commits to a remote for others to look at; nothing of the user's is touched, as with `Snapshots`."""

    def branch(self, directory: Path) -> str | None:
        """Return the branch that the user stands on, if on one."""

    def remote_url(self, directory: Path, remote: str) -> str:
        """Return a remote's address; raises `NotFound` for no such remote."""

    def default_branch(self, directory: Path, remote: str) -> str:
        """Return the branch that a remote itself stands on."""

    def commit(
        self, directory: Path, files: Sequence[Path] | None, contents: Mapping[Path, bytes], title: str
    ) -> tuple[str, bool]:
        """Make a commit upon HEAD of some files, or of all tracked ones; say whether it differs from HEAD."""

    def changed(self, directory: Path, base: str, commit: str) -> tuple[str, ...]:
        """Return the files that a commit has changed since it and another parted, relative to the top."""

    def push(
        self, directory: Path, remote: str, commit: str, branch: str, options: Sequence[str], *, force: bool
    ) -> Pushed:
        """Push a commit to a branch; errors: `Rejected` with the remote's words, `Unauthorized`, `Unavailable`."""


class Proposal(NamedTuple):
    """What a merge request says; ``text`` is Markdown."""

    branch: str
    target: str
    title: str
    text: str
    draft: bool = False


class CodeReview(Protocol):
    """A host of merge requests, told by the address of a git remote."""

    def push_options(self, proposal: Proposal) -> tuple[str, ...]:
        """Return the options of ``git push`` that open the merge request, none where the host knows no such options."""

    def open(self, proposal: Proposal, token: str) -> str:
        """Open the merge request, or find the one that is open, write the text on it, and return its page.

        Errors: `Unauthorized`, `Rejected`, `Unavailable`.
        """

    def page(self, proposal: Proposal) -> str | None:
        """Return the page on which a person can open the merge request, if it can be told."""


class NotebookHost(Protocol):
    """Where this process runs: a kernel of some front end, or no kernel at all."""

    def is_kernel(self) -> bool:
        """Tell whether this process is a kernel, of whichever front end."""

    def notebook(self) -> Path | None:
        """Return the absolute path of the notebook this kernel belongs to, if it can be told."""

    def is_open(self, notebook: Path) -> bool:
        """Tell whether a Jupyter server of this user has a kernel running for a notebook, as far as one tells."""

    def shows_widgets(self) -> bool:
        """Tell whether somebody looks at this kernel now who can be shown a live widget."""

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

    def load(
        self, notebook: Path, environment: Mapping[str, str] | None = None
    ) -> AbstractContextManager[LoadedNotebook]:
        """Read a notebook; raises `ConfigurationError` when it cannot run. Leaving the block ends the process.

        ``environment`` adds variables to the process's own.
        """


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


class Datasets(Protocol):
    """Describes live tables and arrays that go into a run."""

    def describe(self, name: str, value: object) -> DatasetInput:
        """Describe one; raises `CommandError` when the value is none."""
