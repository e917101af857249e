"""Answers of a version in the shadow, compared with those that were sent."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from . import scoring
from .batching import Batcher, Work, split
from .failures import Failure
from .rows import Rows, joined
from .telemetry import Telemetry


class Shadowed:
    """Rows that have been answered, on their way to a version in the shadow.

    Parameters
    ----------
    rows
        What was asked, of several requests together.
    counts, sent
        The rows of each, and what each was answered.
    telemetry, labels
        Where the comparison is counted, and as what.
    """

    __slots__ = ("_counts", "_labels", "_sent", "_telemetry", "arrived", "gone", "request_id", "rows")

    def __init__(
        self, rows: Rows, counts: list[int], sent: list[Any], telemetry: Telemetry, labels: tuple[str, ...]
    ) -> None:
        self.rows = rows
        self.gone = False
        self.arrived = perf_counter()
        self.request_id = b""
        self._counts = counts
        self._sent = sent
        self._telemetry = telemetry
        self._labels = labels

    def answer(self, predictions: Any) -> None:
        """Compare, and count."""
        self.gone = True
        mine = split(predictions, self._counts, self.rows.count)
        if mine is None:
            self._telemetry.compared(self._labels, "different", self.rows.count)
            return
        for count, ours, sent in zip(self._counts, mine, self._sent, strict=True):
            equal = _equal_rows(ours, sent, count)
            if equal:
                self._telemetry.compared(self._labels, "equal", equal)
            if equal < count:
                self._telemetry.compared(self._labels, "different", count - equal)

    def fail(self, failure: Failure) -> None:
        """Count."""
        self.gone = True
        self._telemetry.compared(self._labels, "failed", self.rows.count)


def shadow(
    batch: Sequence[Work], found: Sequence[Any], batcher: Batcher, telemetry: Telemetry, labels: tuple[str, ...]
) -> None:
    """Have a version in the shadow answer what another has answered."""
    pairs = [(work.rows, sent) for work, sent in zip(batch, found, strict=True) if not isinstance(sent, Failure)]
    while pairs:
        first = pairs[0][0]
        together = 1
        while together < len(pairs) and first.may_join(pairs[together][0]):
            together += 1
        taken, pairs = pairs[:together], pairs[together:]
        rows = joined([rows for rows, _ in taken])
        try:
            batcher.submit(Shadowed(rows, [each.count for each, _ in taken], [s for _, s in taken], telemetry, labels))
        except Failure:
            telemetry.compared(labels, "skipped", rows.count)


def _equal_rows(ours: Any, sent: Any, count: int) -> int:
    """Return how many rows have the same answer."""
    if isinstance(ours, np.ndarray) and isinstance(sent, np.ndarray):
        if ours.shape != sent.shape:
            return 0
        same = ours == sent
        if ours.dtype.kind == "f":
            same |= (ours != ours) & (sent != sent)  # noqa: PLR0124 -- NaN is what differs from itself
        return int(same.reshape(count, -1).all(axis=1).sum())
    return count if scoring.encode(ours) == scoring.encode(sent) else 0
