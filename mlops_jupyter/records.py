"""What verbs return: frozen values, no I/O.

Durations end in ``_s`` and are seconds; instants are timezone-aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, NamedTuple

from .errors import MissingDependency

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


# Of each run, by its id, its metrics' points.
Histories = Mapping[str, Mapping[str, tuple[MetricPoint, ...]]]
# In a field's metadata: not part of the record's JSON.
UNSAID: Mapping[str, bool] = {"unsaid": True}


@dataclass(frozen=True)
class RunStart:
    """What a run is, as its journal says it before any store knows of it.

    Attributes
    ----------
    run_id
        The run's id here: 32 hexadecimal digits. A database takes it as its own, a server gives another.
    experiment, experiment_id
        The experiment's name, or its id when that is what is known.
    name
        The run's name.
    started_ms
        Milliseconds of the epoch.
    tags
        The run's tags, those of its provenance among them.
    store
        The tracking URI that the run goes to, with the credentials that it may hold.
    notebook
        The notebook's absolute path, if it is known.
    cell_id
        The notebook cell's id; an earlier run of the same cell is looked up by it.
    known_as
        The store's id of a run that plain MLflow code has created.
    ends_with_process
        Whether a run that has not been closed is KILLED when its process is gone.
    search_path
        Where the process imports from, for the list of what is installed; empty for a run without one.
    """

    run_id: str
    experiment: str
    experiment_id: str | None
    name: str
    started_ms: int
    tags: Mapping[str, str]
    store: str
    notebook: str | None = None
    cell_id: str | None = None
    known_as: str | None = None
    ends_with_process: bool = True
    search_path: Sequence[str] = ()


@dataclass(frozen=True)
class RunTable:
    """Runs in the order asked for, with what was asked.

    Attributes
    ----------
    runs
        The runs. Of very many only a page at a time is kept: iterating reads on, and again from the start.
    experiment, query, sort
        Where was looked, for what, and in which order.
    tracking_uri
        The store that holds the runs, without credentials.
    notes
        Sentences the user should read.
    next_page
        What the store calls the runs after these; ``None`` when there are none, or when ``runs`` reads on itself.
    histories
        Reads the histories of the table's first runs, for a face that draws them.
    """

    runs: Sequence[Run]
    experiment: str
    query: str
    sort: str
    tracking_uri: str
    notes: tuple[str, ...] = ()
    next_page: str | None = field(default=None, metadata=UNSAID)
    histories: Callable[[], Histories] = field(default=dict, repr=False, compare=False, metadata=UNSAID)

    @property
    def more(self) -> bool:
        """Whether the store has more runs than these."""
        return self.next_page is not None or bool(getattr(self.runs, "more", False))

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

    def to_pandas(self) -> Any:
        """Return the runs as a pandas DataFrame: a row a run, columns ``metrics.NAME``, ``params.NAME`` and so on.

        Raises
        ------
        MissingDependency
            When pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError as error:
            raise MissingDependency("a table as a DataFrame", "pandas") from error
        facts = ("run_id", "name", "experiment", "status", "started", "duration_s", "parent")
        columns: dict[str, list[Any]] = {name: [] for name in facts}
        named: dict[str, dict[str, list[Any]]] = {"metrics": {}, "params": {}, "tags": {}}
        rows = 0
        for run in self.runs:
            for fact in facts:
                columns[fact].append(getattr(run, fact))
            for kind, found in named.items():
                for name, value in getattr(run, kind).items():
                    column = found.setdefault(name, [])
                    column.extend([None] * (rows - len(column)))
                    column.append(value)
            rows += 1
        for kind, found in named.items():
            for name in sorted(found):
                column = found[name]
                columns[f"{kind}.{name}"] = column + [None] * (rows - len(column))
        frame = pandas.DataFrame(columns)
        frame["started"] = pandas.to_datetime(frame["started"], utc=True)
        for name in ("duration_s", *(f"metrics.{name}" for name in named["metrics"])):
            frame[name] = pandas.to_numeric(frame[name])
        return frame


@dataclass(frozen=True)
class Dataset:
    """What a run read or wrote: an input of MLflow's.

    Attributes
    ----------
    name, digest
        As in MLflow.
    context
        What for ("training"), if it was said.
    columns
        Each column's type; of a tensor, its type and shape.
    rows
        How many rows, if the profile says so.
    source
        Where it came from: an address or a path, or in one word the code itself.
    """

    name: str
    digest: str
    context: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    source: str = ""


