"""What is seen of a deployed model: how it answers, what it is asked, how right it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .deployments import Decision, DeploymentStatus, ServedVersion
from .runs import UNSAID

FeatureKind = Literal["number", "category", "text", "embedding"]
DriftMethod = Literal["psi", "ks", "jensen_shannon", "wasserstein", "chi_square"]
METHOD_WORDS: Mapping[str, str] = {
    "ks": "KS",
    "psi": "PSI",
    "jensen_shannon": "Jensen-Shannon",
    "wasserstein": "Wasserstein",
    "chi_square": "chi-square",
}
"""What the methods are called where people read."""


@dataclass(frozen=True)
class Distribution:
    """How values are distributed in the baseline and now, over the same bins.

    Attributes
    ----------
    edges
        Of numbers, the bins' n + 1 edges; empty for categories.
    names
        Of categories, their n names; the last may stand for all others.
    baseline, now
        The n shares, each summing to 1.
    """

    edges: tuple[float, ...]
    names: tuple[str, ...]
    baseline: tuple[float, ...]
    now: tuple[float, ...]


@dataclass(frozen=True)
class FeatureDrift:
    """How far a feature, or a prediction, has moved from its baseline.

    Attributes
    ----------
    feature
        Its name.
    kind
        What its values are.
    method
        What `score` is.
    score
        The distance by the chosen method, ``None`` where it cannot be told.
    threshold
        From where on it counts as drift, with the sample's size in mind.
    drifted
        Whether it does.
    scores
        The distance by each method that fits the kind.
    missing_baseline, missing_now
        The shares of missing values.
    missing_drifted
        Whether these differ by more than chance.
    absent
        Whether there is no such column now, so that all of its values count as missing.
    note
        Why there is no score, or what limits it.
    distribution
        Both distributions, for a picture.
    """

    feature: str
    kind: FeatureKind
    method: DriftMethod
    score: float | None
    threshold: float
    drifted: bool
    scores: Mapping[str, float] = field(default_factory=dict)
    missing_baseline: float = 0.0
    missing_now: float = 0.0
    missing_drifted: bool = False
    absent: bool = False
    note: str | None = None
    distribution: Distribution | None = None


@dataclass(frozen=True)
class DriftReport:
    """What a model is asked and answers now, beside its baseline.

    Attributes
    ----------
    name
        The deployment, or what stands for the new data.
    baseline
        What it is compared with.
    rows_baseline, rows_now
        How many rows either side has.
    features
        The features, those that have moved most first.
    predictions
        The same of the model's answers.
    version
        The model version that was asked, ``None`` for files.
    since, until
        The window that is looked at.
    segment
        The rows that are looked at, as ``column=value``; ``None`` for all.
    notes
        Sentences the user should read.
    """

    name: str
    baseline: str
    rows_baseline: int
    rows_now: int
    features: tuple[FeatureDrift, ...]
    predictions: tuple[FeatureDrift, ...] = ()
    version: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    segment: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """What counts as drift, by its values or by what is missing."""
        return tuple(one for one in (*self.features, *self.predictions) if one.drifted or one.missing_drifted)

    @property
    def untold(self) -> str | None:
        """Why nothing can be said of drift, ``None`` where something can."""
        every = (*self.features, *self.predictions)
        if self.drifted or any(one.score is not None for one in every):
            return None
        if not self.rows_now:
            return "there are no rows"
        if not every:
            return "no feature is looked at"
        reasons = {one.note for one in every if one.note}
        return reasons.pop() if len(reasons) == 1 else f"{self.rows_now:,} rows, and no feature has a distance"


@dataclass(frozen=True)
class QualityMetric:
    """One measure of how right a model is.

    Attributes
    ----------
    name
        ``accuracy``, ``precision``, ``recall``, ``auc``, ``rmse``, ``mae`` …
    value
        The measure, ``None`` where it cannot be told.
    low, high
        Its 95 % confidence interval.
    labels
        How many labelled rows it rests on.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    labels: int


@dataclass(frozen=True)
class Quality:
    """How right the answers of a version were, by the labels that have come.

    Attributes
    ----------
    version
        The model version.
    rows, labelled
        How many rows it answered in the window, and of how many the label is known.
    metrics
        The measures.
    segment
        The rows that are looked at, as ``column=value``; ``None`` for all.
    foreign, foreign_label
        How many labels do not count since the model cannot answer them, being of another kind (text beside numbers),
        and one of them.
    unsaid
        How many labels do not count since they do not say of which of their request's rows they are.
    """

    version: str
    rows: int
    labelled: int
    metrics: tuple[QualityMetric, ...]
    segment: str | None = None
    foreign: int = 0
    foreign_label: str | None = None
    unsaid: int = 0


