"""Labels are given: kept in an endpoint's folder ``watch``, and joined to what it has answered."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...errors import CommandError
from ...records import Feedback
from . import parts, requests
from .assessing import answer_of
from .labels import Index, Labels
from .parts import ID, ROW, Within
from .tallies import alike_to

_LOOK_S = 0.2


class _Joined(NamedTuple):
    """What is known of labels.

    Attributes
    ----------
    answered
        Whether the row has been answered; shape (n,).
    known
        Whether its request has been; shape (n,).
    several
        Whether that had more than one row; shape (n,).
    foreign
        Whether the model cannot answer it, being of another kind; shape (n,).
    """

    answered: NDArray[np.bool_]
    known: NDArray[np.bool_]
    several: NDArray[np.bool_]
    foreign: NDArray[np.bool_]


def give(watch: Path, name: str, batches: Iterable[pa.Table]) -> Feedback:
    """Keep labels, and tell what became of them.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    name
        The deployment.
    batches
        The labels, as of `given.batches`.

    Raises
    ------
    CommandError
        When they cannot be read, or do not say which row of a request they are of; then none is kept.
    ConfigurationError
        When they cannot be written.
    """
    labels = Labels(watch / parts.LABELS)
    counted = _Counted(batches)
    written = labels.add(counted)
    duplicates = joined = distinct = beyond = foreign = 0
    older, answers = labels.before(written), parts.files(watch / parts.ANSWERS)
    try:
        for index in labels.indexes(written):
            found = _joined(answers, index)
            _refuse_unsaid(answers, index, found)
            distinct += len(index.rows)
            duplicates += index.repeated + int(_among(older, index).sum())
            joined += int(found.answered.sum())
            foreign += int(found.foreign.sum())
            beyond += int((found.known & ~found.answered).sum())
    except BaseException:
        for file in written:
            file.unlink(missing_ok=True)
        raise
    unknown = distinct - joined
    if counted.rows:
        labels.count(joined=joined, unknown=unknown, duplicate=duplicates)
    notes = _notes(watch, unknown - beyond, beyond)
    return Feedback(name, counted.rows, joined, duplicates, unknown, notes=notes, foreign=foreign)


def await_answers(watch: Path, ids: Sequence[str], limit_s: float) -> None:
    """Wait until the answers to requests have been written down, which an endpoint does every few seconds.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    ids
        The ids of the requests.
    limit_s
        After so many seconds they are not waited for any more.
    """
    missing, looked = set(ids), set[Path]()
    end = time.monotonic() + limit_s
    while missing:
        # A part does not change once it is there, and may be one of many; the newest are the likeliest.
        new = [one for one in parts.files(watch / parts.ANSWERS) if one not in looked]
        looked.update(new)
        for table in parts.tables(new[::-1], (ID,), Within(ID, min(missing), max(missing))):
            missing.difference_update(pc.unique(table[ID]).to_pylist())
            if not missing:
                return
        if time.monotonic() > end:
            return
        time.sleep(_LOOK_S)


class _Counted:
    """Batches, and how many rows have come by."""

    def __init__(self, batches: Iterable[pa.Table]) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.Table]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


def _among(files: Sequence[Path], index: Index) -> NDArray[np.bool_]:
    """Tell of each label whether its row is in files."""
    found = np.zeros(len(index.rows), dtype=np.bool_)
    for table in _answers(files, index, (ID, ROW)):
        requests.mark(found, index, table)
    return found


def _joined(answers: Sequence[Path], index: Index) -> _Joined:
    """Join labels to rows and, where it matters, to requests."""
    answered, foreign = np.zeros((2, len(index.rows)), dtype=np.bool_)
    # Of labels that all say row 0 the request is known where the row is.
    of_requests = bool(index.unsaid.any() or index.rows.any())
    codes, asked = requests.of_labels(index.ids) if of_requests else (np.arange(len(answered)), index)
    known, several = np.zeros((2, len(asked.rows)), dtype=np.bool_)
    for table in _answers(answers, index):
        places = index.find(table)
        hits = np.flatnonzero(places >= 0)
        answered[places[hits]] = True
        if len(hits):
            labels = index.labels[places[hits]]
            foreign[places[hits]] = ~alike_to(answer_of(table.take(pa.array(hits)))[0], labels)
        if not of_requests:
            continue
        numbers = parts.numbers_of(table)
        for number, found in ((0, known), (1, several)):
            requests.mark(found, asked, requests.named(table[ID].filter(pa.array(numbers == number))))
    return _Joined(answered, known[codes] if of_requests else answered, several[codes], foreign)


def _answers(files: Sequence[Path], index: Index, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    if not len(index.rows):
        return
    ends = pc.min_max(index.ids).as_py()
    yield from parts.tables(files, columns, Within(ID, ends["min"], ends["max"]))


def _refuse_unsaid(answers: Sequence[Path], index: Index, found: _Joined) -> None:
    """Refuse labels that do not say their row where it may be one of several.

    Of a request whose answer has not been written down yet two such labels cannot be told apart.
    """
    doubtful = np.flatnonzero((index.unsaid > 0) & (found.several | (~found.known & (index.unsaid > 1))))
    if not len(doubtful):
        return
    # Ids are the caller's: they stand in the hint, which an answer to a POST leaves out.
    place = int(doubtful[0])
    request = index.ids[place].as_py()
    hint = f"of request {request}: give a column row, counted from 0"
    if found.several[place]:
        count = sum(pc.sum(pc.equal(one[ID], request)).as_py() or 0 for one in _answers(answers, index, (ID,)))
        raise CommandError(f"a request of {count} rows has a label that says no row: a column row is needed", hint)
    said = f"a request that is not known yet has {index.unsaid[place]} labels that say no row"
    raise CommandError(f"{said}: a column row is needed", hint)


def _notes(watch: Path, unknown: int, beyond: int) -> tuple[str, ...]:
    notes = []
    if beyond:
        whose = "label is of a row that its request" if beyond == 1 else "labels are of rows that their requests"
        notes = [f"{beyond} {whose} did not have; rows count from 0"]
    if not unknown:
        return tuple(notes)
    files = parts.files(watch / parts.ANSWERS)
    if not files:
        return (*notes, "no answers are kept yet: labels count as soon as their requests are known")
    oldest = datetime.fromtimestamp(parts.began(files[0]), UTC)
    of = f"of {unknown} row{'' if unknown == 1 else 's'} no answer is known"
    said = f"{of}: answers are kept since {oldest:%Y-%m-%d %H:%M} UTC"
    return (*notes, f"{said}; a label that came before its answer was written down counts from then on")
