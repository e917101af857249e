"""How right the answers of an endpoint were, from what lies in its folder ``watch``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ...records import Quality
from ..endpoints.folder import PART_S
from . import parts, requests, segments
from .labels import Index, Labels
from .parts import AT, KEYS, VERSION
from .segments import Segment
from .tallies import Scores, Tally, Task

_PAYLOADS = "payloads"
_PREDICTION = "prediction"
_CLOCK_S = 3_600.0
_CLASS = re.compile(r"(?:prediction|class|probability|proba)?[_ ]?(?P<name>.+)")
# By version and segment.
Tallies = dict[tuple[str, str | None], Tally]


class Wanted(NamedTuple):
    """Which answers are looked at.

    Attributes
    ----------
    version
        Those of one version; ``None`` for all.
    since, until
        Those of a time.
    segment
        Those whose logged rows belong to a segment.
    by
        Apart for each value of a column of the logged rows.
    """

    version: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    segment: Segment | None = None
    by: str | None = None

    @property
    def sampled(self) -> bool:
        """Whether only logged rows can be told."""
        return self.segment is not None or self.by is not None

    def mask(self, answers: pa.Table) -> NDArray[np.bool_]:
        """Tell which rows are of the version and the time."""
        found = np.ones(answers.num_rows, dtype=np.bool_)
        if self.version is not None:
            found &= parts.values(answers[VERSION]) == self.version
        if self.since is not None or self.until is not None:
            at = answers[AT].cast(pa.int64()).to_numpy()
            found &= at >= _micros(self.since, 0)
            found &= at < _micros(self.until, 2**63 - 1)
        return found


EVERYTHING = Wanted()


def assess(watch: Path, wanted: Wanted = EVERYTHING, task: Task | None = None) -> tuple[Quality, ...]:
    """Return how right each version was, and each segment where these are asked for.

    The labels that have come are joined to the answers by request id and row, with the labels' index in memory, a
    million at a time, and the answers read in passes.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    wanted
        Which answers.
    task
        What the model does, if the data is not to tell.

    Raises
    ------
    NotFound
        When the logged rows have no such column.
    """
    tallies, listed = _tallied(watch, wanted)
    return _qualities(tallies, listed, task)


def assess_lately(watch: Path, lately_s: float) -> tuple[tuple[Quality, ...], tuple[Quality, ...]]:
    """Return how right each version was in all, and how right lately.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    lately_s
        Which answers are of late: those up to so many seconds older than the newest that has a label. Labels that come
        a week late tell of the last day but a week.
    """
    tallies, _ = _tallied(watch, EVERYTHING)
    whole = _qualities(tallies, [], None)
    labelled = [tally for tally in tallies.values() if tally.newest_us]
    newest = max((tally.newest_us for tally in labelled), default=0)
    since = newest - int(lately_s * 1_000_000)
    if all(tally.oldest_us > since for tally in labelled):
        return whole, whole
    moment = datetime.fromtimestamp(since / 1_000_000, UTC)
    return whole, assess(watch, Wanted(since=moment))


def _tallied(watch: Path, wanted: Wanted) -> tuple[Tallies, list[str]]:
    """Return what is counted, and the names of segments in their order."""
    tallies: Tallies = {}
    logged = Logged(watch / _PAYLOADS, wanted) if wanted.sampled else None
    every = parts.files(watch / parts.ANSWERS)
    for number, index in enumerate(Labels(watch / parts.LABELS).indexes()):
        doubtful = requests.doubtful(every, index)
        apart = None if logged is None else logged.segments(index)
        if number == 0 and logged is not None:
            logged.count(tallies)
        for answers in _tables(watch / parts.ANSWERS, wanted):
            if number == 0 and logged is None:
                _count(tallies, parts.values(answers[VERSION]), None)
            _tally(tallies, answers, index, apart, doubtful)
    return tallies, [] if logged is None else logged.listed()


def _qualities(tallies: Tallies, listed: list[str], task: Task | None) -> tuple[Quality, ...]:
    ordered = sorted(tallies.items(), key=lambda one: _place(one[0], listed))
    for _, tally in ordered:
        tally.settle(task)
    return tuple(
        Quality(
            version=version,
            rows=tally.rows,
            labelled=tally.labelled,
            metrics=tally.metrics(task),
            segment=segment,
            foreign=tally.foreign,
            foreign_label=tally.foreign_label,
            unsaid=tally.unsaid,
        )
        for (version, segment), tally in ordered
    )


def _tables(folder: Path, wanted: Wanted) -> Iterator[pa.Table]:
    files = parts.files(folder)
    if wanted.since is not None:
        # A part is over when the next one has begun, but for one of another version beside it and for a clock that was
        # set back a little.
        start = wanted.since.timestamp() - PART_S - _CLOCK_S
        files = [
            file
            for file, after in zip(files, [*files[1:], None], strict=True)
            if not after or parts.began(after) >= start
        ]
    if wanted.until is not None:
        end = wanted.until.timestamp()
        files = [file for file in files if parts.began(file) <= end]
    for answers in parts.tables(files):
        mask = wanted.mask(answers)
        yield answers if mask.all() else answers.filter(pa.array(mask))


class Logged:
    """The logged rows of which segments are made.

    Parameters
    ----------
    folder
        Where they are.
    wanted
        What is asked.
    """

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._files, self._wanted = parts.files(folder), wanted
        self._division: segments.Division | None = None

    def segments(self, index: Index) -> NDArray[np.object_]:
        """Return of each label the segment that its row falls to, ``None`` for no logged row."""
        if self._wanted.by is not None and self._division is None:
            self._division = segments.Division(self._wanted.by, self._seen(index, self._wanted.by))
        found = np.full(len(index.rows), None, dtype=object)
        for table in self._tables():
            places = index.find(table)
            hits = places >= 0
            found[places[hits]] = self._names(table)[hits]
        return found

    def listed(self) -> list[str]:
        """Return the names of the segments in the order of their values."""
        return [] if self._division is None else [self._within(one) for one in self._division.listed()]

    def count(self, tallies: Tallies) -> None:
        """Count the logged rows of each version and segment."""
        for table in self._tables():
            names, versions = self._names(table), parts.values(table[VERSION])
            for segment in {one for one in names.tolist() if one is not None}:
                _count(tallies, versions[names == segment], segment)

    def _tables(self) -> Iterator[pa.Table]:
        chosen = self._wanted.segment
        names = {*KEYS, *filter(None, [self._wanted.by, None if chosen is None else chosen.column])}
        lacking = None
        some = False
        for table in parts.tables(self._files, names):
            if len(table.column_names) < len(names):
                # Another version may take other columns.
                lacking = table
                continue
            some = True
            mask = self._wanted.mask(table)
            if chosen is not None:
                mask &= chosen.mask(table)
            yield table.filter(pa.array(mask))
        if lacking is not None and not some:
            missing = next(name for name in sorted(names) if name not in lacking.column_names)
            whole = next(parts.tables(self._files[-1:]), lacking)
            segments.column_of(whole, missing)

    def _seen(self, index: Index, column: str) -> NDArray[Any]:
        """Return the values of the rows that have a label."""
        kept = [parts.values(segments.column_of(table, column))[index.find(table) >= 0] for table in self._tables()]
        if any(one.dtype == object for one in kept):
            kept = [one.astype(object) for one in kept]
        return np.concatenate(kept) if kept else np.zeros(0)

    def _names(self, table: pa.Table) -> NDArray[np.object_]:
        whole = None if self._wanted.segment is None else str(self._wanted.segment)
        if self._division is None or self._wanted.by is None:
            return np.full(table.num_rows, whole, dtype=object)
        named = self._division.names(parts.values(segments.column_of(table, self._wanted.by)))
        if whole is None:
            return named
        return np.asarray([None if one is None else self._within(one) for one in named], dtype=object)

    def _within(self, name: str) -> str:
        return name if self._wanted.segment is None else f"{self._wanted.segment}, {name}"


def _place(key: tuple[str, str | None], listed: list[str]) -> tuple[int, str, int]:
    """Return where a version and segment stands: version 10 after 9, and segments as their values do."""
    version, segment = key
    place = listed.index(segment) if segment in listed else 0
    return (int(version), "", place) if version.isdecimal() else (-1, version, place)


def _count(tallies: Tallies, versions: NDArray[Any], segment: str | None) -> None:
    for version, count in pd.Series(versions).value_counts().items():
        tallies.setdefault((str(version), segment), Tally()).rows += int(count)


def _tally(
    tallies: Tallies,
    answers: pa.Table,
    index: Index,
    apart: NDArray[np.object_] | None,
    doubtful: NDArray[np.bool_],
) -> None:
    """Add the answers that have a label; of one that may be another row's say so."""
    places = index.find(answers)
    hits = np.flatnonzero(places >= 0)
    if apart is not None:
        hits = hits[[one is not None for one in apart[places[hits]]]]
    if not len(hits):
        return
    joined = answers.take(pa.array(hits))
    labels = index.labels[places[hits]]
    predicted, scores = answer_of(joined)
    named = np.full(len(hits), "", dtype=object) if apart is None else apart[places[hits]]
    groups = pd.DataFrame({"version": parts.values(joined[VERSION]), "segment": named}).groupby(["version", "segment"])
    for (version, segment), rows in groups.indices.items():
        tally = tallies.setdefault((str(version), segment or None), Tally())
        certain = rows[~doubtful[places[hits[rows]]]]
        tally.unsaid += len(rows) - len(certain)
        tally.at(joined[AT].take(pa.array(certain)))
        tally.add(labels[certain], predicted[certain], None if scores is None else scores.of(certain))