@dataclass(frozen=True)
class Feedback:
    """What became of labels that were given.

    Attributes
    ----------
    name
        The deployment.
    labels
        How many there were.
    joined
        To how many answered rows they belong.
    duplicates
        How many were of a row that had one before; the last one counts.
    unknown
        Of how many rows the answer is not known, not yet or no longer.
    quality
        How right each version's answers were, with these.
    notes
        Sentences the user should read.
    foreign
        How many of the joined ones do not count, being of another kind than the answers.
    """

    name: str
    labels: int
    joined: int
    duplicates: int
    unknown: int
    quality: tuple[Quality, ...] = ()
    notes: tuple[str, ...] = ()
    foreign: int = 0


@dataclass(frozen=True)
class LoggedRows:
    """What a deployment was asked, and answered.

    Attributes
    ----------
    name
        The deployment.
    feature
        The feature whose drift they are behind, ``None`` for rows of any values.
    where
        What they have in common, in words; empty for all rows.
    matching, looked_at
        How many logged rows have, and of how many.
    columns, rows
        The columns' names, and the first rows.
    notes
        What else a reader should know.
    result
        The rows as a DataFrame.
    """

    name: str
    feature: str | None
    where: str
    matching: int
    looked_at: int
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    notes: tuple[str, ...] = ()
    result: Any = field(default=None, compare=False, repr=False, metadata=UNSAID)


@dataclass(frozen=True)
class Alert:
    """An alert that fires.

    Attributes
    ----------
    name
        Its name.
    severity
        ``page`` or ``ticket``, as its rule says.
    summary
        What it says.
    since
        When it began.
    labels
        What else is known of it.
    silenced
        Whether somebody has acknowledged it.
    """

    name: str
    severity: str
    summary: str
    since: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    silenced: bool = False


@dataclass(frozen=True)
class VersionSeries:
    """How one version answered over time; each series has a value per instant, ``None`` where nothing is known.

    Attributes
    ----------
    version, variant
        The version, and what it is to the endpoint: ``main``, ``canary`` or ``shadow``; ``past`` when it is served no
        more; ``refused``, without a version, are requests that came to none, such as those without a token.
    requests_per_s, errors_per_s, rows_per_s
        Per second, over the step before the instant.
    p50_s, p95_s, p99_s
        Quantiles of the duration of requests, in seconds, interpolated in the histogram's buckets as PromQL's
        ``histogram_quantile`` does.
    """

    version: str
    variant: str
    requests_per_s: tuple[float | None, ...]
    errors_per_s: tuple[float | None, ...]
    rows_per_s: tuple[float | None, ...]
    p50_s: tuple[float | None, ...]
    p95_s: tuple[float | None, ...]
    p99_s: tuple[float | None, ...]


@dataclass(frozen=True)
class Monitored:
    """What a deployment does, and did in the time before.

    Attributes
    ----------
    name
        The deployment.
    status
        How it is now.
    source
        Where the series come from: ``endpoint`` or ``prometheus``.
    step_s
        The time between two instants.
    times
        The instants, as seconds since the epoch.
    versions
        How each version answered.
    in_flight, queued
        Requests without an answer, and those that wait for a model.
    drift
        The scores over time, by feature.
    quality
        The measures over time, by name.
    range_s
        The seconds up to now that were asked for.
    reports
        The drift of each version now.
    qualities
        How right each version is, where labels came.
    alerts
        What fires now.
    decisions
        What was decided about canaries, oldest first.
    served
        What is served now, and which share of the traffic each version gets.
    notes
        Sentences the user should read.
    """

    name: str
    status: DeploymentStatus
    source: str
    step_s: float
    times: tuple[float, ...]
    versions: tuple[VersionSeries, ...] = ()
    in_flight: tuple[float | None, ...] = ()
    queued: tuple[float | None, ...] = ()
    drift: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    quality: Mapping[str, tuple[float | None, ...]] = field(default_factory=dict)
    range_s: float = 0.0
    reports: tuple[DriftReport, ...] = ()
    qualities: tuple[Quality, ...] = ()
    alerts: tuple[Alert, ...] = ()
    decisions: tuple[Decision, ...] = ()
    served: tuple[ServedVersion, ...] = ()
    notes: tuple[str, ...] = ()
