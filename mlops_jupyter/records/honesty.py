"""Whether a cell depended on what its notebook says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HonestyKind = Literal["out-of-order", "edited", "deleted", "outside", "unsaved"]


@dataclass(frozen=True)
class HonestyFinding:
    """One thing that a notebook run from the top might not do again.

    Attributes
    ----------
    kind
        Run in another order than the notebook's, edited after it ran, deleted since, defined by no cell; or not the
        same as in the saved notebook, which is older than the cell's run.
    names
        The names through which the tracked cell depends on it.
    cell
        The execution count of the cell they come from, if one is known.
    sentence
        The same in words.
    """

    kind: HonestyKind
    names: tuple[str, ...]
    cell: int | None
    sentence: str


@dataclass(frozen=True)
class Honesty:
    """Whether what a tracked cell depended on is what its notebook says, by the names in the cells that ran.

    Attributes
    ----------
    findings
        What is not.
    depends_on
        The execution counts of the cells that the tracked one depended on.
    notes
        What could not be told, and why.
    """

    findings: tuple[HonestyFinding, ...] = ()
    depends_on: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[HonestyKind, ...]:
        """The kinds of findings, each once."""
        return tuple(dict.fromkeys(finding.kind for finding in self.findings))

    @property
    def verdict(self) -> str:
        """``clean``, or the kinds of findings with commas between, and ``unchecked`` where something cannot be told."""
        return ",".join((*self.kinds, *(("unchecked",) if self.notes else ()))) or "clean"
