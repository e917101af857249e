"""What verbs return: frozen values, no I/O.

Durations end in ``_s`` and are seconds; instants are timezone-aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", "UNTRACKED"]


class MetricPoint(NamedTuple):
    """One value of a metric: its step, its instant (milliseconds of the epoch) and the value."""

    step: int
    time_ms: int
    value: float


@dataclass(frozen=True)
class Run:
    """One MLflow run as the store tells it.

    Attributes
    ----------
    run_id
        MLflow's 32 hexadecimal digits; empty for a body that ran untracked.
    name, experiment, status
        As in MLflow; ``UNTRACKED`` marks a body that ran while no store could be reached.
    started, duration_s
        Start (UTC) and length; the length of a running run is ``None``.
    params, metrics, tags
        As in MLflow; of each metric the last value.
    parent
        The parent run's id, if any.
    tracking_uri
        The store that holds the run, without credentials.
    link
        The run's page in MLflow's web pages, if a server has one.
    error
        The short form of what ended a run FAILED or KILLED.
    notes
        Sentences the user should read: why a run is untracked, a parameter that was never set.
    history
        Of each metric, points thinned to a few hundred at the most, in the order logged; empty when not read.
    points
        How many points each metric has, where known.
    """

    run_id: str
    name: str
    experiment: str
    status: RunStatus
    started: datetime | None = None
    duration_s: float | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: str | None = None
    tracking_uri: str = ""
    link: str | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()
    history: Mapping[str, tuple[MetricPoint, ...]] = field(default_factory=dict)
    points: Mapping[str, int] = field(default_factory=dict)

    @property
    def notebook(self) -> str | None:
        """The notebook's path relative to the project, if the run came from one."""
        # MLflow itself calls any kernel a notebook, and names the kernel's launcher when it knows no better.
        name = self.tags.get("mlflow.source.name", "")
        return name if self.tags.get("mlflow.source.type") == "NOTEBOOK" and name.endswith(".ipynb") else None

    @property
    def git_commit(self) -> str | None:
        """The full commit hash the project stood at, if it is in a git repository."""
        return self.tags.get("mlflow.source.git.commit")


@dataclass(frozen=True)
class RunTable:
    """Runs in the order asked for, with what was asked."""

    runs: tuple[Run, ...]
    experiment: str
    query: str
    sort: str
    tracking_uri: str
    more: bool = False
    notes: tuple[str, ...] = ()

    @property
    def everywhere(self) -> bool:
        """Whether every experiment was searched."""
        return self.experiment == "(all)"

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, index: int) -> Run:
        return self.runs[index]


@dataclass(frozen=True)
class Parameter:
    """One name in a notebook's cell tagged ``parameters``."""

    name: str
    default: object
    type: str
    help: str = ""


@dataclass(frozen=True)
class CellFailure:
    """Which cell ended a headless run, and how."""

    cell: int | None
    source: str
    ename: str
    evalue: str
    traceback: str


@dataclass(frozen=True)
class Execution:
    """A notebook run headless.

    Attributes
    ----------
    notebook, output, html
        Absolute paths; ``html`` only when asked for.
    cells
        How many cells the notebook has.
    run
        The notebook's own run; tracked cells are its children.
    children
        The runs of the tracked cells, oldest first.
    failure
        ``None`` when every cell ran.
    """

    notebook: str
    output: str
    html: str | None
    cells: int
    parameters: Mapping[str, object]
    run: Run
    children: tuple[Run, ...] = ()
    failure: CellFailure | None = None


CheckLevel = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """One thing that doctor looked at; ``fix`` is a command."""

    name: str
    level: CheckLevel
    detail: str
    fix: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All that doctor looked at."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that stop something from working."""
        return tuple(check for check in self.checks if check.level == "failed")


StepOutcome = Literal["created", "updated", "kept"]


@dataclass(frozen=True)
class SetupStep:
    """One file that init looked after."""

    path: str
    outcome: StepOutcome
    detail: str


@dataclass(frozen=True)
class Setup:
    """What init did, file by file."""

    root: str
    steps: tuple[SetupStep, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """Where the user stands: project, store, notebook, open run."""

    root: str
    settings_file: str | None
    tracking_uri: str
    tracking_uri_from: str
    experiment: str
    notebook: str | None
    git_commit: str | None
    git_branch: str | None
    git_dirty: bool | None
    open_run: Run | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WebPage:
    """A web page that the user can open now.

    Attributes
    ----------
    title
        What it shows.
    url
        Its address on this machine.
    jupyter_url
        The same page as a path below the Jupyter server that runs this kernel (right under JupyterHub and
        Binder too), if there is one.
    detail
        What serves it and how long it stays.
    """

    title: str
    url: str
    jupyter_url: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Checkout:
    """The state of the git repository around a project.

    ``remote`` carries no credentials. ``dirty`` counts changes of tracked files, and the notebook itself if
    git does not know it.
    """

    root: str
    commit: str | None
    branch: str | None
    dirty: bool
    remote: str | None
