"""What a batch tells of itself while it runs: a bar, and a table where one can be shown."""

from __future__ import annotations

import time
from typing import Protocol

from ..protocols import Reporter
from ..records import Batch

# How often, at the most, the table and the bar are drawn, and a new line of progress begun.
_TABLE_S, _BAR_S, _LINE_S = 0.5, 0.2, 1.0
# Drawing takes no more than this part of the time, however long the table is.
_PART = 20
_NEVER = float("inf")


class Told(Protocol):
    """What is told of."""

    @property
    def share(self) -> float:
        """How many combinations have ended, those that run counted by their cells."""

    @property
    def ended(self) -> int:
        """How many have ended, those that were skipped included."""

    def so_far(self) -> Batch:
        """Tell the batch as it is now."""


class Telling:
    """Tells it, not too often.

    Parameters
    ----------
    told
        The batch.
    reporter
        Who hears it.
    total
        How many combinations there are.
    """

    def __init__(self, told: Told, reporter: Reporter, total: int) -> None:
        self._told, self._reporter, self._total = told, reporter, total
        self._began_s = time.monotonic()
        self._skipped = 0.0
        self._table_s = self._bar_s = self._line_s = 0.0
        self._message, self._counted = f"{total} to do", 0

    def skipped(self) -> None:
        """Take one as done that took no time."""
        self._skipped += 1

    def tell(self) -> None:
        """Tell how far it is, where the last time is long enough ago."""
        now = time.monotonic()
        if now >= self._table_s:
            self._reporter.live(self._told.so_far())
            self._table_s = now + max(_TABLE_S, (time.monotonic() - now) * _PART)
        if now >= self._line_s and self._told.ended != self._counted:
            self._message, self._counted, self._line_s = self._counts(now), self._told.ended, now + _LINE_S
            self._bar_s = 0.0
        if now >= self._bar_s:
            self._reporter.progress(self._message, min(self._told.share, self._total - 0.01), self._total)
            self._bar_s = now + _BAR_S

    def stopping(self) -> None:
        """Say that the wish to stop has been heard."""
        if self._line_s == _NEVER:
            return
        self._message, self._line_s = "stopping: what runs is interrupted", _NEVER
        self._reporter.progress(self._message, min(self._told.share, self._total - 0.01), self._total)

    def end(self, found: Batch) -> None:
        """Take the table away, which the record now is, and leave the counts."""
        self._reporter.live(None)
        words = [f"{found.done} done"]
        words += [f"{count} {what}" for count, what in _others(found)]
        if found.best is not None and found.metric is not None and found.metric in found.best.metrics:
            words.append(f"best {found.metric} {found.best.metrics[found.metric]:.6g}: {found.best.name}")
        self._reporter.progress(", ".join(words), self._total, self._total)

    def _counts(self, now: float) -> str:
        found = self._told.so_far()
        words = [f"{found.done} done", *(f"{count} {what}" for count, what in _others(found))]
        share = self._told.share - self._skipped
        if share > 0:
            words.append(f"about {_duration((now - self._began_s) / share * (self._total - self._told.share))}")
        return ", ".join(words)


def _others(found: Batch) -> list[tuple[int, str]]:
    counts = [(found.failed, "failed"), (found.skipped, "skipped"), (found.left, "left")]
    return [(count, what) for count, what in counts if count]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 -- as a person says it
