"""Servers that hold metrics, tell of alerts, and take the metrics of what runs and ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..records import Alert
from .deployments import ScoringBody
from .reporting import Reporter


@dataclass(frozen=True)
class ServerAccess:
    """Where a server is, and how one gets in. Its text holds no secret.

    Attributes
    ----------
    url
        Its address, without credentials, and without a slash at the end.
    token
        What goes into ``Authorization: Bearer``.
    user, password
        What goes into basic authentication, where there is no token.
    settings
        The table of the settings that names it, for hints.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    settings: str = ""


class QueriedSeries(NamedTuple):
    """One series that an expression gives.

    Attributes
    ----------
    labels
        What tells it from the others.
    times
        Its instants, in seconds since the epoch; those at which it has no value are left out.
    values
        Its values there; NaN and the infinities are values.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


class MetricsQueries(Protocol):
    """A server of metrics, asked in PromQL.

    Its errors are ours: `Unavailable` when it does not answer in time, `Unauthorized`, and `Rejected` when it
    refuses the expression, with its words.
    """

    def query(self, expression: str, at_s: float | None = None) -> tuple[QueriedSeries, ...]:
        """Return what an expression gives at one instant, the server's present unless told; of a number, one series."""

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> tuple[QueriedSeries, ...]:
        """Return what an expression gives at ``start_s``, each ``step_s`` after it, up to ``end_s``; to a millisecond.

        However many instants that are: it is asked for in parts where the server has a limit.
        """

    def clock_s(self) -> float:
        """Return the server's present, in seconds since the epoch: its clock may differ from ours."""


class Alerts(Protocol):
    """A server that tells of alerts. Its errors are those of `MetricsQueries`."""

    def firing(self, labels: Mapping[str, str]) -> tuple[Alert, ...]:
        """Return the alerts that fire and carry these labels, those that are silenced among them, oldest first."""

    def silence(self, alert: Alert, for_s: float, who: str, why: str) -> str:
        """Silence an alert, which goes on firing, for a time; return what names the silence."""


class BatchMetric(NamedTuple):
    """A metric of something that has run: a gauge with a value for each set of labels.

    Attributes
    ----------
    name
        Its name in full, unit and all.
    words
        What it is.
    values
        The labels, and the value under them, at least one; those of one metric have the same names.
    """

    name: str
    words: str
    values: Sequence[tuple[Mapping[str, str], float]]


class BatchMetrics(Protocol):
    """A server that keeps the metrics of what has ended. Its errors are those of `MetricsQueries`."""

    def reach(self) -> None:
        """Find out whether it answers."""

    def push(self, job: str, group: Mapping[str, str], metrics: Sequence[BatchMetric]) -> None:
        """Put metrics in the place of all that a group has, so that nothing stale stays."""


class WatchedFeature(NamedTuple):
    """A feature of a model that is watched.

    Attributes
    ----------
    name
        Its name.
    missing
        The share of values that were missing in the baseline; ``None`` where there is no baseline.
    """

    name: str
    missing: float | None = None


class WatchedEndpoint(NamedTuple):
    """An endpoint, by what is to be watched of it.

    Attributes
    ----------
    name
        The deployment.
    features
        The features of its models, by their signatures and baselines.
    outputs
        The names of what they answer.
    quality
        What the quality has to be: a metric, ``>=``, ``>``, ``<=`` or ``<``, and a bound.
    """

    name: str
    features: tuple[WatchedFeature, ...] = ()
    outputs: tuple[str, ...] = ()
    quality: tuple[tuple[str, str, float], ...] = ()


class WatchPlan(NamedTuple):
    """What servers of metrics are told of a project's endpoints.

    Attributes
    ----------
    endpoints
        The endpoints.
    folder
        Where the files will lie.
    targets, metrics_token
        The folder with the files of file-based discovery, and the file with the token that a scrape needs: absolute,
        or relative to ``folder`` where they move together.
    slow_s
        From how many seconds on an answer is slow.
    objective
        The share of requests that are to be answered, and in time.
    metrics_url, alerts_url, batches_url
        Where the servers of metrics, alerts and finished jobs are; ``None`` where none is named.
    """

    endpoints: tuple[WatchedEndpoint, ...]
    folder: Path
    targets: str
    metrics_token: str
    slow_s: float
    objective: float
    metrics_url: str | None = None
    alerts_url: str | None = None
    batches_url: str | None = None


class ExportedText(NamedTuple):
    """A file that is to be written: its path below the folder, with ``/``, and its text."""

    path: str
    text: str


class MonitoringFiles(Protocol):
    """A system that watches endpoints, by the files that tell it how.

    Attributes
    ----------
    title
        What the system is called.
    """

    title: str

    def files(self, plan: WatchPlan) -> tuple[ExportedText, ...]:
        """Return the files; the same plan gives the same texts."""

    def notes(self, plan: WatchPlan) -> tuple[str, ...]:
        """Say in sentences how the files are checked and used."""


class DriftPages(Protocol):
    """Reports of drift that another product writes."""

    def write(
        self,
        baseline: object,
        now: object,
        columns: Sequence[str],
        file: Path,
        reporter: Reporter,
        *,
        segment: str | None = None,
    ) -> tuple[str, ...]:
        """Write a report of two tables, or files of Parquet or CSV, as HTML; return sentences for the user.

        Of a segment, such as ``plan=premium``, it is a report of its rows.

        Raises `MissingDependency` where the product cannot be had, `ConfigurationError` where it fails.
        """


class TableFiles(Protocol):
    """Tables in files."""

    def first_rows(self, path: Path) -> Any:
        """Return the first rows of a file, or a folder of them, as a DataFrame: as many as are looked at.

        Raises `NotFound` where there is none, `ConfigurationError` where it cannot be read.
        """

    def requests(self, path: Path, rows: int, size: int) -> Iterator[ScoringBody]:
        """Yield a file of Parquet as scoring requests, each of so many rows and, as a rule, bytes at the most.

        Raises `OSError` where it cannot be read, `ConfigurationError` where it is no Parquet.
        """

    def write(self, path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write columns as a file of Parquet; raises `ConfigurationError` for values that have no type in common."""
