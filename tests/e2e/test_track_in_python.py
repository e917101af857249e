"""``track`` as a block and as a decorator: in a script of its own, and in a kernel's plain cells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from mlflow import MlflowClient

from mlops_jupyter.records import Run
from tests.conftest import Kernel, ship

Script = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def script(project: Path) -> Script:
    """Start a Python script as a user does, in the project's directory."""

    def start(source: str) -> subprocess.Popen[str]:
        (project / "train.py").write_text(textwrap.dedent(source))
        return subprocess.Popen(
            [sys.executable, "train.py"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def metric_points(project: Path, run: Run, name: str) -> list[tuple[int, float]]:
    assert ship(project) == {}
    client = MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db")
    return sorted((point.step, point.value) for point in client.get_metric_history(run.run_id, name))


def traceback_kept(project: Path, run: Run) -> str:
    assert ship(project) == {}
    stored = MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db").get_run(run.run_id)
    return (Path(unquote(urlparse(stored.info.artifact_uri).path)) / "mlops" / "traceback.txt").read_text()


# --- a script -------------------------------------------------------------------------------------------------


def test_a_block_in_a_script_is_a_run(script: Script, stored_runs: Callable[[], list[Run]]) -> None:
    code, out, err = finish(
        script(
            """
            import mlops_jupyter

            rate = 0.5

            def main():
                depth = 3
                with mlops_jupyter.track("block", tag={"by": "ana"}, param="depth,rate,never") as run:
                    assert run.record is None
                    run.log(loss=0.25)
                    mlops_jupyter.log(loss=0.125)
                    depth = 4
                print(run.run_id, run.record.status, run.record.metrics["loss"])

            main()
            """
        )
    )

    (stored,) = stored_runs()
    assert (code, out) == (0, f"{stored.run_id} FINISHED 0.125\n")
    assert (stored.name, stored.experiment, stored.status) == ("block", "churn", "FINISHED")
    assert stored.params == {"depth": "4", "rate": "0.5"}
    assert stored.tags["by"] == "ana"
    card = err.splitlines()
    assert card[0].startswith("FINISHED  block in churn")
    assert card[-1] == "  note: --param never: no variable of that name was set"
    assert card[-2] == "  loss: last 0.125 · min 0.125 at 1 · max 0.25 at 0 · 2 points"
    assert len(card) == 5


def test_a_block_that_raises_fails_its_run_and_the_script(
    project: Path, script: Script, stored_runs: Callable[[], list[Run]]
) -> None:
    code, out, err = finish(
        script(
            """
            import mlops_jupyter

            def divide(numerator):
                return numerator / 0

            with mlops_jupyter.track():
                divide(3)
            print("never")
            """
        )
    )

    (stored,) = stored_runs()
    assert (code, out) == (1, "")
    assert err.count("Traceback (most recent call last)") == 1
    assert err.endswith("ZeroDivisionError: division by zero\n")
    assert (stored.status, stored.error) == ("FAILED", "ZeroDivisionError: division by zero")
    kept = traceback_kept(project, stored)
    assert "in divide" in kept
    assert "return numerator / 0" in kept


def test_what_leaves_the_block_decides_the_status(script: Script, stored_runs: Callable[[], list[Run]]) -> None:
    code, out, err = finish(
        script(
            """
            import sys
            import mlops_jupyter

            for ending in (SystemExit(0), SystemExit("bad data"), KeyboardInterrupt(), GeneratorExit()):
                try:
                    with mlops_jupyter.track(type(ending).__name__):
                        raise ending
                except BaseException as error:
                    print(error is ending)
            left_open = mlops_jupyter.track("left open").__enter__()
            sys.exit(0)
            """
        )
    )

    assert (code, out) == (0, "True\n" * 4), err
    assert [(run.name, run.status) for run in stored_runs()] == [
        ("SystemExit", "FINISHED"),
        ("SystemExit", "FAILED"),
        ("KeyboardInterrupt", "KILLED"),
        ("GeneratorExit", "FAILED"),
        ("left open", "KILLED"),  # MLflow itself would call it FINISHED as the process ends
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_run_killed(
    script: Script, stored_runs: Callable[[], list[Run]], number: signal.Signals
) -> None:
    process = script(
        """
        import time, mlops_jupyter
        with mlops_jupyter.track("endless"):
            print("started", flush=True)
            while True:
                time.sleep(0.02)
        """
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)

    assert finish(process)[0] == -number
    assert [(run.name, run.status) for run in stored_runs()] == [("endless", "KILLED")]


def test_a_decorated_function_is_a_run_a_call(script: Script, stored_runs: Callable[[], list[Run]]) -> None:
    code, out, err = finish(
        script(
            """
            from concurrent.futures import ThreadPoolExecutor
            import mlops_jupyter

            seed = 7

            @mlops_jupyter.track(param="depth,rate,seed")
            def train(depth, *, rate=0.5):
                "Train."
                mlops_jupyter.log(score=depth)
                if depth < 0:
                    raise ValueError("negative depth")
                return depth + (train(depth - 1, rate=0.25) if depth == 2 else 0)

            print(train.__name__, train.__doc__, train(2))
            try:
                train(-1)
            except ValueError as error:
                print(error)
            with ThreadPoolExecutor(4) as pool:
                print(sorted(pool.map(train, range(10, 14))))
            """
        )
    )

    assert code == 0, err
    assert out == "train Train. 3\nnegative depth\n[10, 11, 12, 13]\n"
    runs = sorted(stored_runs(), key=lambda run: int(run.params["depth"]))
    assert {run.name for run in runs} == {"train"}
    assert [(run.params["depth"], run.status) for run in runs] == [
        ("-1", "FAILED"),
        *((str(depth), "FINISHED") for depth in (1, 2, 10, 11, 12, 13)),
    ]
    assert all(run.metrics == {"score": float(run.params["depth"])} for run in runs)
    assert [run.params["rate"] for run in runs] == ["0.5", "0.25", "0.5", "0.5", "0.5", "0.5", "0.5"]
    assert {run.params["seed"] for run in runs} == {"7"}
    assert err.count("FINISHED  train in churn") == 6


def test_decorated_coroutines_may_run_at_once(script: Script, stored_runs: Callable[[], list[Run]]) -> None:
    code, out, err = finish(
        script(
            """
            import asyncio
            import mlflow
            import mlops_jupyter

            turns = []

            @mlops_jupyter.track("coroutine", param="number")
            async def train(number):
                for step in range(3):
                    # Whoever came last goes first: the runs neither start nor end in the order of a stack.
                    turns.append(number)
                    await asyncio.sleep(0.01 * (3 - number))
                    mlops_jupyter.log(step=step, **{f"loss{number}": step})
                return number

            async def main():
                with mlops_jupyter.track("around"):
                    print(await asyncio.gather(*map(train, range(3))))
                    mlops_jupyter.log(after=1)
                    waiting = asyncio.ensure_future(train(-100))
                    await asyncio.sleep(0.01)
                    waiting.cancel()
                    print(*(type(one).__name__ for one in await asyncio.gather(waiting, return_exceptions=True)))
                    mlops_jupyter.log(last=1)

            asyncio.run(main())
            print(mlflow.active_run(), len(set(turns[:3])))
            """
        )
    )

    assert code == 0, err
    assert out == "[0, 1, 2]\nCancelledError\nNone 3\n"
    found = {(run.name, run.params.get("number")): run for run in stored_runs()}
    assert len(found) == 5
    for number in range(3):
        run = found["coroutine", str(number)]
        assert (run.status, run.metrics) == ("FINISHED", {f"loss{number}": 2.0})
    assert found["coroutine", "-100"].status == "KILLED"
    around = found["around", None]
    assert (around.status, around.metrics) == ("FINISHED", {"after": 1.0, "last": 1.0})


def test_workers_log_to_the_run_around_them(
    project: Path, script: Script, stored_runs: Callable[[], list[Run]]
) -> None:
    code, out, err = finish(
        script(
            """
            import concurrent.futures as futures
            import threading
            import mlops_jupyter

            def work(step):
                mlops_jupyter.log(step=step, score=step)

            if __name__ == "__main__":
                with mlops_jupyter.track("workers") as run:
                    with futures.ThreadPoolExecutor(4) as pool:
                        list(pool.map(work, range(50)))
                    thread = threading.Thread(target=run.log, kwargs={"step": 50, "score": 50})
                    thread.start()
                    thread.join()
                    with futures.ProcessPoolExecutor(2) as pool:
                        list(pool.map(work, range(51, 60)))
                print("done")
            """
        )
    )

    assert (code, out) == (0, "done\n"), err
    (stored,) = stored_runs()
    assert stored.status == "FINISHED"
    assert metric_points(project, stored, "score") == [(step, float(step)) for step in range(60)]


def test_metrics_are_numbers_of_many_kinds(project: Path, script: Script, stored_runs: Callable[[], list[Run]]) -> None:
    code, out, err = finish(
        script(
            """
            import math
            import numpy
            import mlops_jupyter
            from mlops_jupyter.errors import CommandError, Conflict

            try:
                mlops_jupyter.log(loss=1)
            except Conflict as error:
                print(error)
            tracked = mlops_jupyter.track()
            with tracked:
                for value in (True, numpy.float32(0.5), numpy.array([2]), numpy.int64(3)):
                    mlops_jupyter.log(counted=value)
                mlops_jupyter.log(step=10, counted=4)
                mlops_jupyter.log(counted=5, other=math.nan)
                try:
                    mlops_jupyter.log({"loss": 1, "acc": 2})
                except CommandError as error:
                    print(error)
                for wrong in ("text", None, numpy.zeros(2)):
                    try:
                        mlops_jupyter.log(wrong=wrong)
                    except CommandError as error:
                        print(error)
                try:
                    tracked.open(dict)
                except Conflict as error:
                    print(error)
            with tracked:
                pass
            try:
                tracked.log(late=1)
            except Conflict as error:
                print(error)
            try:
                mlops_jupyter.track(print)
            except CommandError as error:
                print(error)
            """
        )
    )

    assert code == 0, err
    said = out.splitlines()
    assert said[0].startswith("no run is open")
    assert said.pop(1) == "metrics are given by name, not as a mapping (mlops_jupyter.log(loss=…, acc=…))"
    assert [line.split(" (")[0] for line in said[1:4]] == [
        "the metric wrong is no number: str",
        "the metric wrong is no number: NoneType",
        "the metric wrong is no number: ndarray",
    ]
    assert said[4].startswith("this run is open already")
    assert said[5].startswith("this run is not open")
    assert said[6].startswith("track takes a name, not a function")
    first, second = stored_runs()
    assert metric_points(project, first, "counted") == [
        (0, 1.0),
        (1, 0.5),
        (2, 2.0),
        (3, 3.0),
        (10, 4.0),
        (11, 5.0),
    ]
    assert set(first.metrics) == {"counted", "other"}
    assert (second.status, second.metrics) == ("FINISHED", {})


def test_log_reaches_a_run_that_mlflow_opened(script: Script, stored_runs: Callable[[], list[Run]]) -> None:
    code, _, err = finish(
        script(
            """
            import mlflow
            import mlops_jupyter

            # Whoever has run one verb has told MLflow the project's store.
            mlops_jupyter.runs()
            with mlflow.start_run(run_name="plain"):
                mlops_jupyter.log(loss=2)
                with mlops_jupyter.track("inner"):
                    mlops_jupyter.log(loss=1)
                mlops_jupyter.log(loss=0)
            """
        )
    )

    assert code == 0, err
    found = {run.name: run for run in stored_runs()}
    assert {name: (run.status, run.metrics) for name, run in found.items()} == {
        "plain": ("FINISHED", {"loss": 0.0}),
        "inner": ("FINISHED", {"loss": 1.0}),
    }
    assert found["inner"].parent is None


# --- a kernel -------------------------------------------------------------------------------------------------


def test_block_and_decorators_in_plain_cells_show_their_cards(
    kernel: Kernel, stored_runs: Callable[[], list[Run]]
) -> None:
    block = kernel.run(
        "import mlops_jupyter\n"
        "depth = 3\n"
        "with mlops_jupyter.track('block', param='depth') as run:\n"
        "    run.log(loss=0.5)\n"
        "print('after', run.record.status)"
    )
    decorated = kernel.run(
        "@mlops_jupyter.track(param='n')\ndef train(n):\n    mlops_jupyter.log(score=n)\n    return n * 2\ntrain(21)"
    )
    awaited = kernel.run(
        "import asyncio\n"
        "@mlops_jupyter.track('async')\n"
        "async def slow(n):\n    await asyncio.sleep(0)\n    mlops_jupyter.log(score=n)\n    return n\n"
        "await slow(5)"
    )
    failing = kernel.run("with mlops_jupyter.track('failing'):\n    1 / 0")
    interrupted = kernel.run(
        "import time\n"
        "with mlops_jupyter.track('interrupted'):\n"
        "    print('started', flush=True)\n"
        "    while True:\n        time.sleep(0.02)",
        interrupt_when="started",
    )

    assert (block.stdout, block.stderr) == ("after FINISHED\n", "")
    assert [bundle["text/plain"] for bundle in decorated.displayed][1:] == ["42"]
    assert [bundle["text/plain"] for bundle in awaited.displayed][1:] == ["5"]
    assert (failing.ename, len(failing.errors)) == ("ZeroDivisionError", 1)
    assert interrupted.ename == "KeyboardInterrupt"
    replies = (block, decorated, awaited, failing, interrupted)
    assert all("text/html" in bundle for reply in replies for bundle in reply.displayed[:1])
    cards = [card for reply in replies for card in reply.records("run")]
    assert [(card["name"], card["status"]) for card in cards] == [
        ("block", "FINISHED"),
        ("train", "FINISHED"),
        ("async", "FINISHED"),
        ("failing", "FAILED"),
        ("interrupted", "KILLED"),
    ]
    assert [(run.run_id, run.status) for run in stored_runs()] == [(card["run_id"], card["status"]) for card in cards]
    assert cards[0]["params"] == {"depth": "3"}
    assert cards[1]["params"] == {"n": "21"}
    assert cards[2]["metrics"] == {"score": 5.0}


def test_workers_log_to_the_cell_that_runs(kernel: Kernel, project: Path, stored_runs: Callable[[], list[Run]]) -> None:
    # The pool lives on from cell to cell, as a library's does.
    kernel.run(
        "import threading, mlops_jupyter\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(3)\n"
        "def work(step): mlops_jupyter.log(step=step, score=step)"
    )
    first = kernel.run("%%mlops track first\n_ = list(pool.map(work, range(20)))")
    second = kernel.run(
        "%%mlops track second\n"
        "_ = list(pool.map(work, range(100, 120)))\n"
        "thread = threading.Thread(target=work, args=(120,))\n"
        "thread.start()\n"
        "thread.join()\n"
        "import asyncio\n"
        "await asyncio.to_thread(work, 121)"
    )
    outside = kernel.run("pool.submit(work, 0).result()")

    assert (first.status, second.status) == ("ok", "ok")
    assert (outside.ename, outside.traceback[0]) == (
        "Conflict",
        "Conflict: no run is open, so there is nothing to log to",
    )
    runs = stored_runs()
    assert [run.name for run in runs] == ["first", "second"]
    assert metric_points(project, runs[0], "score") == [(step, float(step)) for step in range(20)]
    assert metric_points(project, runs[1], "score") == [(step, float(step)) for step in range(100, 122)]


def test_a_block_within_a_tracked_cell_is_its_child(kernel: Kernel, stored_runs: Callable[[], list[Run]]) -> None:
    reply = kernel.run(
        "%%mlops track outer\n"
        "import mlops_jupyter\n"
        "for n in range(2):\n"
        "    with mlops_jupyter.track(f'inner{n}'):\n"
        "        mlops_jupyter.log(n=n)\n"
        "mlops_jupyter.log(outer=1)"
    )

    assert [card["name"] for card in reply.records("run")] == ["inner0", "inner1", "outer"]
    found = {run.name: run for run in stored_runs()}
    assert {name: run.metrics for name, run in found.items()} == {
        "outer": {"outer": 1.0},
        "inner0": {"n": 0.0},
        "inner1": {"n": 1.0},
    }
    assert {name: run.parent for name, run in found.items()} == {
        "outer": None,
        "inner0": found["outer"].run_id,
        "inner1": found["outer"].run_id,
    }
    assert {run.status for run in found.values()} == {"FINISHED"}


def test_plain_mlflow_in_a_worker_thread_logs_to_the_cells_run(
    kernel: Kernel, stored_runs: Callable[[], list[Run]]
) -> None:
    kernel.run(
        "%%mlops track cell\n"
        "import mlflow, threading\n"
        "thread = threading.Thread(target=mlflow.log_metric, args=('score', 1))\n"
        "thread.start()\n"
        "thread.join()"
    )

    assert [(run.name, run.metrics) for run in stored_runs()] == [("cell", {"score": 1.0})]


SEEDED = """
    import sys
    import pandas as pd
    import mlops_jupyter as mlops

    seed = int(sys.argv[1])
    frame = pd.DataFrame({"x": [float(row) for row in range(3 * seed)]})
    with mlops.track(f"seed {seed}", param="seed", data="frame", autolog=False):
        mlops.log(loss=1 / seed)
"""


def test_two_runs_are_compared_by_what_they_were_made_of(
    project: Path, terminal: Callable[..., Any], stored_runs: Callable[[], list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "train.py").write_text(textwrap.dedent(SEEDED))
    packages = project.parent / "packages"
    (packages / "extra-1.0.dist-info").mkdir(parents=True)
    (packages / "extra-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    for seed, path in ((1, ""), (2, str(packages))):
        around = os.pathsep.join(filter(None, (path, os.environ.get("PYTHONPATH"))))
        subprocess.run(
            [sys.executable, "train.py", str(seed)],
            cwd=project,
            env={**os.environ, "PYTHONPATH": around},
            check=True,
            timeout=120,
        )
    assert len(stored_runs()) == 2

    done = terminal("compare", "seed 1", "seed 2", "--json")
    assert done.code == 0, done.err
    found = {
        section["name"]: {one["name"]: one["values"] for one in section["differences"]}
        for section in json.loads(done.out)["sections"]
        if section["differences"]
    }
    first, second = found["data"].pop("frame (training).digest")
    assert first != second
    assert found == {
        "params": {"seed": ["1", "2"]},
        "data": {"frame (training).rows": ["3", "6"]},
        "environment": {"distributions.extra": [None, "1.0"]},
    }
