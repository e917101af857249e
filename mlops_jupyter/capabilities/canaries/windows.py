"""What a canary and the versions beside it have done, window after window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ...records import DriftReport, FeatureDrift, Quality, RolloutPolicy
from . import labelled
from .evidence import Evidence, Window

# The chance that a canary that is no worse is ever rolled back, by all kinds of evidence, over all steps.
_FALSE_ALARMS = 0.005
_KINDS = 4
# How many times as often requests may be slow, or answers wrong.
_SLOW_TOLERATED, _WRONG_TOLERATED = 2.0, 1.1
# The shares of requests beside the canary that are faster than what counts as slow.
SLOW_BEYOND = (0.75, 0.95)
_FEWEST_ROWS, _DRIFT_MORE = 200, 1.5
# With fewer a drift report has no distances.
_LEAST_ROWS = 30
# The chance that a canary's rows are answered alike when each answer is as frequent as beside it.
_ALIKE = 0.001
WRONG = "wrong"
# So many counts stand before the durations.
PLAIN = 2


class Seen(NamedTuple):
    """What a version has done since its endpoint was started.

    Attributes
    ----------
    requests, failed
        How many requests, and how many of them failed.
    bounds, counts
        The durations' histogram: upper bounds in seconds, and how many fell into each bucket; one more has no bound.
    drift
        What it is asked and answers beside its baseline, where known.
    quality
        How right its answers were that it gave during each share of the rollout, ``None`` where that is not known.
    watched
        Whether its drift is going to be told, as it has a baseline.
    """

    requests: int = 0
    failed: int = 0
    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    drift: DriftReport | None = None
    quality: tuple[Quality | None, ...] = ()
    watched: bool = False


@dataclass(frozen=True)
class RolloutState:
    """What is remembered from window to window; plain values, so that it outlives the process.

    Attributes
    ----------
    step
        The number of the present share.
    since_s
        Since when, in seconds of the epoch.
    starts
        When each share so far began: what labels say is compared share by share.
    last
        What canary and main had done by the end of the last window: requests, failed, and durations.
    step_counts
        What they have done in this step, of the same form.
    labels
        How many labels of theirs were weighed, and how many of these said wrong, for each share.
    evidence
        Of each kind, what speaks against the canary in this step.
    slow
        The bounds beyond which a request counts as slow, ``None`` while too little is known.
    drifted
        In how many windows in a row it had drifted alone.
    drift_until
        The end of the drift report that was looked at last.
    drift_told
        How many drift reports were looked at in this step after the canary had answered enough for one.
    """

    step: int = 0
    since_s: float = 0.0
    starts: tuple[float, ...] = ()
    last: Mapping[str, Sequence[int]] = field(default_factory=dict)
    step_counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    labels: Mapping[str, labelled.Counts] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[float]] = field(default_factory=dict)
    slow: tuple[float, ...] | None = None
    drifted: int = 0
    drift_until: str = ""
    drift_told: int = 0

    def following(self, at_s: float) -> RolloutState:
        """Return what is remembered when the next share begins: what labels have said, which come when they come."""
        evidence = {kind: wealth for kind, wealth in self.evidence.items() if kind == WRONG}
        starts = (*self.starts, at_s)
        return RolloutState(self.step + 1, at_s, starts, self.last, labels=self.labels, evidence=evidence)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> RolloutState:
        """Return the state that `dataclasses.asdict` made a dict of; of an earlier form it raises `KeyError`."""
        slow = told["slow"]
        return cls(**{**told, "starts": tuple(told["starts"]), "slow": None if slow is None else tuple(slow)})


def _totals(main: Seen, canary: Seen) -> dict[str, list[int]]:
    return {"main": _counts(main), "canary": _counts(canary)}


def _counts(seen: Seen) -> list[int]:
    return [seen.requests, seen.failed, *seen.counts]


def cooled(state: RolloutState, main: Seen, canary: Seen) -> RolloutState:
    """Leave out what has happened so far but for labels: what is counted begins when caches are warm."""
    return replace(state, last=_totals(main, canary))


def with_window(policy: RolloutPolicy, state: RolloutState, main: Seen, canary: Seen) -> RolloutState:
    """Add what has happened since the last window."""
    now = _totals(main, canary)
    added = {name: _increase(state.last.get(name, now[name]), now[name]) for name in now}
    totals = {name: _sum(state.step_counts.get(name, ()), added[name]) for name in now}
    evidence = dict(state.evidence)
    enough = suffices(policy)
    # No window alone suffices; but labels come many at a time.
    most = enough / policy.windows

    def weigh(kind: str, window: Window, tolerated: float, limit: float = most) -> None:
        before = Evidence(tuple(evidence[kind])) if kind in evidence else Evidence()
        evidence[kind] = before.and_(window, tolerated, limit).wealth

    ours, theirs = added["canary"], added["main"]
    weigh("failed", Window(ours[1], ours[0], theirs[1], theirs[0]), 1.0)
    told = {"main": labelled.counts(main.quality), "canary": labelled.counts(canary.quality)}
    labels, windows = labelled.weighed(state.labels, told)
    for window in windows:
        weigh(WRONG, window, _WRONG_TOLERATED, 2 * enough)
    slow = state.slow or _slow_bounds(state.last.get("main", now["main"])[PLAIN:], main.bounds, policy.min_requests)
    for bound in slow or ():
        window = Window(*_slow(ours[PLAIN:], main.bounds, bound), *_slow(theirs[PLAIN:], main.bounds, bound))
        weigh(f"slow {bound:g}", window, _SLOW_TOLERATED)
    until = "" if canary.drift is None or canary.drift.until is None else canary.drift.until.isoformat()
    drifted, drift_told = state.drifted, state.drift_told
    if until != state.drift_until:
        drifted = state.drifted + 1 if any(drifted_alone(main.drift, canary.drift, fewest_rows(policy))) else 0
        # Had it answered enough by the look before, this report knows of it; where rows come so slowly that the window
        # never holds enough, that is all that can be told.
        drift_told += sum(state.step_counts.get("canary", ())[:1]) >= fewest_rows(policy)
    return replace(
        state,
        last=now,
        step_counts=totals,
        labels=labels,
        evidence=evidence,
        slow=slow,
        drifted=drifted,
        drift_until=until,
        drift_told=drift_told,
    )


def _slow_bounds(before: Sequence[int], bounds: Sequence[float], least: int) -> tuple[float, ...] | None:
    """Return beyond which durations a request counts as slow, by what stood there before anything is judged."""
    if sum(before) < least:
        return None
    found = {_bound(before, bounds, share) for share in SLOW_BEYOND}
    return tuple(sorted(one for one in found if one is not None))


def _increase(before: Sequence[int], now: Sequence[int]) -> list[int]:
    """Return what has been added; counts that are lower than before began anew, with their process."""
    if len(before) != len(now):
        # It has answered for the first time.
        before = [*before, *([0] * (len(now) - len(before)))]
    if now[0] < before[0]:
        before = [0] * len(now)
    return [max(0, after - one) for one, after in zip(before, now, strict=False)]


def _sum(before: Sequence[int], more: Sequence[int]) -> list[int]:
    return [*map(sum, zip(before, more, strict=False)), *more[len(before) :]]


def _slow(counts: Sequence[int], bounds: Sequence[float], bound: float) -> tuple[int, int]:
    slower = sum(count for count, upper in zip(counts, (*bounds, math.inf), strict=False) if upper > bound)
    return slower, sum(counts)


def _bound(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """Return the least bound that a share of the requests is faster than."""
    total, so_far = sum(counts), 0
    for count, bound in zip(counts, bounds, strict=False):
        so_far += count
        if so_far >= share * total:
            return bound
    return None


def fewest_rows(policy: RolloutPolicy) -> int:
    """Return with how many rows of a canary its drift begins to count."""
    return min(_FEWEST_ROWS, max(_LEAST_ROWS, policy.min_requests))


def drifted_alone(main: DriftReport | None, canary: DriftReport | None, fewest: int) -> Iterator[FeatureDrift]:
    """Yield what the canary has drifted in and the version beside it has not, from so many of its rows on."""
    if canary is None or canary.rows_now < fewest:
        return
    beside = set() if main is None else {one.feature for one in main.drifted}
    for one in (*canary.features, *canary.predictions):
        far = one.score is not None and one.score > _DRIFT_MORE * one.threshold
        if one.drifted and far and one.feature not in beside:
            yield one


def constant_alone(main: DriftReport | None, canary: DriftReport | None, fewest: int) -> str | None:
    """Return the output that a canary always gives the same, as to its baseline, and what stands beside it does not.

    Its baseline says what it answered itself, so that this is no drift.
    """
    if main is None or canary is None or canary.rows_now < fewest:
        return None
    beside = {one.feature: one.distribution for one in main.predictions}
    for one in canary.predictions:
        ours, theirs = one.distribution, beside.get(one.feature)
        if ours is None or theirs is None or 1.0 not in ours.baseline or 1.0 not in ours.now:
            continue
        if max(theirs.now) ** canary.rows_now < _ALIKE:
            return one.feature
    return None


def quantile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float | None:
    """Return a quantile of a histogram, interpolated in its bucket as PromQL's ``histogram_quantile`` does."""
    total = sum(counts)
    if not total:
        return None
    wanted, so_far, lower = share * total, 0, 0.0
    for count, upper in zip(counts, bounds, strict=False):
        if so_far + count >= wanted and count:
            return lower + (upper - lower) * (wanted - so_far) / count
        so_far += count
        lower = upper
    return bounds[-1]


def suffices(policy: RolloutPolicy) -> float:
    """Return the logarithm of the e-value that suffices: the chance is shared between kinds and steps."""
    return math.log(_KINDS * len(policy.steps) / _FALSE_ALARMS)
