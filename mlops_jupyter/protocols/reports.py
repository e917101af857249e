"""Files that a CI system reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol


class ReportedCase(NamedTuple):
    """One thing that was tried, and how it went; texts are plain, without colours and control characters."""

    name: str
    group: str
    file: str
    outcome: Literal["passed", "failed", "skipped", "error"] = "passed"
    time_s: float = 0.0
    message: str = ""
    kind: str = ""
    text: str = ""
    stdout: str = ""
    stderr: str = ""


class ReportedSuite(NamedTuple):
    """What was tried together."""

    name: str
    cases: Sequence[ReportedCase]
    started: datetime | None = None
    properties: Mapping[str, str] = {}


class CaseReport(Protocol):
    """A format in which CI systems take the results of tests."""

    def write(self, suites: Sequence[ReportedSuite], file: Path) -> None:
        """Write a file."""
