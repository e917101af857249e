"""Stores of runs, and what goes into them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..records import Dataset, DatasetInput, MetricPoint, Point, Run, RunStart, RunTable


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

    def files(self, run_id: str, folder: str) -> tuple[str, ...]:
        """Return the paths of the artifacts that lie in a folder of a run, not of those in folders below it."""


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
        points: Sequence[Point],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Write points of metrics, params and tags, within a call's limits."""

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
    """The web pages of a tool over what runs have logged."""

    def open(self, source: str, state: Path, waiting: Callable[[float, float], None]) -> ServedPage:
        """Return a page that can be opened now; start its server at need, its traces lie below ``state``.

        ``source`` is what is shown: a store's tracking URI, or a folder. ``waiting`` is told the seconds so far and at
        the most.
        """


class MetricMirror(Protocol):
    """Writes metrics of runs a second time, in the form that another tool reads."""

    def write(self, run: str, points: Iterable[Point]) -> None:
        """Write points of a run, whose name is one for a folder."""

    def end(self, run: str) -> None:
        """Take note that nothing more comes of a run, of which nothing need have come."""


class Datasets(Protocol):
    """Describes live tables and arrays that go into a run."""

    def describe(self, name: str, value: object) -> DatasetInput:
        """Describe one; raises `CommandError` when the value is none."""
