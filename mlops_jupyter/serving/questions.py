"""What somebody has asked a supervisor and only its workers can answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .children import Worker
from .control_desk import Visitor


class Question:
    """A question that waits for the answers of several workers.

    Parameters
    ----------
    visitor
        Who has asked.
    kind
        What the workers' answers are called.
    waiting
        The workers that have not answered yet.
    until
        When it is answered with what there is, in seconds of the monotonic clock.
    asked
        What the visitor has asked, in its own words.
    """

    def __init__(
        self, visitor: Visitor, kind: str, waiting: set[Worker], until: float, asked: Mapping[str, Any]
    ) -> None:
        self.visitor, self.kind, self.waiting, self.until, self.asked = visitor, kind, waiting, until, asked
        self._errors: list[str] = []

    def answered(self, worker: Worker, message: dict[str, Any]) -> None:
        """Take a worker's answer."""
        if worker not in self.waiting:
            return
        self.waiting.discard(worker)
        if message.get("swapped") is False:
            self._errors.append(str(message.get("error") or "it gave no reason"))

    def gone(self, worker: Worker, said: str) -> None:
        """Note that a worker has ended without an answer."""
        if worker in self.waiting:
            self.waiting.discard(worker)
            self._errors.append(said)

    def outcome(self) -> dict[str, Any]:
        """Return whether all have done what they were asked, and what the first said that has not."""
        errors = [*self._errors, *(f"worker {one.pid} did not answer in time" for one in self.waiting)]
        return {"swapped": not errors, "error": errors[0] if errors else None}
