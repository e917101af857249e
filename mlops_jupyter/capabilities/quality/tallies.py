"""What is counted of labelled answers, and the measures that come of it; a tally takes no more room as rows come."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...records import QualityMetric
from . import intervals
from .intervals import Interval
from .labels import words

# One label in so many may be a mistake.
_STRAYS = 20
Task = Literal["classification", "regression"]

# More classes than these have no confusion matrix; so many numbers are still classes.
_CLASSES, _NUMBERED = 100, 20
# Of so many rows at the most the scores are kept: beyond, a random choice of them.
_SCORES = 200_000
_HALF = 0.5
_SEED = 20_262


class Scores(NamedTuple):
    """How likely classes are.

    Attributes
    ----------
    shares
        Of two classes how likely the second is, of shape (n,); of more, how likely each is, of shape (n, classes).
    classes
        These, as labels say them; none of two.
    """

    shares: NDArray[np.float64]
    classes: tuple[Any, ...] = ()

    def of(self, rows: NDArray[Any]) -> Scores:
        """Return those of some rows."""
        return Scores(self.shares[rows], self.classes)


class Tally:
    """Labelled answers of one version, or of a segment of them.

    Attributes
    ----------
    rows, labelled
        How many answers there are, and how many of them have a label that counts.
    foreign, foreign_label
        How many labels cannot be answers of the model, being of another kind, and the first of them.
    unsaid
        How many labels do not say of which of a request's rows they are.
    oldest_us, newest_us
        When the first and the last answer with a label was given, in microseconds of the epoch; 0 of none.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.labelled = 0
        self.foreign = 0
        self.foreign_label: str | None = None
        self.unsaid = 0
        self.oldest_us = self.newest_us = 0
        self._cells: dict[tuple[Any, Any], int] = {}
        self._many = False
        self._text = False
        self._integral = True
        self._shares = True
        self._sums = np.zeros(3)
        self._scores = np.empty(0)
        self._classes: tuple[Any, ...] = ()
        self._labels: NDArray[Any] = np.empty(0)
        self._offered = 0
        self._random = np.random.default_rng(_SEED)

    def add(self, labels: NDArray[Any], answers: NDArray[Any], scores: Scores | None = None) -> None:
        """Count rows.

        Parameters
        ----------
        labels, answers
            Numbers or text; shape (n,). An answer that is none, or no finite number, is left out, and so is a label
            of another kind than the answers.
        scores
            How likely the classes are, where the answers say so.
        """
        there = _told(answers) & _told(labels)
        labels, answers = labels[there], answers[there]
        if not len(labels):
            return
        alike = alike_to(answers, labels)
        if not alike.all():
            self.foreign += int((~alike).sum())
            self.foreign_label = self.foreign_label or str(words(labels[~alike][:1])[0])
            there[there] = alike
            labels, answers = labels[alike], answers[alike]
            if not len(labels):
                return
        if answers.dtype != object and labels.dtype == object:
            # Numbers, written as such or as text.
            labels = _numbers(labels)
        if self._text or "O" in {labels.dtype.kind, answers.dtype.kind}:
            if not self._text:
                self._text = True
                self._cells = {_said(cell): count for cell, count in self._cells.items()}
            labels, answers = words(labels), words(answers)
        else:
            self._add_numbers(labels.astype(np.float64), answers.astype(np.float64))
        self.labelled += len(labels)
        self._add_cells(labels, answers)
        if scores is not None:
            # Of answers that name other classes than before nothing more is sampled.
            if not len(self._scores) or scores.classes == self._classes:
                self._classes = scores.classes
                self._sample(scores.shares[there], labels)
        elif not self._text and self._shares and not self._classes:
            self._sample(answers.astype(np.float64), labels)

    def at(self, moments: Any) -> None:
        """Note when answers were given that have a label; ``moments`` is a column of Arrow."""
        if len(moments):
            ends = pc.min_max(moments.cast(pa.int64())).as_py()
            self.oldest_us = min(self.oldest_us or ends["min"], ends["min"])
            self.newest_us = max(self.newest_us, ends["max"])

    def task(self) -> Task:
        """Tell what the model does: text, and few whole numbers, are classes; so are shares beside two of them."""
        if self._text:
            return "classification"
        classes = {label for label, _ in self._cells}
        whole = all(float(one).is_integer() for one in classes)
        if self._many or not whole or len(classes) > _NUMBERED:
            return "regression"
        return "classification" if self._integral or self._probabilities(classes) else "regression"

    def settle(self, task: Task | None = None) -> None:
        """Leave out a few fractions among labels that are classes otherwise, of a model that answers whole numbers."""
        if self._text or self._many or not self._integral or task == "regression":
            return
        strays = {cell: count for cell, count in self._cells.items() if not float(cell[0]).is_integer()}
        count = sum(strays.values())
        if not count or count * _STRAYS > self.labelled:
            return
        self.foreign_label = self.foreign_label or str(words(np.asarray([next(iter(strays))[0]]))[0])
        self.foreign, self.labelled = self.foreign + count, self.labelled - count
        self._cells = {cell: count for cell, count in self._cells.items() if cell not in strays}
        whole = self._labels == np.floor(self._labels)
        self._scores, self._labels = self._scores[whole], self._labels[whole]

    def metrics(self, task: Task | None = None) -> tuple[QualityMetric, ...]:
        """Return the measures, by the task that the data shows unless it is told; of text as numbers there are none."""
        if not self.labelled or (self._text and task == "regression"):
            return ()
        found = self._regression() if (task or self.task()) == "regression" else self._classification()
        return tuple(
            QualityMetric(name, one.value, one.low, one.high, self.labelled)
            for name, one in found.items()
            if one is not None
        )

    def _add_numbers(self, labels: NDArray[np.float64], answers: NDArray[np.float64]) -> None:
        squares = (answers - labels) ** 2
        self._sums += (np.abs(answers - labels).sum(), squares.sum(), (squares**2).sum())
        self._integral &= bool(np.all(answers == np.floor(answers)))
        self._shares &= bool(np.all((answers >= 0) & (answers <= 1)))

    def _add_cells(self, labels: NDArray[Any], answers: NDArray[Any]) -> None:
        if self._many:
            return
        if not self._text and not self._integral and not self._shares:
            # No classes: the labels alone are kept, to be told from numbers of a measure.
            answers = np.zeros(len(labels))
        elif not self._text and not self._integral:
            answers = (answers >= _HALF).astype(np.float64)
        counts = pd.DataFrame({"label": labels, "answer": answers}).value_counts()
        for cell, count in zip(counts.index.tolist(), counts.tolist(), strict=True):
            self._cells[cell] = self._cells.get(cell, 0) + int(count)
        if len({one for cell in self._cells for one in cell}) > _CLASSES:
            self._many = True
            self._cells = {}

    def _sample(self, scores: NDArray[np.float64], labels: NDArray[Any]) -> None:
        """Keep a random choice of all rows so far: J. S. Vitter's algorithm R (1985), many rows at a time."""
        most = _SCORES // max(len(self._classes), 1)
        room = max(0, most - len(self._scores))
        self._scores = scores[:room] if not len(self._scores) else np.concatenate([self._scores, scores[:room]])
        self._labels = labels[:room] if not len(self._labels) else np.concatenate([self._labels, labels[:room]])
        self._offered += min(room, len(scores))
        rest = len(scores) - room
        if rest <= 0:
            return
        numbers = self._offered + 1 + np.arange(rest)
        self._offered += rest
        places = np.floor(self._random.random(rest) * numbers).astype(np.int64)
        taken = np.flatnonzero(places < most)
        self._scores[places[taken]] = scores[room:][taken]
        self._labels[places[taken]] = labels[room:][taken]

    def _probabilities(self, classes: set[Any]) -> bool:
        return self._shares and classes <= {0.0, 1.0}

    def _regression(self) -> dict[str, Interval | None]:
        total, squares, fourths = self._sums.tolist()
        return {
            "rmse": intervals.root_mean_square(self.labelled, squares, fourths),
            "mae": intervals.mean_absolute(self.labelled, total, squares),
        }

    def _classification(self) -> dict[str, Interval | None]:
        if self._many:
            return {}
        right = sum(count for (label, answer), count in self._cells.items() if label == answer)
        found: dict[str, Interval | None] = {"accuracy": intervals.proportion(right, self.labelled)}
        if self._classes:
            found["auc"] = self._of_classes()
        classes = sorted({one for cell in self._cells for one in cell})
        if not self._text and set(classes) <= {0.0, 1.0}:
            classes = [0.0, 1.0]
        if len(classes) == 2:  # noqa: PLR2004 -- two classes
            return found | self._of_two(classes[1])
        if len(classes) > 2:  # noqa: PLR2004
            table = np.zeros((len(classes), len(classes)), dtype=np.int64)
            for (label, answer), count in self._cells.items():
                table[classes.index(label), classes.index(answer)] = count
            return found | intervals.averaged(table)
        return found

    def _of_classes(self) -> Interval | None:
        """Return AUC of each class beside all others, their mean: scikit-learn's ``multi_class="ovr"``."""
        of_classes = np.column_stack([np.asarray(self._labels == one, dtype=np.bool_) for one in self._classes])
        return intervals.mean_auc(self._scores, of_classes)

    def _of_two(self, positive: Any) -> dict[str, Interval | None]:
        """Return the measures of two classes; the second in order is the positive one, as scikit-learn has it."""

        def count(*, labelled: bool, answered: bool) -> int:
            return sum(
                one
                for (label, answer), one in self._cells.items()
                if (label == positive) is labelled and (answer == positive) is answered
            )

        hits = count(labelled=True, answered=True)
        false, missed = count(labelled=False, answered=True), count(labelled=True, answered=False)
        found = {
            "precision": intervals.proportion(hits, hits + false),
            "recall": intervals.proportion(hits, hits + missed),
            "f1": intervals.f1(hits, false, missed),
        }
        if len(self._scores) and not self._classes:
            distinct = np.unique(self._scores[:_CLASSES])
            # Classes themselves order nothing that the confusion matrix does not say.
            if len(distinct) > 2 or not set(distinct.tolist()) <= {0.0, 1.0}:  # noqa: PLR2004
                found["auc"] = intervals.auc(self._scores, np.asarray(self._labels == positive))
        return found


