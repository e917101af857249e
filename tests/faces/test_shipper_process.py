"""The shipper's process: one a project, there as long as it is needed, and nothing forgotten when it goes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mlops_jupyter
from mlops_jupyter import settings
from mlops_jupyter.capabilities.journal import Journals, RunFolders, RunJournal, ShipperLink
from mlops_jupyter.capabilities.journal.link import PIPE
from mlops_jupyter.capabilities.shipping import Shipper, Stores
from mlops_jupyter.commands.project import shipper_command
from mlops_jupyter.errors import MlopsError
from mlops_jupyter.faces import shipper as face
from mlops_jupyter.records import Run
from tests.conftest import Kernel
from tests.fakes.journals import Elsewhere, closed, start
from tests.fakes.pages import no_pages
from tests.fakes.sink import FakeSink
from tests.fakes.waiting import wait_for

HOME = "sqlite:////home.db"


@pytest.fixture
def folder(tmp_path: Path, clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project's journals, the project being the working directory."""
    (tmp_path / "mlops.toml").write_text('experiment = "churn"\n')
    monkeypatch.chdir(tmp_path)
    settings.forget_root()
    found = settings.current().journal
    found.mkdir(parents=True)
    return found


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def begin(folder: Path, sink: FakeSink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], threading.Thread]]:
    """Run what the process runs in a thread of the test, with a store in memory; signals stay the test's."""
    made: list[face.ShipperProcess] = []
    initialise = face.ShipperProcess.__init__

    def noting(self: face.ShipperProcess, *args: object) -> None:
        initialise(self, *args)
        made.append(self)

    monkeypatch.setattr(face.ShipperProcess, "__init__", noting)
    monkeypatch.setattr(face.signal, "signal", lambda *_: None)
    monkeypatch.setattr(face.os, "nice", lambda _: 0)
    monkeypatch.setattr(face.ship, "shipper", lambda _settings: new(folder, sink))
    threads = []

    def run() -> threading.Thread:
        thread = threading.Thread(target=face.main, args=(folder.parents[1],))
        thread.start()
        threads.append(thread)
        return thread

    yield run
    for process in made:
        process.stopping = True
    for thread in threads:
        thread.join(10)


def new(folder: Path, sink: FakeSink) -> Shipper:
    stores = Stores(lambda _uri: sink, HOME)
    return Shipper(RunFolders(folder), stores, lambda _path: "{}", lambda _start: None, no_pages())


