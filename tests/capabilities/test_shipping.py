"""What journals hold arrives in the store: all of it, once, in order, whatever ends or fails on the way."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread

import pytest

from mlops_jupyter.capabilities.journal import (
    Follower,
    Journals,
    RunFolder,
    RunFolders,
    RunJournal,
    Surroundings,
    slots,
)
from mlops_jupyter.capabilities.rendering import HTML_ARTIFACT, Renderings
from mlops_jupyter.capabilities.run_snapshot import NOTEBOOK_ARTIFACT
from mlops_jupyter.capabilities.shipping import (
    ENVIRONMENT_ARTIFACT,
    Shipper,
    StoreEnvironment,
    Stores,
    sending,
    shipper,
    stores,
    work,
)
from mlops_jupyter.capabilities.tracking import PARENT_TAG
from mlops_jupyter.errors import CommandError, MlopsError, Unauthorized, Unavailable
from mlops_jupyter.records import RunStart
from tests.fakes.journals import STARTED_MS, Elsewhere, closed, journal, start
from tests.fakes.pages import FakePages
from tests.fakes.sink import Crash, FakeSink, StoredRun

HOME, SERVER, LOCAL = "sqlite:////home.db", "http://server:5000", "sqlite:////local.db"


class Clock:
    """Time as the shipper reads it."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> object:
        return getattr(time, name)


