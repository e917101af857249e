"""Runs as a store tells them, and the data they read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, Literal, NamedTuple

from ..errors import MissingDependency

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


class Subject(NamedTuple):
    """What a point of a metric is about, beside its run: a logged model, and the dataset that it was measured on."""

    model_id: str | None
    dataset_name: str | None = None
    dataset_digest: str | None = None


# A point on its way to a store: name, value, milliseconds of the epoch, step; and the fields of its subject, if any.
Point = tuple[str, float, int, int] | tuple[str, float, int, int, str | None, str | None, str | None]

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
    workspace
        The part of the store that the run goes to, where it has such.
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
    workspace: str | None = None


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
    next_page: str | None = None
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
