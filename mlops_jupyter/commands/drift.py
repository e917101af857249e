"""``drift``: how far what a model is asked and answers has moved."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from .. import registry, settings
from ..capabilities.conditions import parsed
from ..capabilities.drift import Baseline, Thresholds, compare
from ..capabilities.drift.page import counted, page
from ..capabilities.drift.thresholds import EVERY, LEAST_ROWS
from ..capabilities.endpoints.folder import endpoint_folder
from ..capabilities.monitoring import stretches
from ..errors import CheckFailed, CommandError
from ..protocols import DriftPages, Names, Object, Reporter, Silent
from ..records import METHOD_WORDS, DriftReport, FeatureDrift
from . import drift_sources, pages
from .arguments import names
from .drift_sources import Asked, Now

_SHOWN = 3
# Options that a hint need not repeat.
_USUAL = {"since": "1h"}
_REDACTED = "redacted columns are not watched"
_CHOSEN = "not compared, as its values choose the rows, and the baseline is of all rows"
# Of more columns than go into so many characters, a hint does not list all.
_LONGEST = 120


def drift(
    baseline: Object,
    now: Object = None,
    *,
    since: str = "1h",
    version: str | None = None,
    segment: str | None = None,
    columns: Names = (),
    threshold: Sequence[str] = (),
    method: Literal["ks", "psi", "jensen_shannon", "wasserstein", "chi_square"] | None = None,
    html: Path | None = None,
    evidently: Path | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> DriftReport:
    """Tell how far data has moved: of a deployment from its training data, or of one table from another.

    A feature has drifted when its distance is larger than chance explains in samples of these sizes, and large enough
    to matter. A file is read in pieces, by as many processes as there are cores.

    Parameters
    ----------
    baseline
        A deployment, to look at what it was asked; with NOW, what that is compared with: a file or folder of Parquet or
        CSV, a model, a deployment, a file baseline.json, or in Python and a magic a table ($X). A folder that is called
        as a deployment is ./NAME.
    now
        The new data: a file or folder of Parquet or CSV, or a table ($X).
    since
        How far back to look at a deployment: 15m, 1h, 7d.
    version
        Which version of a deployment; else the one with the most traffic.
    segment
        Only rows whose value in a column is so: plan=premium, age>=30.
    columns
        The features and outputs to look at, as a,b; else all.
    threshold
        From which distance on a feature has drifted, instead of what chance allows: 0.2 for all, or age=0.3.
    method
        The distance that decides; else KS for numbers and Jensen-Shannon for categories.
    html
        Write the report as an HTML file, too, in a folder that is made when it is missing.
    evidently
        Write Evidently's own report of the two tables into this HTML file; where Evidently is not installed, an
        environment of its own is made for it once.
    reporter
        Where progress is told.

    Returns
    -------
    DriftReport
        Each feature's distance, the threshold and the distributions, those that have moved most first.

    Raises
    ------
    CheckFailed
        When a feature or prediction has drifted; or when it cannot be told of any, as there are no rows or too few.
    NotFound
        When there is no such deployment, model or file, or it has no baseline.
    CommandError
        When an option does not fit.
    ConfigurationError
        When a file cannot be read, or a baseline is of a schema version that is not known.
    MissingDependency
        When Evidently is to write a report and cannot be had.
    """
    current = settings.current()
    asked = Asked(
        columns=names(columns),
        segment=None if segment is None else parsed(segment),
        told=lambda file, done, total: reporter.progress(_step(file, done, total), done, total),
        cancelled=reporter.cancelled,
    )
    thresholds = _thresholds(threshold, method)
    since_s = stretches.seconds(since, "--since")
    if now is None:
        compared, found = _deployed(current, baseline, version, since_s, asked)
    else:
        compared = drift_sources.baseline(current, baseline, asked)
        found = drift_sources.of_data(now, compared, asked)
    known = (*compared.features.names, *(() if compared.predictions is None else compared.predictions.names))
    drift_sources.check_columns(asked.columns, known)
    drift_sources.check_columns([one for one in thresholds.fixed if one != EVERY], known, "--threshold")
    report = compare(
        compared,
        found.features,
        found.predictions,
        name=found.name,
        version=found.version,
        since=found.since,
        until=found.until,
        segment=None if asked.segment is None else str(asked.segment),
        thresholds=thresholds,
        columns=asked.columns or None,
    )
    report = _without(replace(report, notes=(*found.notes, *report.notes)), found.unseen, _REDACTED)
    if asked.segment is not None and (now is None or not drift_sources.is_rows(current, baseline)):
        report = _without(report, (asked.segment.column,), _CHOSEN)
    if evidently is not None:
        report = _by_evidently(report, baseline, now, evidently, reporter, segment=segment)
    if html is not None:
        report = replace(report, notes=(*report.notes, pages.write(html, page(report))))
    if (why := report.untold) is not None:
        raise CheckFailed(f"cannot tell whether {report.name} has drifted: {why}", report, _more(report))
    if report.drifted:
        raise CheckFailed(_answer(report), report, _way_out(report, {"since": since, "version": version}))
    return report


def _step(file: str, done: int, total: int) -> str:
    # The end is a step of its own: a log has a line for each.
    return f"{file} is read" if done >= total else f"reading {file}"


def _deployed(
    current: settings.Settings, given: object, version: str | None, since_s: float, asked: Asked
) -> tuple[Baseline, Now]:
    if not isinstance(given, str | Path):
        raise CommandError("a table alone has nothing to be compared with", "mlops drift $X_train $X_now")
    if drift_sources.is_rows(current, given):
        raise CommandError(f"{given} alone has nothing to be compared with", f"mlops drift {given} NOW.parquet")
    name = str(given)
    planned = drift_sources.planned(current, name, version)
    compared = drift_sources.of_version(name, planned)
    return compared, drift_sources.seen(endpoint_folder(current.state, name), planned.version, since_s, compared, asked)


def _without(report: DriftReport, columns: Sequence[str], why: str) -> DriftReport:
    """Take columns out of a report, and say why."""
    every = (*report.features, *report.predictions)
    if not (gone := sorted({one.feature for one in every}.intersection(columns))):
        return report
    return replace(
        report,
        features=tuple(one for one in report.features if one.feature not in gone),
        predictions=tuple(one for one in report.predictions if one.feature not in gone),
        notes=(*report.notes, f"{why}: {', '.join(gone)}"),
    )


def _thresholds(given: Sequence[str], method: str | None) -> Thresholds:
    fixed: dict[str, float] = {}
    for word in (given,) if isinstance(given, str | int | float) else given:
        feature, _, value = str(word).rpartition("=")
        try:
            fixed[feature or EVERY] = float(value)
        except ValueError:
            raise CommandError(
                f"--threshold takes a number, or FEATURE=NUMBER, not {word}", "--threshold 0.2"
            ) from None
        if not 0 < fixed[feature or EVERY] < math.inf:
            raise CommandError(f"a threshold is a number above 0, not {value}", "--threshold 0.2")
    return Thresholds(fixed=fixed, method=cast("Literal['ks'] | None", method))


def _answer(report: DriftReport) -> str:
    """Say in a sentence what has drifted."""
    told = "; ".join(map(_told, report.drifted[:_SHOWN]))
    more = "" if len(report.drifted) <= _SHOWN else f"; and {len(report.drifted) - _SHOWN} more"
    return f"{counted(report)} in {report.name}: {told}{more}"


def _way_out(report: DriftReport, asked: Mapping[str, str | None]) -> str:
    """Say what can be done about drift, of what was asked."""
    gone = [one.feature for one in report.features if one.absent]
    rest = ",".join(one.feature for one in report.features if not one.absent)
    if not gone or not rest:
        first = report.drifted[0].feature
        if report.since is None:
            return f"look at {first}, or set --threshold"
        given = [f"--{name}={value}" for name, value in asked.items() if value not in {None, _USUAL.get(name)}]
        return shlex.join(["mlops", "rows", report.name, first, *given])
    left_out = gone[0] if len(gone) == 1 else f"the {len(gone)} columns"
    it = "it" if len(gone) == 1 else "them"
    listed = rest if len(rest) <= _LONGEST else "a,b,…"
    return f"if {left_out} should not be there, such as the target, leave {it} out: --columns {listed}"


def _more(report: DriftReport) -> str:
    """Say how something could be told."""
    if report.since is None:
        return f"look at {report.name}: at least {LEAST_ROWS} values of a feature can be compared"
    return f"predict first, or look further back: mlops drift {report.name} --since 7d"


def _told(one: FeatureDrift) -> str:
    if one.drifted:
        return f"{one.feature} ({METHOD_WORDS[one.method]} {one.score:.3g} > {one.threshold:.3g})"
    if one.absent:
        return f"{one.feature} (there is no such column)"
    if one.score is None and one.note is not None:
        return f"{one.feature} ({one.note})"
    return f"{one.feature} (missing {one.missing_baseline:.1%} → {one.missing_now:.1%})"


def _by_evidently(
    report: DriftReport, baseline: object, now: object, file: Path, reporter: Reporter, *, segment: str | None
) -> DriftReport:
    """Let Evidently write its own report of two tables."""
    if now is None or not drift_sources.is_rows(settings.current(), baseline):
        raise CommandError(
            "Evidently needs the rows of both sides, and a baseline has none",
            f"mlops drift TRAINING.parquet NOW.parquet --evidently {file}",
        )
    theirs = cast("DriftPages", registry.load("drift_pages", "evidently")())
    note = theirs.write(baseline, now, [one.feature for one in report.features], file, reporter, segment=segment)
    return replace(report, notes=(*report.notes, *note))
