"""What is logged is kept: whole, in order, and read once, whatever happens to the process or to the disk."""

from __future__ import annotations

import contextlib
import errno
import gc
import itertools
import math
import os
import random
import signal
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from mlops_jupyter.capabilities.journal import Follower, Journals, RunFolders, RunJournal, slots, writing
from mlops_jupyter.capabilities.journal.reading import Batch, Position
from mlops_jupyter.capabilities.journal.series import Series
from mlops_jupyter.errors import CommandError, Unavailable
from tests.fakes.journals import journal, start

_Point = tuple[str, float, int, int]

names = st.from_regex(r"\A[/\w.\- :]{1,250}\Z").filter(lambda name: writing.posixpath.normpath(name) == name)
names = names.filter(lambda name: not name.startswith(("/", "..")) and name != ".")
whole = st.integers(-(2**63), 2**63 - 1)
texts = st.dictionaries(st.text(min_size=1), st.text(), max_size=5)
unpaired = {"a": "\ud800", "b": "x\udcffy"}


def read(folder: Path, position: Position | None = None) -> Batch:
    """Read everything at once."""
    follower, all_of_it = Follower(folder, position), Batch()
    while batch := follower.batch():
        all_of_it.points += batch.points
        all_of_it.params |= batch.params
        all_of_it.tags |= batch.tags
        all_of_it.rest += batch.rest
        all_of_it.position = batch.position
    follower.close()
    return all_of_it


def bits(points: list[_Point]) -> list[tuple[str, bytes, int, int]]:
    # NaN is what was logged too, and -0.0 is not 0.0.
    return [(name, struct.pack("<d", value), time_ms, step) for name, value, time_ms, step in points]


@pytest.fixture
def run(tmp_path: Path) -> RunJournal:
    return journal(tmp_path)


@hypothesis.given(st.lists(st.tuples(names, st.floats(allow_subnormal=True), whole, whole), max_size=30))
@hypothesis.settings(max_examples=50)
def test_every_point_is_read_as_it_was_logged(tmp_path_factory: pytest.TempPathFactory, points: list[_Point]) -> None:
    run = journal(tmp_path_factory.mktemp("journal"))
    for name, value, time_ms, step in points:
        run.point(name, value, step, time_ms)
    assert bits(read(run.folder.path).points) == bits(points)


@hypothesis.given(texts, texts)
@hypothesis.settings(max_examples=50)
def test_params_and_tags_are_read_as_they_were_logged(
    tmp_path_factory: pytest.TempPathFactory, params: dict[str, str], tags: dict[str, str]
) -> None:
    run = journal(tmp_path_factory.mktemp("journal"))
    run.log_params(params)
    run.log_tags(tags)
    batch = read(run.folder.path)
    assert (batch.params, batch.tags) == (params, tags)


def test_an_entry_that_says_nothing_is_none(run: RunJournal) -> None:
    run.log_params({})
    run.log_tags({})
    follower = Follower(run.folder.path)
    assert not follower.pending()
    follower.close()


def test_half_a_surrogate_pair_does_not_stop_a_run(tmp_path: Path) -> None:
    run = journal(tmp_path, start(tags={"mlflow.source.name": "notes-\udce9.ipynb"}, name="x\ud800"))
    run.log_params(unpaired)
    run.log_tags(unpaired)
    run.rename("z\udc80")
    run.log_text("mlops/traceback.txt", "ValueError: \udcff")
    run.end("FAILED")
    batch = read(run.folder.path)
    assert batch.params == batch.tags == {"a": "?", "b": "x?y"}
    assert [next(iter(entry)) for entry in batch.rest] == ["name", "artifact", "end"]
    assert (run.folder.files / "mlops/traceback.txt").read_text() == "ValueError: \\udcff"
    begun = run.folder.start()
    assert begun is not None
    assert begun.tags == {"mlflow.source.name": "notes-?.ipynb"}


