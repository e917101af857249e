"""What a model is asked and answers now, beside its baseline."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from ...records import Distribution, DriftMethod, DriftReport, FeatureDrift, FeatureKind
from . import cells, distances, pictures
from .baseline import Baseline
from .columns import Column
from .distances import Weighted
from .profiles import Profile
from .quantities import RANK_ERROR, SHARE_ERROR
from .thresholds import Thresholds, by_chance, differ_by_chance, of_bins

# Up to so many different whole numbers are taken for classes, not quantities.
_MOST_CLASSES = 10
# Where more than this share of the texts has no count of its own, the report says so.
_TAIL = 0.1
_SHOWN = 5


class _Measured(NamedTuple):
    """The distances of two columns, and what their thresholds need."""

    scores: dict[DriftMethod, float]
    method: DriftMethod
    bins: int
    distribution: Distribution | None
    spread: float = 0.0
    rank_error: float = 0.0
    area_error: float = 0.0
    share_error: float = 0.0
    note: str | None = None

    def error(self, method: DriftMethod) -> float:
        """Return what the sketches are wrong by, as a method's threshold takes it."""
        if method == "ks":
            return self.rank_error
        return self.area_error if method == "wasserstein" else self.share_error


def compare(
    baseline: Baseline,
    features: Profile,
    predictions: Profile | None = None,
    *,
    name: str,
    version: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    segment: str | None = None,
    thresholds: Thresholds | None = None,
    columns: Collection[str] | None = None,
) -> DriftReport:
    """Compare what was seen with a baseline.

    Parameters
    ----------
    baseline
        The baseline.
    features
        The summary of what is asked now.
    predictions
        The summary of the answers, where there are any.
    name
        The deployment, or what stands for the new data.
    version, since, until, segment
        What the report says of itself.
    thresholds
        How drift is told from chance; else as `Thresholds` has it.
    columns
        The features and outputs to look at; else all of the baseline.

    Returns
    -------
    DriftReport
        The report, with those that have moved most first.
    """
    wanted = (
        list(baseline.features.names)
        if columns is None
        else [one for one in columns if one in baseline.features.columns]
    )
    answered = [
        one
        for one in (baseline.predictions.names if baseline.predictions is not None and predictions is not None else ())
        if columns is None or one in columns
    ]
    told = thresholds or Thresholds()
    # Each has its values and its missing values compared.
    comparing = _Comparing(told, told.false_alarms / max(2 * (len(wanted) + len(answered)), 1))
    of_features = comparing.columns(wanted, baseline.features, features)
    of_predictions: tuple[FeatureDrift, ...] = ()
    if baseline.predictions is not None and predictions is not None:
        of_predictions = comparing.columns(answered, baseline.predictions, predictions)
    return DriftReport(
        name=name,
        baseline=baseline.made_from,
        rows_baseline=baseline.rows,
        rows_now=features.rows,
        features=of_features,
        predictions=of_predictions,
        version=version,
        since=since,
        until=until,
        segment=segment,
        notes=tuple(_notes(baseline, features, told, all_columns=columns is None)),
    )


@dataclass(frozen=True)
class _Comparing:
    """How the columns of one report are compared."""

    thresholds: Thresholds
    alpha: float

    def columns(self, names: Iterable[str], baseline: Profile, now: Profile) -> tuple[FeatureDrift, ...]:
        """Compare columns, and put those first that have moved most."""
        found = [
            self._column(name, baseline.columns[name], now.columns.get(name), expected=bool(now.rows)) for name in names
        ]
        return tuple(sorted(found, key=_moved, reverse=True))

    def _column(self, name: str, baseline: Column, now: Column | None, *, expected: bool) -> FeatureDrift:
        kind = _kind(baseline)
        least = self.thresholds.least["jensen_shannon" if kind == "category" else "ks"]
        unknown = FeatureDrift(
            feature=name,
            kind=kind,
            method="jensen_shannon" if kind == "category" else "ks",
            score=None,
            threshold=self.thresholds.fixed_for(name) or least,
            drifted=False,
            missing_baseline=_absent(baseline),
        )
        if now is None or not now.rows:
            if not expected:
                return replace(unknown, note="there are no rows")
            note = "the new data has no such column"
            return replace(unknown, missing_now=1.0, missing_drifted=True, absent=True, note=note)
        absent = 1.0 if _of_another_kind(baseline, now) else _absent(now)
        found = replace(unknown, missing_now=absent, missing_drifted=self._absence(baseline, now, absent))
        if (why := self._incomparable(baseline, now)) is not None:
            return replace(found, note=why)
        return self._judged(found, baseline, now, _measured(baseline, now))

    def _absence(self, baseline: Column, now: Column, absent: float) -> bool:
        """Tell whether more, or less, is missing than chance explains."""
        shares = _absent(baseline), absent
        if not baseline.rows or abs(shares[0] - shares[1]) < self.thresholds.least_missing:
            return False
        return not differ_by_chance(shares, (baseline.rows, now.rows), self.alpha)

    def _incomparable(self, baseline: Column, now: Column) -> str | None:
        """Say why two columns have no distance."""
        least = self.thresholds.least_rows
        if baseline.kind is None:
            return "all values are missing in the baseline"
        if _of_another_kind(baseline, now):
            return f"its values were of the kind {baseline.kind}, and are of the kind {now.kind} now"
        if not now.present:
            return "all values are missing" if now.missing == now.rows else "no value is of the baseline's kind"
        if baseline.present < least:
            return f"the baseline has {baseline.present} values of it: too few to compare (needs {least})"
        if now.present < least:
            return f"{now.present} values: too few to compare (needs {least})"
        return None

    def _judged(self, found: FeatureDrift, baseline: Column, now: Column, measured: _Measured) -> FeatureDrift:
        """Hold the distance by the chosen method against its threshold."""
        chosen = self.thresholds.method
        method = chosen if chosen is not None and chosen in measured.scores else measured.method
        score = measured.scores.get(method)
        threshold = self.thresholds.fixed_for(found.feature)
        if threshold is None:
            chance = by_chance(
                method,
                self.alpha,
                (baseline.present, now.present),
                bins=measured.bins,
                spread=measured.spread,
                error=measured.error(method),
            )
            threshold = max(self.thresholds.least[method], chance)
        return replace(
            found,
            method=method,
            score=score,
            threshold=threshold,
            drifted=score is not None and score > threshold,
            scores={str(one): value for one, value in measured.scores.items()},
            note=measured.note or _remark(baseline, now),
            distribution=measured.distribution,
        )


