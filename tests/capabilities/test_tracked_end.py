"""A body's end is told with the truth, whatever goes wrong while it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from mlops_jupyter.capabilities import tracking
from mlops_jupyter.capabilities.journal import Follower, Journals, RunJournal
from mlops_jupyter.capabilities.tracking import Intent, OpenRun
from mlops_jupyter.errors import CommandError


class Plain:
    """MLflow's side, which notes what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def enter(self, run: OpenRun) -> None:
        self.said.append("enter")

    def leave(self, run: OpenRun, status: str) -> None:
        self.said.append(f"leave {status}")

    def autolog(self, *, on: bool, models: bool) -> None:
        self.said.append("autolog on" if on else "autolog off")


class Mute(Exception):
    """An error that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("no text for this")


@pytest.fixture
def plain() -> Plain:
    return Plain()


@pytest.fixture
def begin(tmp_path: Path, plain: Plain) -> Iterator[Callable[..., OpenRun]]:
    opened: list[OpenRun] = []

    def open_one(
        variables: Mapping[str, object] | None = None, params: tuple[str, ...] = (), *, autolog: bool = False
    ) -> OpenRun:
        journals = Journals(tmp_path / "journal", "sqlite:////home.db", lambda: None)
        intent = Intent("churn", params=params, autolog=autolog)
        run = tracking.open_run(journals, plain, intent, provenance={}, variables=lambda: variables or {})
        opened.append(run)
        return run

    yield open_one
    for run in opened:
        if run in tracking._open:
            run.close(None, hurried=True)
        tracking.known.pop(run.local_id, None)


def written(run: OpenRun) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Return the ends, params and tags in a run's journal."""
    assert run.journal is not None
    follower = Follower(run.journal.folder.path)
    batch = follower.batch()
    follower.close()
    return [entry["end"] for entry in batch.rest if "end" in entry], batch.params, batch.tags


def test_a_value_that_is_no_text_costs_that_param_only(begin: Callable[..., OpenRun], plain: Plain) -> None:
    run = begin({"good": 1, "bad": Unspeakable()}, ("bad", "good", "missing"))
    record = run.close(None)
    assert written(run) == (["FINISHED"], {"good": "1"}, {"mlops.params": "good"})
    assert any("--param bad" in note and "no text for this" in note for note in record.notes)
    assert any("--param missing" in note for note in record.notes)
    assert plain.said[-1] == "leave FINISHED"


@pytest.mark.parametrize("error", [Mute(), ValueError("half a pair: \ud800"), ValueError("\udcff\n" * 100)])
def test_an_error_that_is_no_plain_text_still_ends_its_run(begin: Callable[..., OpenRun], error: Exception) -> None:
    run = begin()
    assert run.close(error).status == "FAILED"
    ends, _, tags = written(run)
    assert ends == ["FAILED"]
    assert tags["mlops.error"].startswith(type(error).__name__)


@pytest.mark.parametrize("call", ["log_tags", "log_text"])
@pytest.mark.parametrize("error", [OSError("the folder is gone"), KeyboardInterrupt()])
def test_what_fails_while_the_end_is_written_does_not_leave_the_run_open(
    begin: Callable[..., OpenRun], plain: Plain, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    def fail(self: RunJournal, *_: object) -> None:
        raise error

    monkeypatch.setattr(RunJournal, call, fail)
    run = begin()
    record = run.close(ValueError("the body's own"))
    expected = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
    assert record.status == expected
    assert written(run)[0] == [expected]
    # MLflow has it off its stack, or plain code would go on logging to a run that has ended.
    assert plain.said[-1] == f"leave {expected}"
    assert tracking.current() is not run
    assert run.journal is not None
    assert run.journal.closed
    if expected == "FAILED":
        assert any("the folder is gone" in note for note in record.notes)


def test_an_interrupt_while_mlflow_is_told_is_the_runs_end(
    begin: Callable[..., OpenRun], plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(run: OpenRun, status: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plain, "leave", leave)
    run = begin()
    assert run.close(None).status == "KILLED"
    assert written(run)[0] == ["KILLED"]


def test_an_interrupt_while_autologging_ends_is_the_runs_end(
    begin: Callable[..., OpenRun], plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin(autolog=True)

    def autolog(*, on: bool, models: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plain, "autolog", autolog)
    assert run.close(None).status == "KILLED"
    assert written(run)[0] == ["KILLED"]
    assert plain.said[-1] == "leave KILLED"
    assert run.journal is not None
    assert run.journal.closed


def test_secrets_in_an_error_are_not_kept(begin: Callable[..., OpenRun], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cr3t-t0ken")
    run = begin()
    record = run.close(ValueError("no login with s3cr3t-t0ken at postgresql://ana:hush@host/db"))
    said = "ValueError: no login with [API_TOKEN] at postgresql://host/db"
    assert record.error == written(run)[2]["mlops.error"] == said
    assert run.journal is not None
    assert (run.journal.folder.files / "mlops/traceback.txt").read_text().splitlines()[-1] == said


def test_all_values_are_looked_at_before_any_is_kept(begin: Callable[..., OpenRun]) -> None:
    run = begin()
    for bad in (
        {"a": 1.0, "b": "x"},
        {"a": 1.0, "b": None},
        {"a": 1.0, "b": 10**400},
        {"a": 1.0, "b!": 1.0},
        {"b": object(), "a": 1.0},
    ):
        with pytest.raises(CommandError):
            run.log(bad)
    run.log({"a": 2, "b": True})
    assert run.journal is not None
    follower = Follower(run.journal.folder.path)
    assert [(name, value, step) for name, value, _, step in follower.batch().points] == [("a", 2.0, 0), ("b", 1.0, 0)]
    follower.close()