@pytest.mark.parametrize(
    "name", ["", "a" * 251, "a!", "a\nb", "\ud800", "😀", "../a", "/a", "a//b", ".", "a/", "a/../b", "a\0", 7, None]
)
def test_a_name_that_no_store_takes_is_refused_before_anything_is_kept(run: RunJournal, name: str) -> None:
    with pytest.raises(CommandError, match="no store takes"):
        run.log({"good": 1.0, name: 2.0})
    run.log({"good": 3.0})
    assert [(point[0], point[1], point[3]) for point in read(run.folder.path).points] == [("good", 3.0, 0)]


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 1.5, "1", pytest.param(10**400, id="huge")])
def test_a_step_that_is_none_hides_nothing(run: RunJournal, step: int) -> None:
    run.log({"loss": 1.0})
    with pytest.raises(CommandError, match="step"):
        run.log({"loss": 2.0}, step)
    with pytest.raises(CommandError, match="step"):
        run.point("loss", 2.0, step, 0)
    run.log({"loss": 3.0})
    assert [point[1] for point in read(run.folder.path).points] == [1.0, 3.0]


def test_counting_on_from_the_last_step_there_is(run: RunJournal) -> None:
    run.log({"loss": 1.0}, 2**63 - 1)
    with pytest.raises(CommandError, match="step"):
        run.log({"loss": 2.0})
    with pytest.raises(CommandError, match="time"):
        run.point("loss", 2.0, 1, 2**63)
    run.log({"loss": 3.0}, 4)
    assert [point[1:4:2] for point in read(run.folder.path).points] == [(1.0, 2**63 - 1), (3.0, 4)]


def test_times_and_steps_that_plain_code_gives_as_floats_are_taken(run: RunJournal) -> None:
    run.point("loss", 1.0, 3.0, 1_760_000_000_000.7)
    assert read(run.folder.path).points == [("loss", 1.0, 1_760_000_000_000, 3)]


def test_segments_rotate_and_every_one_knows_its_names(run: RunJournal) -> None:
    blob = "x" * (slots.FIRST_SEGMENT * 3)
    for step in range(3000):
        run.log({"a": step, "b/c": -step}, step)
        if step == 1500:
            run.log_tags({"large": blob})
    files = sorted(run.folder.path.glob("*.seg"))
    assert len(files) > 2
    batch = read(run.folder.path)
    assert [(name, step) for name, _, _, step in batch.points] == [(n, s) for s in range(3000) for n in ("a", "b/c")]
    assert batch.tags == {"large": blob}


def test_more_names_than_a_segment_has_keys(run: RunJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "KEYS", 10)
    logged = [f"m{number % 25}" for number in range(200)]
    for name in logged:
        run.log({name: 1.0})
    assert [point[0] for point in read(run.folder.path).points] == logged


def test_a_batch_fits_into_one_call(run: RunJournal) -> None:
    for step in range(990):
        run.log({"loss": 1.0}, step)
    run.log_params({f"p{number}": "1" for number in range(60)})
    run.log_params({f"q{number}": "1" for number in range(60)})
    run.log_tags({f"t{number}": "1" for number in range(60)})
    for step in range(2000):
        run.log({"loss": 1.0}, 990 + step)
    follower = Follower(run.folder.path)
    points, params, tags = [], 0, 0
    while batch := follower.batch():
        assert len(batch.params) <= 100
        assert len(batch.tags) <= 100
        assert len(batch.points) + len(batch.params) + len(batch.tags) <= 1000
        points += [point[3] for point in batch.points]
        params, tags = params + len(batch.params), tags + len(batch.tags)
    assert (points, params, tags) == (list(range(2990)), 120, 60)