@dataclass(frozen=True)
class Difference:
    """One thing in which runs differ: of each run, in their order, its value; ``None`` where it has none."""

    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Section:
    """One kind of things that were compared.

    Attributes
    ----------
    name
        "params", "data", "environment", "cell" (the tracked one), "cells" (all that had run), "tags".
    differences
        What differs, and nothing else, among the runs of which it is recorded.
    same
        How many things are the same in all of them.
    not_recorded
        The ids of the runs of which nothing of this kind is known: they are neither equal nor different.
    text
        A unified diff, where one says more.
    """

    name: str
    differences: tuple[Difference, ...] = ()
    same: int = 0
    not_recorded: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class MetricComparison:
    """One metric of several runs.

    Attributes
    ----------
    name
        The metric's name.
    values
        Of each run its last value, ``None`` where it has none.
    direction
        Which is better.
    direction_from
        What says so: the metric's name, or the option.
    best
        The places of the best runs, from 0; none where all are the same or nothing can be compared.
    """

    name: str
    values: tuple[float | None, ...]
    direction: Literal["lower", "higher"]
    direction_from: Literal["name", "--lower", "--higher"]
    best: tuple[int, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    runs
        The runs in the order asked for, with the histories of their metrics.
    metrics
        Every metric that one of them has.
    sections
        What else was compared, one kind after the other.
    notes
        Sentences the user should read.
    """

    runs: tuple[Run, ...]
    metrics: tuple[MetricComparison, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()


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


ReproductionVerdict = Literal["reproduced", "differs", "data changed", "failed"]


@dataclass(frozen=True)
class ReproducedMetric:
    """A metric's last value in a run and in its reproduction, ``None`` where it has none."""

    run: str
    name: str
    before: float | None
    after: float | None
    same: bool


@dataclass(frozen=True)
class Reproduction:
    """A run's snapshot, executed once more, and how what came out compares.

    Attributes
    ----------
    run
        The run that was to be reproduced.
    verdict
        Whether all metrics are the same; data that is another comes before metrics that differ.
    metrics
        The metrics that were compared, of the run and of the runs within it.
    params, data, environment
        What differs in them; of data its digest, size and schema.
    snapshot
        The full hash of the commit that was executed, or ``artifact`` where the run itself keeps the notebook.
    execution
        The notebook as it was executed now, and its runs.
    tolerance
        How far a metric may be off, relative to the larger one.
    folder
        Where it was executed, when that was kept.
    notes
        Sentences the user should read.
    """

    run: Run
    verdict: ReproductionVerdict
    metrics: tuple[ReproducedMetric, ...]
    params: Section
    data: Section
    environment: Section
    snapshot: str
    execution: Execution
    tolerance: float
    folder: str | None = None
    notes: tuple[str, ...] = ()


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


SecretPlace = Literal["source", "output", "metadata"]
StepOutcome = Literal["created", "updated", "kept"]


@dataclass(frozen=True)
class SetupStep:
    """One file that init looked after."""

    path: str
    outcome: StepOutcome
    detail: str


@dataclass(frozen=True)
class SecretFinding:
    """Something in a notebook that looks like a secret; what it is, is never told.

    ``cell`` counts from 0, and is ``None`` in the notebook's own metadata; ``line`` counts from 1 within the source or
    the output. ``fingerprint`` allows this secret, of this kind, in this project.
    """

    cell: int | None
    cell_id: str | None
    where: SecretPlace
    kind: str
    line: int | None
    fingerprint: str


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


VersionKind = Literal["live", "file", "commit", "snapshot", "run"]


@dataclass(frozen=True)
class Version:
    """One version of a notebook, wherever it is kept.

    Attributes
    ----------
    kind
        Where it was found: in an open front end, in a file, in a commit, in a snapshot, or as a run's artifact.
    ref
        What names it to `diff` and `restore`: a path, the beginning of a commit's or snapshot's hash, a run's id.
    notebook
        The notebook's path, relative to the project where it lies in it.
    time
        When it was made, where that is known.
    title
        A commit's or snapshot's first line; a run's name.
    author
        Who made it, where that is known.
    commit
        The full hash of the commit or snapshot that holds it, if one does.
    runs
        The ids of the runs that it belongs to.
    """

    kind: VersionKind
    ref: str
    notebook: str
    time: datetime | None = None
    title: str = ""
    author: str = ""
    commit: str | None = None
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of notebooks: a commit under a private ref, or outside git files of the project's own.

    Attributes
    ----------
    ref
        What names it to `diff` and `restore`: the beginning of its hash; outside git its folder's name.
    commit
        The full hash; ``None`` outside git.
    notebooks
        The notebooks in it, relative to the project.
    origin
        Where the notebooks' content came from: a front end's live document, or the disk.
    new
        Whether it was made now; an equal one is used again.
    taken
        When it was made.
    notes
        Sentences the user should read: that the content is from disk and maybe unsaved, what was left out.
    """

    ref: str
    commit: str | None
    notebooks: tuple[str, ...]
    origin: Literal["live", "disk"]
    new: bool
    taken: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """The versions of a notebook, newest first."""

    notebook: str
    versions: tuple[Version, ...]
    notes: tuple[str, ...] = ()


class Line(NamedTuple):
    """One line of two texts put side by side.

    ``mark`` is ``-`` or ``+`` for a line of the first or second alone, a space for one of both, and ``…`` for equal
    lines that are left out. ``words`` are the spans (from, to) of a changed line that the other one does not have.
    """

    mark: str
    text: str
    words: tuple[tuple[int, int], ...] = ()


class Picture(NamedTuple):
    """An image in an output: its type, the size of its file in bytes, and the beginning of the file's SHA-256."""

    mime: str
    size: int
    digest: str


@dataclass(frozen=True)
class OutputChange:
    """One output that differs.

    Attributes
    ----------
    kind
        Whether it is there only after, only before, or on both sides.
    name
        What it is: ``stdout``, ``ValueError``, ``text/html``.
    lines
        The text side by side, cut where it is long.
    before, after
        The images.
    data
        The images' content as base64 text, for a face that draws them.
    """

    kind: Literal["added", "removed", "changed"]
    name: str
    lines: tuple[Line, ...] = ()
    before: Picture | None = None
    after: Picture | None = None
    data: tuple[str | None, str | None] = field(default=(None, None), repr=False, metadata={"unsaid": True})


@dataclass(frozen=True)
class CellChange:
    """One cell that differs.

    Attributes
    ----------
    kind
        What happened to it; one that has moved may have changed too.
    type
        ``code``, ``markdown`` or ``raw``.
    ident
        Its id, if it has one that is its own.
    place_before, place_after
        Where it stands, from 0; ``None`` on the side where it is not.
    source
        Its source side by side.
    outputs
        The outputs that differ.
    metadata
        The names of what differs in its metadata, noise apart.
    """

    kind: Literal["added", "removed", "changed", "moved"]
    type: str
    ident: str | None
    place_before: int | None
    place_after: int | None
    source: tuple[Line, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    metadata: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotebookDiff:
    """Two versions of a notebook side by side.

    Attributes
    ----------
    before, after
        The versions.
    cells
        The cells that differ, in the order of ``after``, removed ones where they stood.
    equal
        How many cells are the same.
    noise
        In how many cells nothing but metadata that changes by itself differs: counts and times of execution.
    metadata
        The names of what differs in the notebook's own metadata, noise apart.
    """

    before: Version
    after: Version
    cells: tuple[CellChange, ...]
    equal: int
    noise: int = 0
    metadata: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything but noise differs."""
        return bool(self.cells or self.metadata)


@dataclass(frozen=True)
class Restored:
    """A version of a notebook that was brought back.

    Attributes
    ----------
    version
        What was brought back.
    path
        The file that holds it now.
    kept
        The snapshot that holds what was in that file before; ``None`` when nothing was replaced.
    """

    version: Version
    path: str
    kept: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """A branch that was pushed for others to look at.

    Attributes
    ----------
    remote
        The remote's address, without credentials.
    branch, target
        What was pushed, and what it is to be merged into.
    commit
        The full hash of what was pushed.
    forge
        Which kind of host the merge request is on; ``None`` where there is none to open it on.
    link
        The merge request's page, or the page on which it can be opened, where one is known.
    opened
        Whether a merge request was asked for: by the push itself, or by the host's API.
    notebooks
        The notebooks that differ from the target.
    """

    remote: str
    branch: str
    target: str
    commit: str
    forge: str | None
    link: str | None
    opened: bool
    notebooks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


HonestyKind = Literal["out-of-order", "edited", "deleted", "outside", "unsaved"]


@dataclass(frozen=True)
class HonestyFinding:
    """One thing that a notebook run from the top might not do again.

    Attributes
    ----------
    kind
        Run in another order than the notebook's, edited after it ran, deleted since, defined by no cell; or not the
        same as in the saved notebook, which is older than the cell's run.
    names
        The names through which the tracked cell depends on it.
    cell
        The execution count of the cell they come from, if one is known.
    sentence
        The same in words.
    """

    kind: HonestyKind
    names: tuple[str, ...]
    cell: int | None
    sentence: str


@dataclass(frozen=True)
class Honesty:
    """Whether what a tracked cell depended on is what its notebook says, by the names in the cells that ran.

    Attributes
    ----------
    findings
        What is not.
    depends_on
        The execution counts of the cells that the tracked one depended on.
    notes
        What could not be told, and why.
    """

    findings: tuple[HonestyFinding, ...] = ()
    depends_on: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[HonestyKind, ...]:
        """The kinds of findings, each once."""
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    @property
    def verdict(self) -> str:
        """One word: ``clean``, or the kinds of findings with commas between."""
        return ",".join(self.kinds) or "clean"


@dataclass(frozen=True)
class DatasetInput:
    """Data that went into a run, as MLflow's dataset has it; the data itself is not kept.

    Attributes
    ----------
    name
        What the user calls it.
    digest
        Equal for equal content; ``profile`` says under ``digest_method`` what it is of.
    source_type, source
        Where it came from: a word and a JSON text.
    schema
        Names and types as a JSON text, if they can be told.
    profile
        Sizes as a JSON text; ``num_rows`` is always there.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str