class Harbour:
    """The journals of a project, three stores, and one shipper after another."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self.root = root
        self.clock = clock
        self.home, self.server, self.local = FakeSink(), FakeSink(renumbers=True), FakeSink()
        self._sinks = {HOME: self.home, SERVER: self.server, LOCAL: self.local}
        self.pages = FakePages(at_once=True)
        self.shipper = self.new()

    def new(self, stores: Stores | None = None) -> Shipper:
        def environment(_path: Sequence[str]) -> str:
            return '{"packages": []}'

        self.shipper = Shipper(
            RunFolders(self.root),
            stores or Stores(lambda place: self._sinks[place.uri], LOCAL),
            environment,
            lambda _start: "why",
            Renderings(self.pages.start),
        )
        return self.shipper

    def ship(self, turns: int = 200) -> None:
        """Ship until nothing goes on any more, with time going by."""
        idle = 0
        for _ in range(turns):
            idle = 0 if self.shipper.turn() else idle + 1
            self.clock.now += 1.0
            if idle > 3:
                return
        raise AssertionError("it never rests")

    @property
    def folders(self) -> list[RunFolder]:
        return list(RunFolders(self.root))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (sending, shipper, stores, work):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def harbour(tmp_path: Path, clock: Clock) -> Iterator[Harbour]:
    made = Harbour(tmp_path / "journal", clock)
    yield made
    made.shipper.close()


@pytest.fixture
def elsewhere(harbour: Harbour) -> Iterator[Callable[..., Elsewhere]]:
    made: list[Elsewhere] = []

    def begin(begun: RunStart, *steps: Callable[[RunJournal], None]) -> Elsewhere:
        made.append(Elsewhere(harbour.root, begun, *steps))
        return made[-1]

    yield begin
    for one in made:
        one.kill()


def much(run: RunJournal) -> None:
    """Log something of everything, over several segments and batches."""
    run.log_params({"lr": "0.1"})
    for step in range(1500):
        run.point("loss", 1.0 / (step + 1), step, STARTED_MS + step)
        run.point("acc", float("nan"), step, STARTED_MS + step)
    run.log_tags({"stage": "early"})
    run.log_text("mlops/notes.txt", "read me")
    run.log_inputs([{"name": "churn", "digest": "d", "context": "training"}])
    run.rename("second")
    run.log_tags({"stage": "late"})
    run.point("loss", 0.0, 1500, STARTED_MS + 1500)


def expect_much(stored: StoredRun) -> None:
    assert stored.steps("loss") == list(range(1501))
    assert stored.steps("acc") == list(range(1500))
    assert stored.params == {"lr": "0.1"}
    assert stored.tags["stage"] == "late"
    assert stored.artifacts["mlops/notes.txt"] == "read me"
    assert len(stored.inputs) == 1
    assert (stored.name, stored.status, stored.end_ms) == ("second", "FINISHED", STARTED_MS + 5000)


def test_a_run_s_notebook_comes_as_a_page_too(harbour: Harbour) -> None:
    begun = start(SERVER)
    closed(harbour.root, begun, lambda run: run.log_text(NOTEBOOK_ARTIFACT, "cells"))
    harbour.server.away = Unauthorized("MLflow", "away")
    harbour.ship()
    assert harbour.local.runs[begun.run_id].artifacts[HTML_ARTIFACT] == "<p>cells</p>"
    harbour.server.away = None
    harbour.shipper.hurry()
    harbour.ship()
    (stored,) = harbour.server.runs.values()
    assert stored.artifacts[HTML_ARTIFACT] == "<p>cells</p>"
    assert len(harbour.pages.started) == 1


def test_a_page_that_the_store_does_not_take_is_told(harbour: Harbour) -> None:
    begun = start(HOME)
    harbour.home.refuses = lambda kind, name: name == HTML_ARTIFACT
    closed(harbour.root, begun, lambda run: run.log_text(NOTEBOOK_ARTIFACT, "cells"))
    harbour.ship()
    assert harbour.home.runs[begun.run_id].status == "FINISHED"
    assert harbour.folders == []
    assert [str(error) for error in harbour.shipper.problems.values()] != []


def test_everything_arrives_and_the_folder_goes(harbour: Harbour) -> None:
    begun = start(HOME, search_path=("/site",))
    closed(harbour.root, begun, much)
    harbour.ship()
    expect_much(harbour.home.runs[begun.run_id])
    assert harbour.home.runs[begun.run_id].artifacts[ENVIRONMENT_ARTIFACT] == '{"packages": []}'
    assert harbour.home.runs[begun.run_id].tags["mlflow.note.content"] == "why"
    assert harbour.home.calls[-1] == "end"
    assert all(points + params + tags <= 1000 for points, params, tags in harbour.home.written)
    assert harbour.folders == []
    assert harbour.root.is_dir()
    assert not harbour.shipper.left()


def test_points_are_sent_in_the_order_logged(harbour: Harbour) -> None:
    order: list[int] = []
    write = harbour.home.write
    harbour.home.write = lambda run_id, points, *rest: (
        order.extend(p[3] for p in points),
        write(run_id, points, *rest),
    )
    closed(harbour.root, start(HOME), lambda run: [run.log({"loss": 1.0}, step) for step in range(3500)])
    harbour.ship()
    assert order == list(range(3500))


def _final(store: FakeSink) -> dict[str, dict[str, object]]:
    return {run_id: asdict(run) for run_id, run in store.runs.items()}


def _undisturbed(tmp_path: Path, clock: Clock, store: str) -> tuple[FakeSink, int]:
    harbour = Harbour(tmp_path / "undisturbed", clock)
    _fill(harbour, store)
    harbour.ship()
    sink = harbour.home if store == HOME else harbour.server
    return sink, len(sink.calls)


def _fill(harbour: Harbour, store: str) -> None:
    closed(harbour.root, start(store, run_id="a" * 32, search_path=("/site",)), much)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("store", [HOME, SERVER])
def test_a_crash_at_any_call_loses_nothing_and_doubles_nothing(
    tmp_path: Path, clock: Clock, store: str, late: bool
) -> None:
    expected, calls = _undisturbed(tmp_path, clock, store)
    assert calls > 10
    for number in range(calls):
        harbour = Harbour(tmp_path / str(number), clock)
        _fill(harbour, store)
        sink = harbour.home if store == HOME else harbour.server
        sink.crash_at, sink.crash_late = number, late
        with pytest.raises(Crash):
            harbour.ship()
        harbour.new()
        harbour.ship()
        assert _final(sink) == _final(expected), f"after a crash at call {number}, {sink.calls[number]}"


@pytest.mark.parametrize("late", [False, True])
def test_a_crash_at_any_call_while_a_run_is_copied_home(tmp_path: Path, clock: Clock, late: bool) -> None:
    def afloat(name: str) -> Harbour:
        harbour = Harbour(tmp_path / name, clock)
        closed(harbour.root, start(SERVER, run_id="a" * 32, search_path=("/site",)), much)
        harbour.server.is_away(away=True)
        harbour.shipper.turn()
        harbour.server.is_away(away=False)
        return harbour

    undisturbed = afloat("undisturbed")
    undisturbed.ship()
    expect_much(undisturbed.server.runs["home0"])
    for which in ("server", "local"):
        calls = len(getattr(undisturbed, which).calls)
        for number in range(len(getattr(afloat(f"{which} counted"), which).calls), calls):
            harbour = afloat(f"{which}{number}")
            getattr(harbour, which).crash_at = number
            getattr(harbour, which).crash_late = late
            with pytest.raises(Crash):
                harbour.ship()
            harbour.new()
            harbour.ship()
            assert _final(harbour.server) == _final(undisturbed.server), (which, number)
            assert _final(harbour.local) == _final(undisturbed.local), (which, number)


def test_what_is_sent_and_not_noted_is_not_lost_with_its_segment(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends between any two of the shipper's notes."""
    begun = start(HOME)
    closed(harbour.root, begun, much)
    note, left = RunFolder.note, [0]

    def noting(self: RunFolder, *args: object, **changes: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise Crash
        return note(self, *args, **changes)

    monkeypatch.setattr(RunFolder, "note", noting)
    crashes = 0
    for number in range(1, 60):
        left[0] = number
        try:
            harbour.ship()
        except Crash:
            crashes += 1
            harbour.new()
        else:
            break
    assert crashes >= 5
    assert harbour.folders == []
    expect_much(harbour.home.runs[begun.run_id])


def test_what_a_store_refuses_is_kept_aside_and_the_rest_arrives(harbour: Harbour) -> None:
    bad = {("point", "acc"), ("param", "lr"), ("tag", "stage"), ("artifact", "mlops/notes.txt")}
    harbour.home.refuses = lambda kind, name: (kind, name) in bad

    def log(run: RunJournal) -> None:
        run.log_params({"lr": "x", "depth": "3"})
        run.log_tags({"stage": "late", "owner": "ana"})
        run.log_text("mlops/notes.txt", "read me")
        run.log_text("mlops/other.txt", "me too")
        for step in range(50):
            run.log({"loss": 1.0}, step)
        run.log({"acc": 1.0}, 7)

    begun = start(HOME)
    folder = closed(harbour.root, begun, log)
    harbour.ship()
    stored = harbour.home.runs[begun.run_id]
    assert stored.steps("loss") == list(range(50))
    assert stored.params == {"depth": "3"}
    assert stored.tags["owner"] == "ana"
    assert list(stored.artifacts) == ["mlops/other.txt"]
    assert stored.status == "FINISHED"
    kept = [json.loads(line) for line in folder.refusals.read_text().splitlines()]
    assert len(kept) == folder.shipped().refused == 4
    assert {entry["reason"] for entry in kept} == {f"no {kind} like this" for kind, _ in bad}
    assert folder.shipped().done
    assert not harbour.shipper.left()


def test_an_environment_that_is_refused_does_not_hold_up_its_run(harbour: Harbour) -> None:
    harbour.home.refuses = lambda kind, name: name == ENVIRONMENT_ARTIFACT
    begun = start(HOME, search_path=("/site",))
    closed(harbour.root, begun, much)
    harbour.ship()
    expect_much(harbour.home.runs[begun.run_id])


class NoCredentials(Exception):
    """What an artifact store's library raises, of which nobody else knows."""


@pytest.mark.parametrize("error", [NoCredentials("unable to locate credentials"), Unavailable("MLflow", "no room")])
def test_artifacts_that_cannot_be_stored_hold_nothing_up(harbour: Harbour, error: Exception) -> None:
    begun, other = start(HOME, search_path=("/site",)), start(HOME)
    harbour.home.fails = lambda kind, _name: error if kind == "artifact" else None
    folder = closed(harbour.root, begun, much)
    closed(harbour.root, other, lambda run: run.point("loss", 1.0, 1, STARTED_MS))
    harbour.ship()
    stored = harbour.home.runs[begun.run_id]
    assert (stored.steps("loss"), stored.status, stored.artifacts) == (list(range(1501)), "FINISHED", {})
    assert harbour.home.runs[other.run_id].status == "FINISHED"
    assert folder.shipped().aside == (ENVIRONMENT_ARTIFACT, "mlops/notes.txt")
    assert str(error) in str(folder.shipped().error)
    assert harbour.shipper.left()

    # Also a shipper that is started later knows of them, and sends each once.
    tried = harbour.home.calls.count("artifact")
    harbour.new()
    harbour.home.fails = lambda _kind, _name: None
    harbour.ship()
    expect_much(stored)
    assert harbour.home.calls.count("artifact") == tried + 2
    assert ENVIRONMENT_ARTIFACT in stored.artifacts
    assert harbour.folders == []


def test_artifacts_that_are_refused_at_last_are_tried_no_more(harbour: Harbour) -> None:
    harbour.home.fails = lambda kind, _name: NoCredentials() if kind == "artifact" else None
    folder = closed(harbour.root, start(HOME), lambda run: run.log_text("notes.txt", "read me"))
    harbour.ship()
    harbour.home.fails = lambda _kind, _name: None
    harbour.home.refuses = lambda kind, _name: kind == "artifact"
    harbour.clock.now += 31
    harbour.ship()
    assert (folder.shipped().aside, folder.shipped().refused, folder.shipped().done) == ((), 1, True)


def test_an_artifact_whose_file_is_gone_is_told_and_holds_nothing_up(harbour: Harbour) -> None:
    begun = start(HOME)
    folder = closed(harbour.root, begun, lambda run: run.log_text("notes.txt", "read me"))
    (folder.files / "notes.txt").unlink()
    harbour.ship()
    assert harbour.home.runs[begun.run_id].status == "FINISHED"
    assert "the file of notes.txt is gone" in folder.refusals.read_text()


def test_artifacts_of_a_run_that_was_copied_home_come_when_they_can(harbour: Harbour) -> None:
    begun = start(SERVER)
    harbour.server.is_away(away=True)
    folder = closed(harbour.root, begun, much)
    harbour.ship()
    assert harbour.local.runs[begun.run_id].status == "FINISHED"
    harbour.server.is_away(away=False)
    harbour.server.fails = lambda kind, _name: NoCredentials() if kind == "artifact" else None
    harbour.shipper.hurry()
    harbour.ship()
    (stored,) = harbour.server.runs.values()
    assert (stored.status, stored.artifacts) == ("FINISHED", {})
    assert not folder.shipped().done
    harbour.server.fails = lambda _kind, _name: None
    harbour.clock.now += 31
    harbour.ship()
    expect_much(stored)
    assert harbour.folders == []


def test_a_run_that_its_store_fails_on_does_not_keep_the_newer_ones_from_it(harbour: Harbour) -> None:
    away = Unavailable("MLflow", "the database failed")
    harbour.home.fails = lambda kind, name: away if (kind, name) == ("point", "bad") else None
    bad, good = start(HOME), start(HOME)
    closed(harbour.root, bad, lambda run: run.point("bad", 1.0, 1, STARTED_MS))
    for _ in range(3):
        harbour.shipper.turn()
        harbour.clock.now += 1
    closed(harbour.root, good, lambda run: run.point("loss", 1.0, 1, STARTED_MS))
    for _ in range(100):
        harbour.shipper.turn()
        harbour.clock.now += 1
    assert harbour.home.runs[good.run_id].status == "FINISHED"
    assert harbour.home.runs[bad.run_id].status == "RUNNING"


def test_who_waits_for_a_run_that_has_ended_waits_for_its_end(harbour: Harbour) -> None:
    waiter: list[Thread] = []

    def log(run: RunJournal) -> None:
        much(run)
        waiter.append(Thread(target=run.flush, args=(60,)))

    closed(harbour.root, start(HOME), log)
    waiter[0].start()
    alive: dict[str, bool] = {}
    harbour.home.before = lambda call: alive.update({call: waiter[0].is_alive()})
    harbour.ship()
    waiter[0].join(10)
    assert alive["write"]
    assert alive["end"]
    assert not waiter[0].is_alive()


def test_damage_in_a_journal_is_kept_aside(harbour: Harbour) -> None:
    begun = start(HOME)
    folder = closed(harbour.root, begun, lambda run: (run.log_tags({"damaged": "1"}), run.log({"loss": 1.0})))
    (file,) = folder.path.glob("*.seg")
    file.write_bytes(file.read_bytes().replace(b'{"tags":', b"\xff" * 8))
    harbour.ship()
    assert harbour.home.runs[begun.run_id].steps("loss") == [0]
    assert harbour.home.runs[begun.run_id].status == "FINISHED"
    assert folder.shipped().refused == 1


def test_a_run_whose_server_is_away_is_local_first_and_then_copied_home(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere]
) -> None:
    harbour.server.is_away(away=True)
    begun = start(SERVER, experiment_id="17", started_ms=int(time.time() * 1000))

    def end(run: RunJournal) -> None:
        run.end("FINISHED", STARTED_MS + 5000)
        run.close()

    run = elsewhere(begun, much, end)
    harbour.shipper.turn()
    run.go_on()
    harbour.ship()
    shipped = run.folder.shipped()
    assert shipped.local
    assert shipped.error == "nobody answers"
    assert harbour.local.runs[begun.run_id].experiment_id is None
    assert harbour.local.runs[begun.run_id].steps("loss") == list(range(1501))
    assert harbour.server.calls == []
    run.go_on()
    harbour.ship()
    assert harbour.local.runs[begun.run_id].status == "FINISHED"
    harbour.server.is_away(away=False)
    harbour.clock.now += 60
    harbour.ship()
    stored = harbour.server.runs["home0"]
    expect_much(stored)
    assert stored.tags["mlops.local_id"] == begun.run_id
    assert harbour.local.runs[begun.run_id].tags["mlops.copied_to"] == "home0"
    shipped = run.folder.shipped()
    assert (shipped.done, shipped.run_id, shipped.link, shipped.error) == (True, "home0", "http://there/home0", None)