def test_a_slot_that_was_not_finished_is_not_read(run: RunJournal) -> None:
    run.log({"loss": 1.0})
    run.log_tags({"a": "b"})
    run.log({"loss": 2.0})
    (file,) = run.folder.path.glob("*.seg")
    data = bytearray(file.read_bytes())
    last = max(at for at in range(0, len(data), slots.SIZE) if data[at + slots.COMMITTED] == 1)
    data[last + slots.COMMITTED] = 0
    # What a killed process has half written: a payload whose slot does not count.
    data[last + slots.SIZE : last + 3 * slots.SIZE] = b"\xff{" * slots.SIZE
    file.write_bytes(data)
    batch = read(run.folder.path)
    assert [point[1] for point in batch.points] == [1.0]
    assert batch.tags == {"a": "b"}


def test_damage_hides_nothing_behind_it(run: RunJournal) -> None:
    run.log_tags({"before": "1"})
    run.log_tags({"damaged": "1"})
    run.log({"loss": 2.0})
    (file,) = run.folder.path.glob("*.seg")
    data = file.read_bytes()
    file.write_bytes(data.replace(b'{"tags":{"damaged"', b"\xff" * 18))
    batch = read(run.folder.path)
    assert batch.tags == {"before": "1"}
    assert [list(entry) for entry in batch.rest] == [["garbled"]]
    assert len(batch.points) == 1


@hypothesis.given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.data())
@hypothesis.settings(max_examples=25)
def test_going_on_from_a_noted_position_is_the_same_as_reading_straight(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], data: st.DataObject
) -> None:
    run = journal(tmp_path_factory.mktemp("journal"))
    seen: list[_Point] = []
    tags: list[str] = []
    position: Position | None = None
    for part, count in enumerate(counts):
        for _ in range(count):
            run.log({f"m{part}": 1.0, "loss": 2.0})
        run.log_tags({f"t{part}": "x" * data.draw(st.sampled_from([1, 5000]))})
        follower = Follower(run.folder.path, position)
        for _ in range(data.draw(st.integers(0, 3))):
            if not (batch := follower.batch()):
                break
            seen += batch.points
            tags += batch.tags
            position = batch.position
            if data.draw(st.booleans()):
                for file in batch.finished:
                    file.unlink()
        follower.close()
    rest = read(run.folder.path, position)
    assert [point[0] for point in seen + rest.points] == [
        name for part, count in enumerate(counts) for _ in range(count) for name in (f"m{part}", "loss")
    ]
    assert [*tags, *rest.tags] == [f"t{part}" for part in range(len(counts))]


def test_each_segment_can_be_deleted_once_it_is_finished(run: RunJournal) -> None:
    """Also one whose last slot had been read before the next segment came."""
    follower, seen = Follower(run.folder.path), []
    for step in range(5000):
        run.log({"loss": 1.0}, step)
        batch = follower.batch()
        seen += [point[3] for point in batch.points]
        for file in batch.finished:
            file.unlink()
    assert seen == list(range(5000))
    assert len(list(run.folder.path.glob("*.seg"))) == 1


def test_a_second_reader_goes_on_where_the_first_has_deleted(run: RunJournal) -> None:
    second, seen = Follower(run.folder.path), []
    for step in range(2000):
        run.log({"loss": 1.0}, step)
        if step == 3:
            seen += [point[3] for point in second.batch().points]
    old = sorted(run.folder.path.glob("*.seg"), key=lambda file: int(file.stem.partition("-")[2]))
    for file in old[:-1]:
        file.unlink()
    assert second.pending()
    while batch := second.batch():
        seen += [point[3] for point in batch.points]
    assert seen[:4] == [0, 1, 2, 3]
    assert seen[-1] == 1999
    assert len(seen) == len(set(seen))


def test_reading_while_writing_gives_every_point_once_and_in_order(run: RunJournal) -> None:
    count, follower, seen = 30_000, Follower(run.folder.path), []

    def write() -> None:
        for step in range(count):
            run.log({"loss": step}, step)
            if step % 5000 == 0:
                run.log_tags({"at": str(step)})

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive() or follower.pending():
        batch = follower.batch()
        assert all(name == "loss" and value == step for name, value, _, step in batch.points)
        seen += [step for _, _, _, step in batch.points]
        for file in batch.finished:
            file.unlink()
    assert seen == list(range(count))