@pytest.fixture
def process(folder: Path, as_a_user_starts_it: None) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start a real one."""
    made: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        with (folder / "shipper.log").open("ab") as log:
            command = shipper_command(folder.parents[1])
            made.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return made[-1]

    yield begin
    for one in made:
        if one.poll() is None:
            one.kill()
        one.wait()


def _listens(folder: Path) -> bool:
    try:
        os.close(os.open(folder / PIPE, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def _log(run: RunJournal) -> None:
    for step in range(100):
        run.log({"loss": 1.0}, step)


def test_one_a_project_and_it_ends_when_told(folder: Path, process: Callable[[], subprocess.Popen[bytes]]) -> None:
    first = process()
    wait_for(lambda: _listens(folder))
    assert json.loads((folder / "shipper.json").read_text())["pid"] == first.pid
    assert process().wait(30) == 0
    assert first.poll() is None
    assert json.loads((folder / "shipper.json").read_text())["pid"] == first.pid
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    assert not (folder / "shipper.json").exists()
    assert (folder / "shipper.log").read_text() == ""
    again = process()
    wait_for(lambda: _listens(folder))
    assert again.poll() is None


def test_it_does_without_the_table_libraries_that_mlflow_would_import(
    project: Path, stored_runs: Callable[[], list[Run]]
) -> None:
    with mlops_jupyter.track("one"):
        mlops_jupyter.log(loss=1.0)
    assert [run.name for run in stored_runs()] == ["one"]
    shipper = json.loads((project / ".mlops" / "journal" / "shipper.json").read_text())["pid"]
    # Their files are mapped wherever they are imported; of the one that MLflow needs the same can be seen.
    mapped = Path(f"/proc/{shipper}/maps").read_text()
    assert "numpy" in mapped
    assert "polars" not in mapped
    assert "pandas" not in mapped


@pytest.mark.parametrize("variable", [settings.PARENT_VARIABLE, "MLFLOW_RUN_ID"])
def test_one_that_is_started_within_a_run_writes_to_the_store_and_not_to_journals(
    variable: str, project: Path, stored_runs: Callable[[], list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = "a" * 32
    monkeypatch.setenv(variable, outer)
    with mlops_jupyter.track("one"):
        mlops_jupyter.log(loss=1.0)
    assert [(run.name, run.parent, run.status) for run in stored_runs()] == [("one", outer, "FINISHED")]


def test_it_goes_with_its_folder(folder: Path, process: Callable[[], subprocess.Popen[bytes]]) -> None:
    first = process()
    wait_for(lambda: _listens(folder))
    shutil.rmtree(folder.parent)
    assert first.wait(60) == 0


def test_told_to_end_in_the_middle_it_loses_nothing(
    folder: Path, sink: FakeSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = start(HOME)
    closed(folder, begun, lambda run: [run.log({"loss": 1.0}, step) for step in range(5000)])
    process = face.ShipperProcess(folder, new(folder, sink))
    writes = []

    def ending(call: str) -> None:
        if call == "write":
            writes.append(call)
            if len(writes) == 2:
                signal.raise_signal(signal.SIGTERM)

    sink.before = ending
    before = signal.getsignal(signal.SIGTERM)
    try:
        process.run(lambda: None)
    finally:
        signal.signal(signal.SIGTERM, before)
        process.close()
    assert process.stopping
    sink.before = lambda _call: None
    after = new(folder, sink)
    while after.turn():
        pass
    assert sink.runs[begun.run_id].steps("loss") == list(range(5000))
    assert sink.runs[begun.run_id].status == "FINISHED"


def test_a_word_in_its_pipe_wakes_it(
    folder: Path, sink: FakeSink, begin: Callable[[], threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "_TICK_S", 60.0)
    monkeypatch.setattr(face, "_LONGEST_TICK_S", 60.0)
    asleep = threading.Event()
    woken = face.ShipperProcess._woken

    def noting(self: face.ShipperProcess, timeout_s: float) -> bool:
        asleep.set()
        return woken(self, timeout_s)

    monkeypatch.setattr(face.ShipperProcess, "_woken", noting)
    begin()
    assert asleep.wait(10)
    begun = start(HOME)
    closed(folder, begun, _log)
    ShipperLink(folder, lambda: pytest.fail("one is there")).wake()
    wait_for(lambda: begun.run_id in sink.runs and sink.runs[begun.run_id].status == "FINISHED", 10)
    # So that the test can end it.
    monkeypatch.setattr(face, "_IDLE_S", 0.0)
    monkeypatch.setattr(face, "_TICK_S", 0.01)
    ShipperLink(folder, lambda: None).wake()


def test_in_a_hurry_it_asks_a_store_again_at_once(
    folder: Path, sink: FakeSink, begin: Callable[[], threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Stores.pause

    def for_an_hour(self: Stores, uri: str, error: MlopsError) -> object:
        made = pause(self, uri, error)
        made.until += 3600
        return made

    monkeypatch.setattr(Stores, "pause", for_an_hour)
    begun = start(HOME)
    folder_of_run = closed(folder, begun, _log)
    sink.is_away(away=True)
    begin()
    wait_for(lambda: folder_of_run.shipped().error is not None, 10)
    sink.is_away(away=False)
    link = ShipperLink(folder, lambda: pytest.fail("one is there"))
    link.wake(hurry=True)
    wait_for(lambda: not folder_of_run.path.exists(), 10)


def test_it_ends_when_there_is_nothing_to_do(
    folder: Path, sink: FakeSink, begin: Callable[[], threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "_IDLE_S", 0.2)
    begun = start(HOME)
    closed(folder, begun, _log)
    thread = begin()
    thread.join(10)
    assert not thread.is_alive()
    assert sink.runs[begun.run_id].status == "FINISHED"
    assert not (folder / "shipper.json").exists()


def test_it_stays_while_somebody_logs_and_longer_while_a_store_is_away(
    folder: Path, sink: FakeSink, begin: Callable[[], threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "_IDLE_S", 0.1)
    monkeypatch.setattr(face, "_WAITING_S", 1.0)
    run = Elsewhere(folder, start(HOME), _log)
    try:
        thread = begin()
        thread.join(2)
        assert thread.is_alive()
        sink.is_away(away=True)
        run.go_on()
    finally:
        run.kill()
    thread.join(0.5)
    assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("moment", ["run", "close", "unlink"])
def test_a_run_written_while_it_ends_is_not_forgotten(
    folder: Path, sink: FakeSink, begin: Callable[[], threading.Thread], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Its process saw one alive, and starts no other."""
    monkeypatch.setattr(face, "_IDLE_S", 0.1)
    begun = start(HOME)

    def log() -> None:
        if not RunFolders(folder).of(begun.run_id).path.exists():
            closed(folder, begun, _log)

    place = Path if moment == "unlink" else face.ShipperProcess
    done = getattr(place, moment)

    def late(self, *args, **kwargs):
        if moment == "unlink" and self.name != "shipper.json":
            return done(self, *args, **kwargs)
        if moment == "run":
            done(self, *args, **kwargs)
            return log() if begun.run_id not in sink.runs else None
        if begun.run_id not in sink.runs:
            log()
        return done(self, *args, **kwargs)

    monkeypatch.setattr(place, moment, late)
    thread = begin()
    thread.join(10)
    assert not thread.is_alive()
    assert sink.runs[begun.run_id].status == "FINISHED"
    assert Journals(folder, "", lambda: None).waiting() == {}