def test_a_server_that_is_away_is_asked_less_and_less(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    asked: list[float] = []
    harbour.server.before = lambda call: asked.append(harbour.clock.now)
    harbour.server.is_away(away=True)
    for _ in range(3):
        elsewhere(start(SERVER))
    for _ in range(1200):
        harbour.shipper.turn()
        harbour.clock.now += 0.25
    assert len(asked) <= 15
    elsewhere(start(SERVER))
    harbour.shipper.turn()
    assert harbour.local.calls.count("create") == 4


@pytest.mark.parametrize("error", ["Unavailable", "Unauthorized"])
def test_a_store_that_goes_away_in_the_middle_is_waited_for(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere], error: str
) -> None:
    begun = start(SERVER)

    def half(first: int) -> Callable[[RunJournal], None]:
        return lambda run: [run.log({"loss": 1.0}, first + step) for step in range(500)] and None

    run = elsewhere(begun, half(0), half(500))
    run.go_on()
    harbour.ship()
    harbour.server.is_away(away=True)
    if error == "Unauthorized":
        harbour.server.away = Unauthorized("MLflow", "nobody answers")
    asked: list[float] = []
    harbour.server.before = lambda call: asked.append(harbour.clock.now)
    run.go_on()
    for _ in range(400):
        harbour.shipper.turn()
        harbour.clock.now += 0.25
    assert 3 <= len(asked) <= 10
    assert run.folder.shipped().error == "nobody answers"
    harbour.server.is_away(away=False)
    harbour.clock.now += 31
    harbour.ship()
    stored = harbour.server.runs["home0"]
    assert stored.steps("loss") == list(range(1000))
    assert stored.status == "RUNNING"
    assert run.folder.shipped().error is None
    assert harbour.local.calls == []