def answer_of(answers: pa.Table) -> tuple[NDArray[Any], Scores | None]:
    """Return what was answered, None where that is not kept, and how likely the classes were where that is."""
    names = [name for name in answers.column_names if name not in KEYS]
    if not names:
        # Too wide to be kept, or redacted.
        return np.full(answers.num_rows, None, dtype=object), None
    scored = [name for name in names if name != _PREDICTION and pa.types.is_floating(answers[name].type)]
    if _PREDICTION in names:
        return parts.values(answers[_PREDICTION]), _scores(answers, scored)
    if len(names) > 1 and len(scored) == len(names):
        # A column a class: the likeliest is the answer.
        table = np.column_stack([parts.values(answers[name]) for name in names])
        best = np.argmax(np.nan_to_num(table, nan=-np.inf), axis=1)
        return _classes(names)[best], _scores(answers, names)
    return parts.values(answers[names[0]]), None


def _scores(answers: pa.Table, names: list[str]) -> Scores | None:
    """Return the scores in columns that are each of a class, by their names; ``None`` of fewer than two."""
    if len(names) < 2:  # noqa: PLR2004 -- classes
        return None
    if len(names) == 2:  # noqa: PLR2004
        return Scores(parts.values(answers[names[1]]))
    values = np.column_stack([parts.values(answers[name]) for name in names])
    return Scores(values, tuple(_classes(names).tolist()))


def _classes(names: list[str]) -> NDArray[Any]:
    """Return the classes that columns of scores are called by: 0 and 1 of prediction_0 and prediction_1."""
    said = [found["name"] if (found := _CLASS.fullmatch(name)) else name for name in names]
    try:
        return np.asarray([float(one) for one in said])
    except ValueError:
        return np.asarray(said, dtype=object)


def _micros(instant: datetime | None, otherwise: int) -> int:
    return otherwise if instant is None else int(instant.timestamp() * 1_000_000)