def test_a_forked_process_has_segments_of_its_own(run: RunJournal) -> None:
    run.log({"loss": 0.0}, 0)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for step in range(1000):
                run.log({"child": 1.0, "loss": 2.0}, step)
            code = 0
        finally:
            os._exit(code)
    for step in range(1, 1000):
        run.log({"loss": 0.0}, step)
    assert os.waitpid(child, 0)[1] == 0
    batch = read(run.folder.path)
    assert [point[3] for point in batch.points if point[:2] == ("loss", 0.0)] == list(range(1000))
    assert [point[3] for point in batch.points if point[:2] == ("loss", 2.0)] == list(range(1000))
    assert [point[3] for point in batch.points if point[0] == "child"] == list(range(1000))
    assert len(batch.position) == 2
    assert {name: one.count for name, one in run.series().items()} == {"loss": 2000, "child": 1000}


def test_threads_that_count_never_get_the_same_step(run: RunJournal) -> None:
    def write() -> None:
        for _ in range(3000):
            run.log({"loss": 1.0})

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(point[3] for point in read(run.folder.path).points) == list(range(12_000))


def test_logging_while_the_run_is_closed_raises_nothing(run: RunJournal) -> None:
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(20_000):
                run.log({"loss": 1.0})
        except BaseException as error:  # noqa: BLE001 -- the test tells it
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    while thread.is_alive():
        run.close()
    assert failed == []
    assert len(read(run.folder.path).points) == 20_000


class Interrupted(BaseException):
    """As KeyboardInterrupt, which pytest takes for its own."""


@contextlib.contextmanager
def interrupting(handler: Callable[[], None], longest_s: float = 0.002):
    """Call something at random moments, between any two steps of the code within."""
    draw = random.Random(7)  # noqa: S311 -- not for secrets

    def handle(_number: int, _frame: object) -> None:
        try:
            handler()
        finally:
            signal.setitimer(signal.ITIMER_REAL, draw.uniform(1e-5, longest_s))

    # What the collector runs swallows exceptions.
    gc.disable()
    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 1e-4)
    try:
        yield
    finally:
        # First of all, for one that is handled between the next two lines would set the timer again.
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()


