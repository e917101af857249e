"""Which combination of a batch is best, and by what."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from ..errors import CommandError, NotFound
from ..records import BatchRow
from .comparison import direction_of

Direction = Literal["lower", "higher"]
_DIRECTIONS: dict[str, Direction] = {"min": "lower", "max": "higher"}
_WORD = re.compile(r"[^\W_]+")
# What MLflow itself measures beside a run, and what autologging adds about the training, says little of the result.
_LAST = ("training_", "system/")


class Rank(NamedTuple):
    """A metric, and which of its values is better."""

    metric: str
    direction: Direction


def asked(best: str | None) -> Rank | None:
    """Read ``accuracy``, or ``loss:min`` where the name does not say which is better.

    Raises
    ------
    CommandError
        When there is no name, or another word than min or max after the colon.
    """
    if best is None:
        return None
    name, colon, way = best.rpartition(":")
    if colon and way.isalpha() and way not in _DIRECTIONS:
        raise CommandError(f"--best {best} says {way} where min or max is expected", f"--best {name}:max")
    rank = Rank(name, _DIRECTIONS[way]) if colon and way in _DIRECTIONS else Rank(best, direction_of(best))
    if not rank.metric.strip():
        raise CommandError(f"--best {best} names no metric", "--best accuracy or --best loss:min")
    return rank


def by_itself(rows: Iterable[BatchRow]) -> Rank | None:
    """Choose of the metrics that all have that ran to their end the plainest name, which is seldom a framework's."""
    common: set[str] | None = None
    for row in rows:
        if row.status in {"FINISHED", "SKIPPED"}:
            common = set(row.metrics) if common is None else common & row.metrics.keys()
    names = sorted(common or (), key=lambda name: (name.startswith(_LAST), len(_WORD.findall(name)), name))
    return Rank(names[0], direction_of(names[0])) if names else None


def must_have(rows: Iterable[BatchRow], rank: Rank) -> None:
    """Raise `NotFound` where no combination has the metric that was asked for; the nearest name is suggested."""
    names = {name for row in rows for name in row.metrics}
    if rank.metric in names:
        return
    near = difflib.get_close_matches(rank.metric, names, n=1)
    logged = ", ".join(sorted(names)[:8]) or "nothing"
    hint = f"did you mean --best {near[0]}?" if near else f"logged: {logged}"
    raise NotFound(f"no combination has the metric {rank.metric}, so none is best", hint)


def best(rows: Iterable[BatchRow], rank: Rank) -> BatchRow | None:
    """Return the best of those that ran to their end; of equals, the first."""
    able = [row for row in rows if row.status in {"FINISHED", "SKIPPED"} and _value(row, rank) is not None]
    return min(able, key=lambda row: _key(row, rank), default=None)


def ordered(rows: Sequence[BatchRow], metric: str | None, direction: Direction | None) -> list[BatchRow]:
    """Return rows, the best first; those without a value after them, in their order."""
    if metric is None or direction is None:
        return list(rows)
    rank = Rank(metric, direction)
    return sorted(rows, key=lambda row: _key(row, rank))


def _value(row: BatchRow, rank: Rank) -> float | None:
    value = row.metrics.get(rank.metric)
    return None if value is None or math.isnan(value) else value


def _key(row: BatchRow, rank: Rank) -> tuple[bool, float]:
    value = _value(row, rank)
    return value is None, 0.0 if value is None else value if rank.direction == "lower" else -value
