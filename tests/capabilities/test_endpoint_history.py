"""What an endpoint goes back to, change after change."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_jupyter.capabilities.endpoints import EndpointPlan, PlannedVersion, history


class Told:
    """A history, and what is served by it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def serve(self, version: str, number: int | None = None) -> None:
        plan = EndpointPlan("churn", (PlannedVersion(version, "", "", ""),))
        history.note(self.file, plan, "me", f"deploy {version}", number)

    def back(self) -> str | None:
        """Go back as `rollback` does; return what is served then."""
        entry = history.before(self.file)
        if entry is None:
            return None
        (found,) = entry.versions
        self.serve(found.version, entry.number)
        return found.version


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "history.jsonl")


def test_each_return_goes_one_change_further_back(told):
    assert told.back() is None
    for version in "abc":
        told.serve(version)
    assert [told.back() for _ in range(3)] == ["b", "a", None]


def test_what_was_left_by_a_return_is_not_come_back_to(told):
    for version in ("whole", "canary", "rejected"):
        told.serve(version)
    assert told.back() == "canary"
    told.serve("champion")
    told.serve("next")
    assert [told.back() for _ in range(4)] == ["champion", "canary", "whole", None]


def test_a_line_that_is_not_whole_is_passed_over(told):
    told.serve("a")
    told.serve("b")
    with told.file.open("ab") as file:
        file.write(b'{"number": 2, "at"\n')
    assert told.back() == "a"


def test_the_last_changes_are_kept_and_gone_back_through(told):
    for number in range(history.KEPT + 10):
        told.serve(str(number))
    assert len(told.file.read_text().splitlines()) == history.KEPT
    assert told.file.stat().st_mode & 0o777 == 0o600
    newest = history.KEPT + 9
    # Each return is a change itself, and pushes an old one out.
    reached = [told.back() for _ in range(history.KEPT // 2)]
    assert reached == [str(newest - 1 - back) for back in range(history.KEPT // 2)]
    assert told.back() is None
    told.serve("next")
    assert told.back() == str(newest - history.KEPT // 2)