def test_one_that_left_runs_to_a_store_that_is_away_does_not_begin_anew_for_them(
    folder: Path, sink: FakeSink, begin: Callable[[], threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "_WAITING_S", 0.2)
    closed(folder, start(HOME), _log)
    sink.is_away(away=True)
    thread = begin()
    thread.join(10)
    assert not thread.is_alive()
    assert len(Journals(folder, "", lambda: None).waiting()) == 1


def test_a_problem_is_written_to_its_log_once(
    folder: Path, sink: FakeSink, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed(folder, start(HOME), _log)

    def create(*_args: object) -> str:
        raise ValueError("a bug of ours")

    sink.create = create
    process = face.ShipperProcess(folder, new(folder, sink))
    for _ in range(3):
        process._shipper.turn()
        process._shipper.hurry()
        process._report()
    process.close()
    said = capsys.readouterr().err
    assert said.count("Traceback") == 1
    assert said.count("ValueError: a bug of ours") == 2


def test_a_link_starts_one_only_where_none_listens(folder: Path) -> None:
    started: list[float] = []
    link = ShipperLink(folder, lambda: started.append(time.monotonic()))
    link.wake()
    link.wake()
    assert len(started) == 1
    os.mkfifo(folder / PIPE)
    link.wake()
    assert len(started) == 1
    listening = os.open(folder / PIPE, os.O_RDWR | os.O_NONBLOCK)
    other = ShipperLink(folder, lambda: started.append(time.monotonic()))
    # Also into a pipe that is full.
    for _ in range(70_000):
        other.wake()
    other.wake(hurry=True)
    assert len(started) == 1
    os.close(listening)
    other.wake()
    assert len(started) == 2


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), FileNotFoundError(2, "gone")])
def test_without_a_shipper_what_is_logged_is_kept(folder: Path, error: OSError) -> None:
    def fail() -> None:
        raise error

    journals = Journals(folder, HOME, fail)
    begun = start(HOME)
    with pytest.warns(UserWarning, match="nobody brings it to the store"):
        run = journals.open(begun, lambda _: None)
    _log(run)
    run.end("FINISHED")
    run.close()
    sink = FakeSink()
    shipper = new(folder, sink)
    while shipper.turn():
        pass
    assert sink.runs[begun.run_id].steps("loss") == list(range(100))


def test_no_file_of_the_project_is_taken_for_a_module(
    project: Path, start_kernel: Callable[..., Kernel], stored_runs: Callable[[], list[Run]], as_a_user_starts_it: None
) -> None:
    for name in ("code", "queue", "mlflow"):
        (project / f"{name}.py").write_text("raise SystemExit('taken for a module')\n")
    (project / "notebooks").mkdir()
    kernel = start_kernel(project / "notebooks")
    reply = kernel.run("%%mlops track forest\nimport mlops_jupyter\nmlops_jupyter.log(loss=0.5)")
    assert reply.status == "ok"
    (run,) = stored_runs()
    assert run.metrics["loss"] == 0.5
    assert (project / ".mlops" / "journal" / "shipper.log").read_text() == ""
