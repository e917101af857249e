"""Runs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .runs import Run


@dataclass(frozen=True)
class Difference:
    """One thing in which runs differ: of each run, in their order, its value; ``None`` where it has none."""

    name: str
    values: tuple[str | None, ...]


@dataclass(frozen=True)
class Section:
    """One kind of things that were compared.

    Attributes
    ----------
    name
        "params", "data", "environment", "cell" (the tracked one), "cells" (all that had run), "tags".
    differences
        What differs, and nothing else, among the runs of which it is recorded.
    same
        How many things are the same in all of them.
    not_recorded
        The ids of the runs of which nothing of this kind is known: they are neither equal nor different.
    text
        A unified diff, where one says more.
    """

    name: str
    differences: tuple[Difference, ...] = ()
    same: int = 0
    not_recorded: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class MetricComparison:
    """One metric of several runs.

    Attributes
    ----------
    name
        The metric's name.
    values
        Of each run its last value, ``None`` where it has none.
    direction
        Which is better.
    direction_from
        What says so: the metric's name, or the option.
    best
        The places of the best runs, from 0; none where all are the same or nothing can be compared.
    """

    name: str
    values: tuple[float | None, ...]
    direction: Literal["lower", "higher"]
    direction_from: Literal["name", "--lower", "--higher"]
    best: tuple[int, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    runs
        The runs in the order asked for, with the histories of their metrics.
    metrics
        Every metric that one of them has.
    sections
        What else was compared, one kind after the other.
    notes
        Sentences the user should read.
    """

    runs: tuple[Run, ...]
    metrics: tuple[MetricComparison, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
