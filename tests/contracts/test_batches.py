"""What every engine of batches keeps to, with real notebooks in real kernels."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from mlops_jupyter.adapters.local_batches import LocalBatches
from mlops_jupyter.adapters.papermill.runner import PapermillRunner
from mlops_jupyter.protocols import CellProgress, NotebookTask
from tests.fakes.engines import OneByOne
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

ENGINES: dict[str, Callable[[Any], Any]] = {"local": LocalBatches, "one by one": OneByOne}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, clean_environment: None) -> Iterator[Any]:
    before = set(psutil.Process().children(recursive=True))
    with PapermillRunner() as runner:
        yield ENGINES[request.param](runner)
    left = set(psutil.Process().children(recursive=True)) - before
    psutil.wait_procs(left, timeout=10)
    assert not [process for process in left if process.is_running()], "no process is left"
    assert "mlops-batch" not in {thread.name for thread in threading.enumerate()}


def task(folder: Path, key: str, *cells: str, parameters: str | None = None, **given: Any) -> NotebookTask:
    notebook = write_notebook(folder / f"{key}.ipynb", *cells, parameters=parameters)
    return NotebookTask(key, notebook, folder / f"{key}-out.ipynb", given, {"BATCH_KEY": key})


def silent(_key: str, _at: CellProgress) -> None:
    pass


def run(engine: Any, tasks: Any, at_once: int = 2, cancelled: Any = lambda: False, progress: Any = silent) -> list[Any]:
    return list(engine.execute(iter(tasks), at_once=at_once, on_progress=progress, cancelled=cancelled))


def alive(pid: Path) -> bool:
    found = int(pid.read_text())
    return psutil.pid_exists(found) and psutil.Process(found).status() != psutil.STATUS_ZOMBIE


def test_each_task_has_its_outcome_and_one_that_fails_stops_no_other(engine, tmp_path):
    (tmp_path / "broken.ipynb").write_text("no notebook")
    tasks = [
        task(tmp_path, "bad", "1", "1 / 0"),
        NotebookTask("broken", tmp_path / "broken.ipynb", tmp_path / "broken-out.ipynb", {}, {}),
        task(tmp_path, "good", "import os\nprint(os.environ['BATCH_KEY'], lr)", parameters="lr = 1", lr=[0.5, None]),
    ]
    heard: list[tuple[str, CellProgress]] = []
    threads = set()

    def progress(key: str, at: CellProgress) -> None:
        heard.append((key, at))
        threads.add(threading.current_thread())

    found = dict(run(engine, tasks, progress=progress))
    assert {key: outcome.kind for key, outcome in found.items()} == {
        "bad": "raised",
        "broken": "raised",
        "good": "done",
    }
    assert (found["bad"].cell, found["bad"].ename) == (1, "ZeroDivisionError")
    broken = found["broken"]
    assert (broken.cell, broken.ename) == (None, "ConfigurationError")
    assert broken.evalue == "broken.ipynb is no notebook: it is not JSON"
    output = nbformat.read(tmp_path / "good-out.ipynb", as_version=4)
    assert output.cells[-1].outputs[0].text == "good [0.5, None]\n"
    told = [at for key, at in heard if key == "good"]
    assert next((at.cell, at.ended) for at in told) == (0, False)
    assert told[-1] == CellProgress(1, 2, True)
    assert threads == {threading.current_thread()}


def test_tasks_are_drawn_when_there_is_room_and_told_as_they_end(engine, tmp_path):
    drawn: list[str] = []

    def tasks() -> Iterator[NotebookTask]:
        for number in range(3):
            drawn.append(f"n{number}")
            yield task(tmp_path, f"n{number}", "1")

    ended = 0
    for _ in engine.execute(tasks(), at_once=1, on_progress=silent, cancelled=lambda: False):
        ended += 1
        # The next may be drawn before the last is told, so that nothing stands idle meanwhile.
        assert len(drawn) <= ended + 1
    assert (ended, drawn) == (3, ["n0", "n1", "n2"])


def test_cancelled(engine, tmp_path):
    def tasks() -> Iterator[NotebookTask]:
        yield task(tmp_path, "endless", "open('started', 'w').close()\nwhile True: pass")
        raise AssertionError("nothing more is drawn")

    found = run(engine, tasks(), 1, cancelled=(tmp_path / "started").exists, progress=wait_until(tmp_path / "started"))
    assert [(key, outcome.kind) for key, outcome in found] == [("endless", "interrupted")]
    assert (tmp_path / "endless-out.ipynb").is_file()
    assert run(engine, iter([task(tmp_path, "never", "1")]), cancelled=lambda: True) == []


def wait_until(file: Path) -> Callable[[str, CellProgress], None]:
    def progress(_key: str, _at: CellProgress) -> None:
        wait_for(file.exists)

    return progress


def test_left_early_it_leaves_nothing_behind(engine, tmp_path):
    tasks = [task(tmp_path, "quick", "1"), task(tmp_path, "slow", "while True: pass")]
    ended = engine.execute(iter(tasks), at_once=2, on_progress=silent, cancelled=lambda: False)
    assert next(ended)[0] == "quick"
    ended.close()


def test_a_worker_that_is_killed_loses_nothing(engine, tmp_path):
    body = (
        "import os, pathlib, time\nfirst = not pathlib.Path('worker').exists()\n"
        "pathlib.Path('kernel').write_text(str(os.getpid()))\npathlib.Path('worker').write_text(str(os.getppid()))\n"
        "while first: time.sleep(0.05)"
    )
    worker = tmp_path / "worker"

    def kill() -> None:
        wait_for(lambda: worker.exists() and worker.read_text())
        first.append((tmp_path / "kernel").read_text())
        os.kill(int(worker.read_text()), signal.SIGKILL)

    first: list[str] = []
    killer = threading.Thread(target=kill)
    killer.start()
    found = run(engine, [task(tmp_path, "killed", body), task(tmp_path, "other", "1")])
    killer.join()
    assert {key: outcome.kind for key, outcome in found} == {"killed": "done", "other": "done"}
    assert len(found) == 2
    (tmp_path / "first").write_text(first[0])
    wait_for(lambda: not alive(tmp_path / "first"), what="the kernel of the killed worker lives on")


def test_a_notebook_that_always_kills_its_worker_is_given_up(engine, tmp_path):
    body = "import os\nopen('times', 'a').write('x')\nos.kill(os.getppid(), 9)\nwhile True: pass"
    found = run(engine, [task(tmp_path, "killer", body), task(tmp_path, "other", "1")])
    kinds = {key: outcome.kind for key, outcome in found}
    assert kinds == {"killer": "dead worker", "other": "done"}
    assert (tmp_path / "times").read_text() == "xxx"