def test_in_a_hurry_an_away_store_is_asked_at_once(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    run = elsewhere(start(SERVER), much)
    harbour.ship()
    harbour.server.is_away(away=True)
    run.go_on()
    for _ in range(50):
        harbour.shipper.turn()
        harbour.clock.now += 1
    harbour.server.is_away(away=False)
    harbour.shipper.hurry()
    harbour.ship(turns=8)
    assert harbour.server.runs["home0"].steps("loss") == list(range(1501))


def test_an_error_that_is_over_is_not_told_any_more(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    """Also of a run that has nothing to ship just then."""
    run = elsewhere(start(SERVER))
    harbour.ship()
    harbour.server.is_away(away=True)
    harbour.clock.now += 61
    harbour.shipper.turn()
    assert run.folder.shipped().error == "nobody answers"
    harbour.server.is_away(away=False)
    harbour.clock.now += 5
    harbour.ship()
    assert run.folder.shipped().error is None


def test_a_run_that_its_server_knows_already_is_never_opened_locally(harbour: Harbour) -> None:
    harbour.server.runs["known"] = StoredRun("first", "churn", "1")
    harbour.server.is_away(away=True)
    closed(harbour.root, start(SERVER, known_as="known", ends_with_process=False), much, status=None)
    for _ in range(20):
        harbour.shipper.turn()
        harbour.clock.now += 1
    assert harbour.local.calls == []
    harbour.server.is_away(away=False)
    harbour.clock.now += 31
    harbour.ship()
    assert harbour.server.runs["known"].steps("loss") == list(range(1501))
    assert harbour.server.runs.keys() == {"known"}


def test_a_run_whose_process_dies_is_killed(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    begun = start(HOME)
    run = elsewhere(begun, much)
    run.go_on()
    harbour.ship()
    assert harbour.home.runs[begun.run_id].status == "RUNNING"
    assert harbour.shipper.alive()
    run.kill()
    harbour.ship()
    stored = harbour.home.runs[begun.run_id]
    assert stored.status == "KILLED"
    assert "without closing" in stored.tags["mlops.error"]
    # It was seen alive: it died about now.
    assert stored.end_ms > STARTED_MS + 10_000_000
    assert stored.steps("loss") == list(range(1501))
    assert harbour.folders == []
    assert not harbour.shipper.alive()


@pytest.mark.parametrize("seen_before", [False, True])
def test_a_run_that_died_unwatched_ended_with_its_last_point(harbour: Harbour, seen_before: bool) -> None:
    begun = start(HOME)
    closed(harbour.root, begun, lambda run: run.point("loss", 1.0, 1, STARTED_MS + 777), status=None)
    if seen_before:
        # The shipper of before sent all, and went down with the machine.
        harbour.shipper.turn()
        harbour.new()
    harbour.ship()
    assert harbour.home.runs[begun.run_id].status == "KILLED"
    assert harbour.home.runs[begun.run_id].end_ms == STARTED_MS + 777


def test_a_run_whose_process_lives_is_left_alone_and_says_so(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere]
) -> None:
    begun = start(HOME)
    run = elsewhere(begun)
    for _ in range(300):
        harbour.shipper.turn()
        harbour.clock.now += 1
    assert harbour.home.runs[begun.run_id].status == "RUNNING"
    assert "mlops.alive" in harbour.home.runs[begun.run_id].tags
    assert 3 <= harbour.home.calls.count("write") <= 6
    assert run.folder.path.is_dir()


def test_the_sign_of_life_of_a_local_run_does_not_wait_for_its_server(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere]
) -> None:
    begun = start(SERVER)
    harbour.server.is_away(away=True)
    elsewhere(begun)
    harbour.shipper.turn()
    asked: list[str] = []
    harbour.server.before = asked.append
    for _ in range(100):
        harbour.shipper.turn()
        harbour.clock.now += 1
    assert asked == []
    assert "mlops.alive" in harbour.local.runs[begun.run_id].tags


def test_a_run_of_another_process_is_not_ended(harbour: Harbour) -> None:
    harbour.home.runs["known"] = StoredRun("first", "churn", "1")
    begun = start(HOME, known_as="known", ends_with_process=False)
    closed(harbour.root, begun, much, status=None)
    harbour.ship()
    assert harbour.home.runs["known"].status == "RUNNING"
    assert harbour.home.runs["known"].steps("loss") == list(range(1501))
    assert "end" not in harbour.home.calls
    assert harbour.folders == []


def test_a_run_that_is_held_up_does_not_hold_up_the_others(harbour: Harbour) -> None:
    closed(harbour.root, start(HOME, run_id="a" * 32), much)
    closed(harbour.root, start(HOME, run_id="b" * 32), much)
    refused: list[MlopsError | ValueError] = [CommandError("no such experiment"), ValueError("a bug")]
    create = harbour.home.create

    def creating(begun: RunStart, tags: dict[str, str]) -> str:
        if begun.run_id == "a" * 32 and refused:
            raise refused.pop(0)
        return create(begun, tags)

    harbour.home.create = creating
    harbour.ship()
    assert harbour.home.runs.keys() == {"b" * 32}
    (held,) = harbour.folders
    assert held.shipped().error == "no such experiment"
    harbour.clock.now += 31
    harbour.ship()
    assert list(harbour.shipper.problems) == ["a" * 32]
    harbour.clock.now += 31
    harbour.ship()
    expect_much(harbour.home.runs["a" * 32])


def test_a_store_that_is_away_does_not_hold_up_another(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    run = elsewhere(start(SERVER), much)
    harbour.ship()
    harbour.server.is_away(away=True)
    run.go_on()
    harbour.shipper.turn()
    other = start(HOME)
    closed(harbour.root, other, much)
    harbour.ship()
    expect_much(harbour.home.runs[other.run_id])


@pytest.mark.parametrize("when", ["create", "write"])
def test_a_folder_that_somebody_removes_is_forgotten(harbour: Harbour, when: str) -> None:
    folder = closed(harbour.root, start(HOME, run_id="a" * 32), much)
    other = start(HOME, run_id="b" * 32)
    closed(harbour.root, other, much)

    def remove(call: str) -> None:
        if call == when and folder.path.exists():
            folder.remove()

    harbour.home.before = remove
    harbour.ship()
    expect_much(harbour.home.runs[other.run_id])
    assert not harbour.shipper.left()


def test_a_full_disk_gets_room_from_what_is_shipped(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = elsewhere(start(HOME), much)
    harbour.ship()
    run.go_on()
    before = len(list(run.folder.path.glob("*.seg")))
    assert before > 1

    def note(self: RunFolder, *_args: object, **changes: object) -> object:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(RunFolder, "note", note)
        for _ in range(5):
            harbour.shipper.turn()
            harbour.clock.now += 31
    assert len(list(run.folder.path.glob("*.seg"))) < before
    harbour.new()
    harbour.ship()
    assert harbour.home.runs[run.folder.name].steps("loss") == list(range(1501))


def test_segments_go_as_they_are_shipped(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    def log(first: int) -> Callable[[RunJournal], None]:
        return lambda run: [run.log({"loss": 1.0}, first + step) for step in range(300)] and None

    run = elsewhere(start(HOME), *(log(300 * part) for part in range(12)))
    for _ in range(12):
        run.go_on()
        harbour.ship()
        assert len(list(run.folder.path.glob("*.seg"))) == 1
    assert harbour.home.runs[run.folder.name].steps("loss") == list(range(3600))


def test_ids_in_tags_become_the_stores_own(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    parent = start(SERVER)
    elsewhere(parent)
    harbour.ship()
    tags = {"mlflow.parentRunId": parent.run_id, "mlops.rerun_of": parent.run_id, "other": parent.run_id}
    child = start(SERVER, tags=tags)
    closed(harbour.root, child, lambda run: run.log_tags({"mlops.rerun_of": parent.run_id}))
    harbour.ship()
    stored = harbour.server.runs["home1"].tags
    assert stored["mlflow.parentRunId"] == stored["mlops.rerun_of"] == "home0"
    assert stored["other"] == parent.run_id
    foreign = start(SERVER, tags={"mlflow.parentRunId": "elsewhere"})
    closed(harbour.root, foreign, lambda run: None)
    harbour.ship()
    assert harbour.server.runs["home2"].tags["mlflow.parentRunId"] == "elsewhere"


def test_a_folder_half_removed_is_no_run_that_has_died(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = start(HOME)
    folder = closed(harbour.root, begun, much)

    def rmtree(path: Path) -> None:
        for file in [*path.glob("shipped.json"), *path.glob("*.seg")]:
            file.unlink()
        raise Crash

    with monkeypatch.context() as cut:
        cut.setattr("shutil.rmtree", rmtree)
        with pytest.raises(Crash):
            harbour.ship()
    assert folder.path.is_dir()
    harbour.new()
    harbour.ship()
    expect_much(harbour.home.runs[begun.run_id])
    assert Journals(harbour.root, HOME, lambda: None).waiting() == {}


def test_what_waits_is_told_while_it_is_shipped_and_removed(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor looks while the shipper works."""
    journals = Journals(harbour.root, HOME, lambda: None)
    folder = closed(harbour.root, start(HOME), much)
    assert journals.waiting() == {folder.name: None}
    whole = journals.backlog()
    assert whole >= 3000 * slots.SIZE
    shipped = RunFolder.shipped

    def removing(self: RunFolder) -> object:
        if self.path.exists():
            self.remove()
        return shipped(self)

    with monkeypatch.context() as late:
        late.setattr(RunFolder, "shipped", removing)
        assert journals.waiting() == {}
    assert journals.backlog() == 0
    assert journals.refused() == {}


def test_of_a_renumbered_run_its_ids_are_kept_for_a_day(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = start(SERVER, started_ms=int(time.time() * 1000))
    kept = closed(harbour.root, fresh, much)
    closed(harbour.root, start(SERVER), much)
    harbour.ship()
    assert harbour.folders == []
    assert kept.shipped().run_id in harbour.server.runs
    (left,) = RunFolders(harbour.root).arrived()
    assert {file.name for file in left.path.iterdir()} == {"run.json", "shipped.json"}
    assert not harbour.shipper.left()
    assert Journals(harbour.root, SERVER, lambda: None).waiting() == {}
    monkeypatch.setattr(shipper, "_REMEMBERED_S", 0.0)
    harbour.clock.now += 3600
    harbour.ship()
    assert list(RunFolders(harbour.root).arrived()) == []


def test_runs_that_are_shipped_or_wait_hold_no_descriptor(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere]
) -> None:
    def open_files() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    now = int(time.time() * 1000)
    elsewhere(start(SERVER), lambda run: run.log({"loss": 1.0})).go_on()
    harbour.ship()
    before = open_files()
    for _ in range(5):
        closed(harbour.root, start(SERVER, started_ms=now), much)
        elsewhere(start(SERVER, started_ms=now), much).go_on()
    between = open_files()
    harbour.ship()
    assert open_files() == between
    harbour.server.is_away(away=True)
    for _ in range(5):
        closed(harbour.root, start(SERVER, started_ms=now), much)
    harbour.ship()
    assert open_files() == between
    assert before < between  # the pipes to the five others
    assert len(harbour.local.runs) == 5


def test_a_run_that_waits_for_its_store_and_is_written_to_again_is_heard(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere]
) -> None:
    """By a forked process that had not logged before, where nobody else writes."""
    told, tell = os.pipe()
    hear, done = os.pipe()

    def fork(run: RunJournal) -> None:
        if os.fork() == 0:
            os.read(told, 1)
            run.log({"child": 1.0}, 0)
            os.write(done, b".")
            os._exit(0)
        run.end("FINISHED", STARTED_MS + 5000)
        run.close()

    harbour.server.is_away(away=True)
    run = elsewhere(start(SERVER), fork)
    run.go_on()
    harbour.ship()
    assert harbour.local.runs[run.folder.name].status == "FINISHED"
    os.write(tell, b".")
    os.read(hear, 1)
    harbour.ship()
    assert harbour.local.runs[run.folder.name].steps("child") == [0]


def test_a_child_that_logs_after_the_end_is_heard(harbour: Harbour, elsewhere: Callable[..., Elsewhere]) -> None:
    begun = start(HOME)
    told, tell = os.pipe()
    hear, done = os.pipe()

    def fork(run: RunJournal) -> None:
        if os.fork() == 0:
            run.log({"child": 1.0}, 0)
            os.write(done, b".")
            os.read(told, 1)
            run.log({"child": 1.0}, 1)
            os.write(done, b".")
            os._exit(0)
        os.read(hear, 1)
        run.end("FINISHED", STARTED_MS + 5000)
        run.close()

    run = elsewhere(begun, fork)
    run.go_on()
    harbour.ship()
    assert harbour.home.runs[begun.run_id].status == "FINISHED"
    assert harbour.folders != []
    os.write(tell, b".")
    os.read(hear, 1)
    harbour.ship()
    assert harbour.home.runs[begun.run_id].steps("child") == [0, 1]
    assert harbour.home.runs[begun.run_id].status == "FINISHED"


def test_a_journal_being_made_is_waited_for(harbour: Harbour) -> None:
    (harbour.root / "half-made").mkdir(parents=True)
    harbour.ship()
    begun = start(HOME)
    closed(harbour.root, begun, lambda run: run.log_tags({"large": "x" * slots.FIRST_SEGMENT * 5}))
    harbour.ship()
    assert len(harbour.home.runs[begun.run_id].tags["large"]) == slots.FIRST_SEGMENT * 5


def test_a_child_that_came_to_the_store_first_learns_its_parents_id(
    harbour: Harbour, elsewhere: Callable[..., Elsewhere]
) -> None:
    now = int(time.time() * 1000)
    harbour.server.is_away(away=True)
    parent = start(SERVER, run_id="a" * 32, started_ms=now)
    around = elsewhere(parent, lambda run: (run.end("FINISHED", now), run.close()))
    harbour.ship()
    harbour.server.is_away(away=False)
    harbour.clock.now += 60
    child = start(SERVER, run_id="b" * 32, started_ms=now, tags={PARENT_TAG: parent.run_id})
    closed(harbour.root, child, much)
    harbour.ship()
    first = next(run for run in harbour.server.runs.values() if PARENT_TAG in run.tags)
    assert first.tags[PARENT_TAG] == parent.run_id
    around.go_on()
    harbour.ship()
    home = next(run_id for run_id, run in harbour.server.runs.items() if run is not first)
    assert first.tags[PARENT_TAG] == home


@pytest.fixture
def spoken_with(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """What is left for the stores of a shipper that follows it."""
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "STORE_TOKEN": "started with", "STORE_PART": "started in"})
    left = Surroundings(harbour.root)
    environment = StoreEnvironment(
        left,
        concerns=lambda name: name in {"STORE_TOKEN", "STORE_KEY", "STORE_PATIENCE"},
        read_once=lambda name: name == "STORE_KEY",
        workspace="STORE_PART",
        defaults={"STORE_PATIENCE": "0"},
    )
    sinks = {HOME: harbour.home, SERVER: harbour.server, LOCAL: harbour.local}
    harbour.new(Stores(lambda place: sinks[place.uri], LOCAL, environment))
    return left


def seen(sink: FakeSink) -> list[dict[str, str]]:
    """Return what the calls of a store have found in the environment since."""
    found: list[dict[str, str]] = []
    sink.before = lambda _call: found.append({k: v for k, v in os.environ.items() if k.startswith("STORE_")})
    return found


def test_each_store_is_spoken_to_with_what_was_left_for_it(harbour: Harbour, spoken_with: Surroundings) -> None:
    here, there = seen(harbour.home), seen(harbour.server)
    spoken_with.leave(SERVER, {"STORE_TOKEN": "of the server", "PATH": "/not/this"})
    for _ in range(2):
        closed(harbour.root, start(HOME), much)
        closed(harbour.root, start(SERVER), much)
    harbour.ship()
    assert len(here) > 2
    assert len(there) > 2
    assert all(one == {"STORE_PATIENCE": "0", "STORE_TOKEN": "started with"} for one in here)
    assert all(one == {"STORE_PATIENCE": "0", "STORE_TOKEN": "of the server"} for one in there)


def test_runs_of_two_workspaces_each_go_to_theirs(harbour: Harbour, spoken_with: Surroundings) -> None:
    there = seen(harbour.server)
    names = ("blue", None, "green")
    made = [start(SERVER, workspace=name) for name in names]
    for one in made:
        closed(harbour.root, one, lambda run: run.log_tags({"of": run.start.workspace or "none"}))
    harbour.ship()
    assert {one.get("STORE_PART") for one in there} == set(names)
    assert sorted(run.tags["of"] for run in harbour.server.runs.values()) == ["blue", "green", "none"]


def test_a_workspace_that_is_refused_holds_up_no_other(harbour: Harbour, spoken_with: Surroundings) -> None:
    def refuse(_call: str) -> None:
        if os.environ.get("STORE_PART") == "secret":
            raise Unauthorized("MLflow", "the workspace secret is not yours")

    harbour.server.before = refuse
    held = closed(harbour.root, start(SERVER, workspace="secret"), much)
    closed(harbour.root, start(SERVER, workspace="open"), much)
    harbour.ship()
    assert held.shipped().error == "the workspace secret is not yours"
    assert [run.status for run in harbour.server.runs.values()] == ["FINISHED"]


def test_a_newer_token_is_taken_up_at_once(harbour: Harbour, spoken_with: Surroundings) -> None:
    def ask(_call: str) -> None:
        if os.environ.get("STORE_TOKEN") != "new":
            raise Unauthorized("MLflow", "who are you?")

    harbour.home.before = ask
    folder = closed(harbour.root, start(HOME), much)
    spoken_with.leave(HOME, {"STORE_TOKEN": "old"})
    harbour.shipper.turn()
    assert folder.shipped().error == "who are you?"
    spoken_with.leave(HOME, {"STORE_TOKEN": "new"})
    # No pause is waited for.
    while harbour.shipper.turn():
        pass
    assert [run.status for run in harbour.home.runs.values()] == ["FINISHED"]
    assert not harbour.shipper.outdated


def test_what_a_client_reads_once_takes_another_process(harbour: Harbour, spoken_with: Surroundings) -> None:
    spoken_with.leave(HOME, {"STORE_KEY": "old"})
    closed(harbour.root, start(HOME), much)
    harbour.ship()
    spoken_with.leave(HOME, {"STORE_KEY": "old", "STORE_TOKEN": "new"})
    harbour.shipper.turn()
    assert not harbour.shipper.outdated
    spoken_with.leave(HOME, {"STORE_KEY": "new"})
    asked = seen(harbour.home)
    folder = closed(harbour.root, start(HOME), much)
    folder.note(folder.shipped(), error="who are you?")
    harbour.shipper.turn()
    assert harbour.shipper.outdated
    assert asked == []


def test_what_is_logged_meanwhile_is_not_waited_for(harbour: Harbour) -> None:
    run = Journals(harbour.root, HOME, lambda: None).open(start(HOME), lambda _said: None)
    logged = 0

    def log(_call: str = "") -> None:
        nonlocal logged
        for _ in range(100):
            run.log({"loss": 1.0}, logged)
            logged += 1

    log()
    # Whenever something has been shipped, there is more.
    harbour.home.before = log
    stop = Event()

    def ship() -> None:
        while not stop.is_set():
            harbour.shipper.turn()

    shipping = Thread(target=ship)
    journals = Journals(harbour.root, HOME, lambda: None)
    before = time.monotonic()
    shipping.start()
    try:
        assert journals.flush(30) == {}
        took = time.monotonic() - before
        assert len(harbour.home.runs[run.start.run_id].points) >= 100
        assert journals.waiting() != {}
    finally:
        stop.set()
        shipping.join()
        run.close()
    assert took < 25


@pytest.mark.parametrize("points", [0, 1, 300, 2048, 5000])
def test_the_end_of_what_is_written_is_where_reading_ends(tmp_path: Path, points: int) -> None:
    run = journal(tmp_path)
    run.log_tags({"long": "x" * 100, "umlaut": "ä" * 5000})
    for step in range(points):
        run.log({"loss": 0.0}, 0 if step % 2 else step)
    follower = Follower(run.folder.path)
    end = follower.end()
    while follower.batch():
        assert follower.end() == end
    assert follower.position == end
    run.close()