def test_interrupts_hide_nothing_that_is_logged_later(run: RunJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small segments: most of the risk is where one ends and the next begins.
    monkeypatch.setattr(slots, "FIRST_SEGMENT", 1)
    monkeypatch.setattr(slots, "LARGEST_SEGMENT", 1)
    armed, kept, interrupted = [False], [], 0

    def interrupt() -> None:
        if armed[0]:
            armed[0] = False
            raise Interrupted

    deadline = time.monotonic() + 4
    step = 0
    with interrupting(interrupt):
        while step < 20_000 and time.monotonic() < deadline:
            step += 1
            try:
                armed[0] = True
                run.log({f"m{step % 7}": 1.0, "loss": 2.0}, step)
                if step % 5 == 0:
                    run.log_tags({f"t{step}": "x" * (step % 3000)})
                armed[0] = False
                kept.append(step)
            except Interrupted:
                interrupted += 1
    run.end("KILLED")
    batch = read(run.folder.path)
    assert interrupted > 50
    found = [point[3] for point in batch.points if point[0] == "loss"]
    assert set(kept) <= set(found)
    assert found == sorted(set(found))
    assert {point[3] for point in batch.points if point[0] != "loss"} >= set(kept)
    assert all(point[0] in {"loss", f"m{point[3] % 7}"} for point in batch.points)
    assert batch.tags.keys() >= {f"t{step}" for step in kept if step % 5 == 0}
    assert batch.rest[-1]["end"] == "KILLED"


@pytest.mark.parametrize("call", ["rename", "posix_fallocate", "close", "mmap", "open"])
def test_an_interrupt_while_a_segment_begins_hides_nothing(
    run: RunJournal, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    place = writing.mmap if call == "mmap" else os
    done = getattr(place, call)

    def interrupted(*args):
        done(*args)
        monkeypatch.undo()
        raise Interrupted

    for step in range(100):
        run.log({"loss": 1.0}, step)
    with monkeypatch.context():
        monkeypatch.setattr(place, call, interrupted)
        with pytest.raises(Interrupted):
            run.log_tags({"large": "x" * slots.FIRST_SEGMENT})
    follower, seen = Follower(run.folder.path), []
    seen += follower.batch().points
    run.log({"loss": 1.0}, 100)
    run.end("KILLED")
    rest = follower.batch()
    assert [point[3] for point in seen + rest.points] == list(range(101))
    assert [entry["end"] for entry in rest.rest] == ["KILLED"]


def test_a_signals_handler_may_log_at_any_moment(run: RunJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FIRST_SEGMENT", 1)
    monkeypatch.setattr(slots, "LARGEST_SEGMENT", 1)
    numbers, handled = itertools.count(), []

    def handle() -> None:
        number = next(numbers)
        run.log({f"handled{number % 5}": 1.0, "handled": 1.0}, number)
        handled.append(number)

    deadline, step = time.monotonic() + 3, 0
    with interrupting(handle, 0.0005):
        while step < 20_000 and time.monotonic() < deadline:
            run.log({f"m{step % 7}": 1.0, "loss": 2.0}, step)
            step += 1
    points = read(run.folder.path).points
    assert len(handled) > 50
    assert sorted(point[3] for point in points if point[0] == "loss") == list(range(step))
    assert sorted(point[3] for point in points if point[0] == "handled") == sorted(handled)
    assert sorted(point[3] for point in points if point[0].startswith("m")) == list(range(step))
    assert all(point[0] == f"m{point[3] % 7}" for point in points if point[0].startswith("m"))


class Disk:
    """A disk that is full when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.asked: list[int] = []
        allocate = os.posix_fallocate

        def posix_fallocate(file: int, at: int, size: int) -> None:
            self.asked.append(size)
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            allocate(file, at, size)

        monkeypatch.setattr(os, "posix_fallocate", posix_fallocate)
        monkeypatch.setattr(writing, "_ROOM_WAIT_S", 0.1)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_full_disk_is_told_once_and_what_it_drops_is_counted(tmp_path: Path, disk: Disk) -> None:
    said: list[str] = []
    run = journal(tmp_path, tell=said.append)
    run.log({"loss": 0.0}, 0)
    disk.full = True
    for step in range(1, 2000):
        run.log({"loss": 0.0}, step)
    kept = len(read(run.folder.path).points)
    assert 0 < kept < 2000
    assert run.dropped == 2000 - kept
    assert len(said) == 1
    assert "full" in said[0]
    assert list(run.folder.path.glob("*.new")) == []
    disk.full = False
    time.sleep(0.11)
    for step in range(2000, 2500):
        run.log({"loss": 0.0}, step)
    found = [point[3] for point in read(run.folder.path).points]
    assert found == [*range(kept), *range(2000, 2500)]
    assert len(said) == 1


def test_a_full_disk_is_asked_rarely(run: RunJournal, disk: Disk) -> None:
    disk.full = True
    for step in range(1000):
        run.log({"loss": 0.0}, step)
    asked = len(disk.asked)
    for step in range(1000):
        run.log({"loss": 0.0}, step)
    assert len(disk.asked) - asked <= 2


def test_how_a_run_ended_is_kept_on_a_full_disk(run: RunJournal, disk: Disk) -> None:
    """Else a run that has ended well looks like one whose process has died."""
    run.log({"loss": 0.0}, 0)
    disk.full = True
    for step in range(1, 1000):
        run.log({"loss": 0.0}, step)
    run.log_tags({"mlops.error": "x" * 10_000})
    run.end("FINISHED", 5)
    assert read(run.folder.path).rest == [{"end": "FINISHED", "time_ms": 5}]


def test_something_large_waits_for_enough_room(run: RunJournal, disk: Disk) -> None:
    run.log({"loss": 0.0}, 0)
    disk.full = True
    large = "x" * 500_000
    threading.Timer(0.02, lambda: setattr(disk, "full", False)).start()
    run.log_tags({"large": large})
    assert read(run.folder.path).tags == {"large": large}


def test_an_artifact_that_a_full_disk_does_not_take_is_dropped(
    run: RunJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_text(self: Path, *_args: object, **_kwargs: object) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    run.log_text("mlops/traceback.txt", "long")
    monkeypatch.undo()
    assert run.dropped == 1
    assert read(run.folder.path).rest == []
    assert not (run.folder.files / "mlops/traceback.txt").exists()


def test_a_folder_that_is_gone_is_an_error_of_ours(run: RunJournal) -> None:
    run.log({"loss": 0.0})
    run.folder.remove()
    with pytest.raises(Unavailable, match="cannot write"):
        run.log_tags({"large": "x" * slots.FIRST_SEGMENT})


@hypothesis.given(st.lists(st.floats(), min_size=1, max_size=300), st.integers(1, 30), st.randoms())
@hypothesis.settings(max_examples=60)
def test_a_picture_keeps_the_extremes_and_the_newest(values: list[float], times: int, draw: random.Random) -> None:
    values = [value for _ in range(times) for value in draw.sample(values, len(values))]
    series = Series()
    for step, value in enumerate(values):
        # Many in one millisecond, and steps that fall: the order is that of logging all the same.
        series.add(-step, 0, value)
    kept = series.points()
    assert series.count == len(values)
    assert len(kept) <= 520
    assert kept[-1].step == 1 - len(values)
    assert [point.step for point in kept] == sorted({point.step for point in kept}, reverse=True)
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        assert {min(finite), max(finite)} <= {point.value for point in kept}
    assert all(bits([("", values[-point.step], 0, 0)]) == bits([("", point.value, 0, 0)]) for point in kept)


def test_who_asks_after_its_own_run_does_not_let_go_of_it(tmp_path: Path) -> None:
    """Also by way of another store's journals, which know nothing of it."""
    run = Journals(tmp_path, "sqlite:////one.db", lambda: None).open(start(), lambda _said: None)
    run.point("loss", 1.0, 1, 1)
    assert list(Journals(tmp_path, "sqlite:////two.db", lambda: None).waiting()) == [run.folder.name]
    assert run.folder.owner_lives()

    def lives() -> list[bool]:
        """Ask from another process, and from one that this one has forked while it held the locks."""
        child = os.fork()
        if child == 0:
            os._exit(10 + run.folder.owner_lives() + 2 * run.folder.anyone_writes())
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) - 10
        return [bool(code & 1), bool(code & 2)]

    assert lives() == [True, True]
    run.close()
    assert lives() == [False, False]
    assert not run.folder.owner_lives()


def test_a_name_that_a_loss_of_power_has_left_as_zeros_hides_nothing(run: RunJournal) -> None:
    run.log({"loss": 1.0}, 0)
    run.log({"acc": 2.0}, 0)
    (segment,) = run.folder.path.glob("*.seg")
    data = segment.read_bytes()
    at = data.index(b"loss")
    segment.write_bytes(data[:at] + bytes(4) + data[at + 4 :])
    assert read(run.folder.path).points[-1][0] == "acc"
    assert len(read(run.folder.path).points) == 2


def test_a_folder_that_goes_while_it_is_looked_at_has_nothing(tmp_path: Path) -> None:
    """As a run's does, when it is shipped while somebody waits for that."""
    folder = RunFolders(tmp_path).of("run")
    done = threading.Event()

    def come_and_go() -> None:
        while not done.is_set():
            folder.path.mkdir()
            folder.path.rmdir()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        for _ in range(3_000):
            assert Follower(folder.path).unread() == 0
            assert not folder.anyone_writes()
    finally:
        done.set()
        thread.join()
