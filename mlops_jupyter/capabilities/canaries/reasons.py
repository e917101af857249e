"""What speaks against a canary, in words, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...records import METHOD_WORDS, Quality, RolloutPolicy
from .evidence import Evidence, of_means
from .windows import (
    SLOW_BEYOND,
    WRONG,
    RolloutState,
    Seen,
    constant_alone,
    drifted_alone,
    fewest_rows,
    metric,
    quantile,
    suffices,
)

# Evidence that makes one wait: e-values of 20 and more.
_SUSPICION = math.log(20.0)
# What a user would not notice is no reason, however sure it is.
_FAILED_MORE, _SLOWER, _SLOWER_S, _WRONG_MORE, _OFF_MORE = 0.005, 1.25, 0.001, 0.02, 1.1
_FEWEST_LABELS = 100
_BIG = 0.95


def against(policy: RolloutPolicy, state: RolloutState, main: Seen, canary: Seen) -> Iterator[tuple[bool, str]]:
    """Yield what speaks against the canary, and whether that is certain."""
    certain = suffices(policy)
    ours, theirs = state.step_counts["canary"], state.step_counts["main"]
    values = {kind: Evidence(tuple(wealth)).log_value for kind, wealth in state.evidence.items()}
    if ours[0] and values["failed"] > _SUSPICION and ours[1] / ours[0] - _share(theirs[1], theirs[0]) > _FAILED_MORE:
        said = f"{_percent(ours[1], ours[0])} of its requests failed, beside {_percent(theirs[1], theirs[0])}"
        yield values["failed"] >= certain, said
    slow = max((value for kind, value in values.items() if kind.startswith("slow")), default=0.0)
    if slow > _SUSPICION and (told := _slower(ours[4:], theirs[4:], main.bounds)) is not None:
        yield slow >= certain + math.log(len(SLOW_BEYOND)), told
    enough = min(ours[2], theirs[2]) >= _FEWEST_LABELS
    if enough and values[WRONG] > _SUSPICION and _share(ours[3], ours[2]) - _share(theirs[3], theirs[2]) > _WRONG_MORE:
        said = f"{_percent(ours[3], ours[2])} of its answers were wrong, beside {_percent(theirs[3], theirs[2])}"
        yield values[WRONG] >= certain, f"{said} ({ours[2]} labels)"
    yield from _off(canary.quality, main.quality, certain)
    yield from _drifted(policy, state, main, canary)


def _drifted(policy: RolloutPolicy, state: RolloutState, main: Seen, canary: Seen) -> Iterator[tuple[bool, str]]:
    """Compare what either is asked and answers with their baselines."""
    fewest = fewest_rows(policy)
    if (output := constant_alone(main.drift, canary.drift, fewest)) is not None:
        # It may be meant: nobody but a user can tell.
        yield False, f"it answers always the same {output}, as to its baseline, and what it stands beside does not"
    alone = list(drifted_alone(main.drift, canary.drift, fewest))
    if alone and state.drifted:
        one = max(alone, key=lambda each: (each.score or 0) / each.threshold)
        told = f"{one.feature} has drifted, {METHOD_WORDS[one.method]} {one.score:.3g} over {one.threshold:.3g}"
        if main.drift is None:
            # The traffic may have moved for both.
            yield False, f"{told}; what it stands beside has no baseline"
        else:
            yield state.drifted >= policy.windows, f"{told}, and not beside it"


def _slower(ours: Sequence[int], theirs: Sequence[int], bounds: Sequence[float]) -> str | None:
    for share in (_BIG, 0.5):
        mine, other = quantile(ours, bounds, share), quantile(theirs, bounds, share)
        if mine is None or other is None:
            continue
        if mine > _SLOWER * other and mine - other > _SLOWER_S:
            return f"it is slower: p{share * 100:.0f} {_time(mine)}, beside {_time(other)}"
    return None


def _off(ours: Quality | None, theirs: Quality | None, certain: float) -> Iterator[tuple[bool, str]]:
    """Compare the errors of numbers."""
    mine, other = metric(ours, "mae"), metric(theirs, "mae")
    if mine is None or other is None or None in {mine.value, mine.low, other.value, other.low}:
        return
    if min(mine.labels, other.labels) < _FEWEST_LABELS:
        return
    spread = [(one.high - one.low) / (2 * 1.96) for one in (mine, other)]
    error = math.hypot(spread[0], _OFF_MORE * spread[1])
    fewest = math.hypot(
        *(each * math.sqrt(one.labels / _FEWEST_LABELS) for each, one in zip(spread, (mine, other), strict=True))
    )
    value = of_means(mine.value - _OFF_MORE * other.value, error, fewest)
    if value > _SUSPICION:
        said = f"its answers are off by {mine.value:.4g}, beside {other.value:.4g} ({mine.labels} labels)"
        yield value >= certain, said


def compared(state: RolloutState, bounds: Sequence[float]) -> str:
    """Return what has happened with a share, in a few words."""
    ours, theirs = state.step_counts["canary"], state.step_counts["main"]
    said = f"{ours[0]} requests, {_percent(ours[1], ours[0])} failed beside {_percent(theirs[1], theirs[0])}"
    mine, other = quantile(ours[4:], bounds, _BIG), quantile(theirs[4:], bounds, _BIG)
    if mine is not None and other is not None:
        said += f", p95 {_time(mine)} beside {_time(other)}"
    if ours[2] and theirs[2]:
        said += f", {_percent(ours[3], ours[2])} wrong beside {_percent(theirs[3], theirs[2])}"
    return said


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percent(part: int, whole: int) -> str:
    return f"{_share(part, whole) * 100:.3g}%"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def span(seconds: float) -> str:
    """Return a duration in words."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"  # noqa: PLR2004