def _measured(baseline: Column, now: Column) -> _Measured:
    return _of_words(baseline, now) if baseline.kind == "category" else _of_numbers(baseline, now)


def _of_words(baseline: Column, now: Column) -> _Measured:
    found = cells.of_words(baseline.words, now.words)
    picture = pictures.of_cells(found)
    if found.names == (cells.OTHERS,):
        return _Measured({}, "jensen_shannon", 1, picture, note="too many categories for so few rows")
    note = None
    if (tail := max(one.words.tail / one.words.count for one in (baseline, now))) > _TAIL:
        note = f"{tail:.0%} of the values are of rare categories, which are compared as one"
    return _Measured(_over(found), "jensen_shannon", len(found.baseline), picture, note=note)


def _of_numbers(baseline: Column, now: Column) -> _Measured:
    of_text = baseline.kind == "text"
    before = baseline.words.measured() if of_text else baseline.quantities
    later = now.words.measured() if of_text else now.quantities
    first, second = Weighted(*before.weighted()), Weighted(*later.weighted())
    by_value = cells.of_values(before, later)
    binned = by_value or cells.of_bins(first, second, (min(before.low, later.low), max(before.high, later.high)))
    scores: dict[DriftMethod, float] = {"ks": distances.kolmogorov_smirnov(first, second)}
    unsharp = sum(not one.is_exact for one in (before, later))
    deviation, spread, reach = before.deviation, 0.0, 0.0
    if deviation > 0:
        # On average over the range, half of what a rank may be wrong by.
        reach = (max(before.high, later.high) - min(before.low, later.low)) / deviation / 2
        spread = distances.spread(first, deviation)
        scores["wasserstein"] = distances.wasserstein(first, second, deviation)
    scores |= _over(binned)
    classes = by_value is not None and baseline.kind == "number" and _are_classes(before.few or {})
    return _Measured(
        scores=scores,
        method="jensen_shannon" if classes else "ks",
        bins=len(binned.baseline),
        distribution=pictures.of_numbers(first, second) if by_value is None else pictures.of_cells(by_value),
        spread=spread,
        rank_error=RANK_ERROR * unsharp,
        area_error=RANK_ERROR * unsharp * reach,
        share_error=unsharp * of_bins((binned.baseline / binned.baseline.sum()).tolist(), SHARE_ERROR),
    )


def _over(found: cells.Cells) -> dict[DriftMethod, float]:
    return {
        "psi": distances.population_stability(found.baseline, found.now),
        "jensen_shannon": distances.jensen_shannon(found.baseline, found.now),
        "chi_square": distances.chi_square(found.baseline, found.now),
    }


def _are_classes(few: Mapping[float, int]) -> bool:
    return len(few) <= _MOST_CLASSES and all(value.is_integer() for value in few)


def _kind(column: Column) -> FeatureKind:
    return "number" if column.kind in {None, "number", "datetime"} else column.kind  # type: ignore[return-value]


def _of_another_kind(baseline: Column, now: Column) -> bool:
    """Tell whether no value can be compared, as all are of another kind."""
    known = baseline.kind is not None and now.kind is not None
    return known and _kind(now) != _kind(baseline) and "text" not in {now.kind, baseline.kind}


def _absent(column: Column) -> float:
    """Return the share of values that cannot be compared: missing, infinite, or of another kind."""
    return 1 - column.present / column.rows if column.rows else 0.0


def _remark(baseline: Column, now: Column) -> str | None:
    if now.invalid:
        return f"{now.invalid} values are not of the baseline's kind"
    if now.infinite:
        return f"{now.infinite} values are infinite"
    few = baseline.quantities.few
    if baseline.kind in {"number", "datetime"} and few is not None and len(few) == 1:
        return "it is constant in the baseline"
    return None


def _moved(one: FeatureDrift) -> tuple[bool, float]:
    return one.drifted or one.missing_drifted, (one.score or 0.0) / max(one.threshold, 1e-12)


def _notes(baseline: Baseline, now: Profile, thresholds: Thresholds, *, all_columns: bool) -> Iterable[str]:
    if now.rows < thresholds.least_rows:
        yield f"{now.rows} rows are too few to tell drift from chance (needs {thresholds.least_rows})"
    if not all_columns or not now.rows:
        return
    new = [one for one in now.names if one not in baseline.features.columns and one not in baseline.without]
    gone = [one for one in baseline.features.names if one not in now.columns or not now.columns[one].rows]
    if new and gone:
        yield f"columns are gone ({_listed(gone)}) and others are new ({_listed(new)}): were they renamed?"
    elif new:
        yield f"columns that the baseline does not know were not compared: {_listed(new)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