def alike_to(answers: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which labels can be answers of a model that answers so.

    Where it answers numbers these are numbers and truth values, also written as text; where it answers text, text, and
    numbers and truth values if some of its answers are such words. Of answers that are not known all can be.
    """
    if answers.dtype != object:
        return np.isfinite(_numbers(labels)) if labels.dtype == object else np.ones(len(labels), dtype=np.bool_)
    texts = np.asarray([isinstance(one, str) for one in labels.tolist()], dtype=np.bool_)
    if texts.all():
        return texts
    said = set(answers[~pd.isna(answers)].tolist())
    if not said:
        return np.ones(len(labels), dtype=np.bool_)
    truths = np.asarray([isinstance(one, bool) for one in labels.tolist()], dtype=np.bool_)
    numbers = bool(np.isfinite(_numbers(np.asarray(list(said), dtype=object))).any())
    return texts | np.where(truths, bool(said & {"True", "False"}), numbers)


def _numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return values as numbers, NaN for what is none."""
    if values.dtype != object:
        return values.astype(np.float64)
    return np.asarray(pd.to_numeric(pd.Series(values, dtype=object), errors="coerce"), dtype=np.float64)


def _told(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~pd.isna(values) if values.dtype == object else np.isfinite(values), dtype=np.bool_)


def _said(cell: tuple[Any, Any]) -> tuple[Any, Any]:
    label, answer = words(np.asarray(cell)).tolist()
    return label, answer
