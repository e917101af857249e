"""What a face lends to a verb."""

from __future__ import annotations

from typing import Protocol

from .watching import Watched


class Reporter(Protocol):
    """How a verb speaks while it works; each face supplies one, a verb's ``reporter`` parameter receives it."""

    def progress(self, message: str, done: float, total: float) -> None:
        """Say how far a long piece of work is; ``done == total`` ends it."""

    def show(self, record: object) -> None:
        """Show a record now, before the verb returns."""

    def part(self, record: object) -> None:
        """Show a part of the verb's result, which is told as it comes because it may have no end."""

    def live(self, record: object | None) -> None:
        """Show a record as it is so far, in the place of what an earlier call showed; ``None`` takes it away."""

    def watch(self, watched: Watched) -> None:
        """Show a deployment live from now on, where that can be shown and somebody looks."""

    def page(self, record: object) -> str:
        """Return a record as a whole page of HTML, as a file holds it."""

    def cancelled(self) -> bool:
        """Tell whether the user has asked to stop."""


class Silent:
    """The reporter of a caller that wants to hear nothing."""

    def progress(self, message: str, done: float, total: float) -> None:
        """Say nothing."""

    def show(self, record: object) -> None:
        """Show nothing."""

    def part(self, record: object) -> None:
        """Show nothing."""

    def live(self, record: object | None) -> None:
        """Show nothing."""

    def watch(self, watched: Watched) -> None:
        """Show nothing."""

    def page(self, record: object) -> str:
        """Return nothing: no face has a view of it."""
        return ""

    def cancelled(self) -> bool:
        """Nobody can ask."""
        return False
