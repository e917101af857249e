"""What speaks against a canary, in words, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...records import METHOD_WORDS, RolloutPolicy
from . import labelled
from .evidence import Evidence
from .windows import (
    PLAIN,
    SLOW_BEYOND,
    WRONG,
    RolloutState,
    Seen,
    constant_alone,
    drifted_alone,
    fewest_rows,
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
    if slow > _SUSPICION and (told := _slower(ours[PLAIN:], theirs[PLAIN:], main.bounds)) is not None:
        yield slow >= certain + math.log(len(SLOW_BEYOND)), told
    if values.get(WRONG, 0.0) > _SUSPICION and (told := _wrong(state)) is not None:
        yield values[WRONG] >= certain, told
    found = labelled.off(canary.quality, main.quality, _OFF_MORE, _FEWEST_LABELS)
    if found is not None and found.log_value > _SUSPICION:
        said = f"its answers are off by {found.mean:.4g}, beside {found.beside:.4g} ({found.labels} labels)"
        yield found.log_value >= certain, said
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


def _wrong(state: RolloutState) -> str | None:
    found = labelled.wrong(state.labels)
    if found is None or min(found.labels, found.beside_labels) < _FEWEST_LABELS:
        return None
    if found.share - found.beside <= _WRONG_MORE:
        return None
    said = f"{found.share * 100:.3g}% of its answers were wrong, beside {found.beside * 100:.3g}%"
    return f"{said} ({found.labels} labels)"


def compared(state: RolloutState, bounds: Sequence[float]) -> str:
    """Return what has happened with a share, in a few words."""
    ours, theirs = state.step_counts["canary"], state.step_counts["main"]
    said = f"{ours[0]} requests, {_percent(ours[1], ours[0])} failed beside {_percent(theirs[1], theirs[0])}"
    mine, other = quantile(ours[PLAIN:], bounds, _BIG), quantile(theirs[PLAIN:], bounds, _BIG)
    if mine is not None and other is not None:
        said += f", p95 {_time(mine)} beside {_time(other)}"
    if (found := labelled.wrong(state.labels)) is not None:
        said += f", {found.share * 100:.3g}% wrong beside {found.beside * 100:.3g}%"
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
