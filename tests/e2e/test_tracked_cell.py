"""A tracked cell in a real kernel: whatever ends it, the run says so, and the cell itself acts like a plain one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbformat
import papermill
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as StoredRun
from papermill.exceptions import PapermillExecutionError

from tests.conftest import Kernel, Reply, end_shipper, ship
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PARENT = "mlflow.parentRunId"
# Prints, so that the test knows when to interrupt; and never sleeps for long, so that the interrupt is seen at once.
_ENDLESS = "import time\nprint('started', flush=True)\nwhile True:\n    time.sleep(0.02)"


def store_of(root: Path) -> MlflowClient:
    """Return the store with everything in it that has been logged so far."""
    left = ship(root)
    assert left == {}, left
    return MlflowClient(f"sqlite:///{root}/.mlops/mlflow.db")


def all_runs(store: MlflowClient) -> list[StoredRun]:
    experiments = [found.experiment_id for found in store.search_experiments()]
    return list(store.search_runs(experiments, order_by=["attributes.start_time ASC"]))


class Desk:
    """A project and a kernel in it that many tests share; each looks only at the runs of its own cells."""

    def __init__(self, root: Path, start: Callable[[], Kernel]) -> None:
        self.root = root
        self.start = start
        self.kernel = start()
        self.run = self.kernel.run

    @property
    def store(self) -> MlflowClient:
        return store_of(self.root)

    def stored(self, reply: Reply) -> StoredRun:
        (card,) = reply.records("run")
        return self.store.get_run(card["run_id"])

    def artifact(self, run: StoredRun, path: str) -> Path:
        return Path(unquote(urlparse(run.info.artifact_uri).path)) / path

    def ids(self) -> set[str]:
        return {run.info.run_id for run in all_runs(self.store)}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, template_store: Path) -> Iterator[Desk]:
    root = tmp_path_factory.mktemp("desk") / "churn"
    (root / ".mlops").mkdir(parents=True)
    shutil.copy(template_store, root / ".mlops" / "mlflow.db")
    (root / "mlops.toml").write_text('experiment = "churn"\n')
    home = root.parent / "home"
    home.mkdir()
    started: list[Kernel] = []

    def start() -> Kernel:
        with pytest.MonkeyPatch.context() as patch:
            for name in list(os.environ):
                if name.startswith(("MLFLOW_", "MLOPS_JUPYTER_", "JPY_", "GIT_")):
                    patch.delenv(name)
            patch.setenv("HOME", str(home))
            patch.setenv("IPYTHONDIR", str(home / ".ipython"))
            patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
            kernel = Kernel(root)
        started.append(kernel)
        assert kernel.run("%load_ext mlops_jupyter").status == "ok"
        return kernel

    yield Desk(root, start)
    for kernel in started:
        kernel.stop()
    end_shipper(root)


@pytest.fixture(scope="module")
def second_kernel(desk: Desk) -> Kernel:
    """Another kernel in the same project, as another notebook has."""
    return desk.start()


def plain(text: str) -> str:
    return _COLOUR.sub("", text)


def traceback_of(reply: Reply) -> str:
    return plain("\n".join(reply.traceback))


# --- what ends the body decides the status --------------------------------------------------------------------


def test_a_body_that_runs_to_its_end_is_finished(desk: Desk) -> None:
    reply = desk.run("%%mlops track first\nimport mlflow\nmlflow.log_metric('accuracy', 0.9)\nfound = 7\nfound * 6")

    assert reply.status == "ok"
    assert reply.displayed[0]["text/plain"] == "42"
    run = desk.stored(reply)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert desk.store.get_experiment(run.info.experiment_id).name == "churn"
    assert run.data.metrics == {"accuracy": 0.9}
    assert "mlops.error" not in run.data.tags
    assert [one.path for one in desk.store.list_artifacts(run.info.run_id, "mlops")] == [
        "mlops/cell.py",
        "mlops/cells.json",
        "mlops/environment.json",
        "mlops/honesty.json",
    ]
    assert desk.run("print(found, mlflow.active_run())").stdout == "7 None\n"


def test_a_body_that_raises_is_failed_and_keeps_its_traceback(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track\ndef divide(numerator):\n    return numerator / 0\n\nprint('before')\ndivide(3)\nprint('after')"
    )

    assert (reply.status, reply.ename, reply.evalue) == ("error", "ZeroDivisionError", "division by zero")
    assert len(reply.errors) == 1
    assert reply.stdout == "before\n"
    run = desk.stored(reply)
    assert run.info.status == "FAILED"
    assert run.data.tags["mlops.error"] == "ZeroDivisionError: division by zero"
    kept = desk.artifact(run, "mlops/traceback.txt").read_text()
    assert kept.startswith("Traceback (most recent call last)")
    assert "line 6, in <module>" in kept
    assert "line 3, in divide" in kept
    assert "return numerator / 0" in kept
    assert kept.endswith("ZeroDivisionError: division by zero\n")
    assert "interactiveshell.py" not in kept


def test_a_traceback_shows_the_cell_as_it_was_written(desk: Desk) -> None:
    said = traceback_of(desk.run("# why\n%%mlops track first --tag a=b\nage = {}\nage['ana']"))

    assert "open_cell" not in said
    assert "      2 # %%mlops track first --tag a=b\n" in said
    assert "----> 4 age['ana']" in said


def test_the_error_tag_stays_short_when_the_message_is_long(desk: Desk) -> None:
    run = desk.stored(desk.run("%%mlops track\nraise ValueError('bad\\n' + 'row\\n' * 9)"))
    assert run.data.tags["mlops.error"] == "ValueError: bad"

    run = desk.stored(desk.run("%%mlops track\nraise ValueError('x' * 100_000)"))
    assert len(run.data.tags["mlops.error"]) == 500
    assert "x" * 100_000 in desk.artifact(run, "mlops/traceback.txt").read_text()


def test_an_error_within_a_chain_keeps_the_whole_chain(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track\ntry:\n    {}['age']\nexcept KeyError as missing:\n    raise RuntimeError('no') from missing"
    )
    kept = desk.artifact(desk.stored(reply), "mlops/traceback.txt").read_text()
    assert "KeyError: 'age'" in kept
    assert "RuntimeError: no" in kept


def test_an_interrupt_leaves_the_run_killed(desk: Desk) -> None:
    reply = desk.run(f"%%mlops track\n{_ENDLESS}", interrupt_when="started")

    assert (reply.status, reply.ename) == ("error", "KeyboardInterrupt")
    assert len(reply.errors) == 1
    run = desk.stored(reply)
    assert run.info.status == "KILLED"
    assert run.data.tags["mlops.error"] == "KeyboardInterrupt"


def test_an_interrupted_verb_says_so_in_a_line(desk: Desk) -> None:
    desk.run("import mlops_jupyter.faces.kernel as face\nwhole = face.grammar.answered")
    desk.run(f"def endless(*_):\n    {_ENDLESS.replace(chr(10), chr(10) + '    ')}\nface.grammar.answered = endless")
    reply = desk.run("%mlops run endless.ipynb", interrupt_when="started")
    desk.run("face.grammar.answered = whole")
    assert (reply.status, reply.ename) == ("error", "KeyboardInterrupt")
    assert traceback_of(reply) == "KeyboardInterrupt: run was interrupted"


def test_an_interrupt_before_the_body_begins_leaves_nothing_open(desk: Desk) -> None:
    desk.run("import mlflow, mlops_jupyter\nimport mlops_jupyter.faces.kernel as face\nwhole = face.TrackedCell")
    desk.run("def cut(*_):\n    raise KeyboardInterrupt\nface.TrackedCell = cut")
    reply = desk.run("%%mlops track cut\nbegun = True")
    desk.run("face.TrackedCell = whole")
    assert reply.status == "error"
    assert desk.run("print('begun' in globals(), mlflow.active_run())").stdout == "False None\n"
    reply = desk.run("mlops_jupyter.log(loss=1.0)")
    assert (reply.status, reply.ename) == ("error", "Conflict")
    (run,) = [one for one in all_runs(desk.store) if one.info.run_name == "cut"]
    wait_for(lambda: desk.store.get_run(run.info.run_id).info.status == "KILLED")


def test_an_interrupted_await_leaves_the_run_killed(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track\nimport asyncio\nprint('started', flush=True)\nwhile True:\n    await asyncio.sleep(0.02)",
        interrupt_when="started",
    )

    assert (reply.status, reply.ename) == ("error", "CancelledError")
    run = desk.stored(reply)
    assert run.info.status == "KILLED"
    assert run.data.tags["mlops.error"] == "CancelledError"


@pytest.mark.parametrize(("code", "status"), [("0", "FINISHED"), ("", "FINISHED"), ("3", "FAILED"), ("'no'", "FAILED")])
def test_sys_exit_is_judged_by_its_code(desk: Desk, code: str, status: str) -> None:
    reply = desk.run(f"%%mlops track\nimport sys\nsys.exit({code})")

    assert desk.stored(reply).info.status == status


@pytest.mark.parametrize("how", ["terminated", "shut down"])
def test_a_kernel_that_ends_in_the_middle_leaves_the_run_killed(
    start_kernel: Callable[..., Kernel], project: Path, how: str
) -> None:
    kernel = start_kernel()
    kernel.client.execute(f"%%mlops track\n{_ENDLESS}")
    while "started" not in str(kernel.client.get_iopub_msg(timeout=30)["content"].get("text", "")):
        pass

    if how == "terminated":
        process = kernel.manager.provisioner.process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == -signal.SIGTERM
    else:
        kernel.manager.shutdown_kernel(now=False)

    (run,) = all_runs(store_of(project))
    assert run.info.status == "KILLED"
    assert run.data.tags["mlops.error"].startswith("KeyboardInterrupt")


def test_a_terminated_worker_of_the_body_does_not_end_its_run(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track\n"
        "import mlflow, multiprocessing, time\n"
        "worker = multiprocessing.get_context('fork').Process(target=time.sleep, args=(60,))\n"
        "worker.start()\n"
        "worker.terminate()\n"
        "worker.join()\n"
        "print(worker.exitcode, mlflow.get_run(mlflow.active_run().info.run_id).info.status)"
    )

    assert reply.stdout == "-15 RUNNING\n"
    assert desk.stored(reply).info.status == "FINISHED"


def test_sigterm_is_the_systems_again_after_the_body(desk: Desk) -> None:
    desk.run("%%mlops track\n1")
    assert desk.run("import signal; print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)").stdout == "True\n"


def test_a_handler_of_the_users_for_sigterm_stays_his(desk: Desk) -> None:
    desk.run("import signal; signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))")
    reply = desk.run("%%mlops track\nimport os\nos.kill(os.getpid(), signal.SIGTERM)\nprint('on')")
    after = desk.run("mine = signal.signal(signal.SIGTERM, signal.SIG_DFL); print(mine.__name__)")

    assert reply.stdout == "mine\non\n"
    assert desk.stored(reply).info.status == "FINISHED"
    assert after.stdout == "<lambda>\n"


def test_a_cell_that_ends_without_a_result_is_killed(desk: Desk) -> None:
    # ipykernel tells no result when an interrupt hits an asynchronous cell outside of the user's code.
    reply = desk.run("%%mlops track\nget_ipython().events.trigger('post_run_cell', None)")

    assert reply.status == "ok"
    assert desk.stored(reply).info.status == "KILLED"


# --- the body is an ordinary cell -----------------------------------------------------------------------------


def test_top_level_await_works(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track\nimport asyncio, mlflow\n"
        "answers = await asyncio.gather(*(asyncio.sleep(0, n) for n in range(3)))\n"
        "mlflow.log_metric('answers', len(answers))\nanswers"
    )

    assert reply.status == "ok"
    assert reply.displayed[0]["text/plain"] == "[0, 1, 2]"
    assert desk.stored(reply).data.metrics == {"answers": 3}


@pytest.mark.parametrize("between", ["", "\n", "\n   \n"])
def test_a_cell_magic_on_the_second_line_works(desk: Desk, between: str) -> None:
    reply = desk.run(f"%%mlops track timed\n{between}%%time\nimport mlflow\nmlflow.log_metric('a', 1)\nbound = 'here'")

    assert reply.status == "ok"
    assert "Wall time" in reply.stdout
    assert desk.stored(reply).data.metrics == {"a": 1}
    assert desk.run("print(bound)").stdout == "here\n"


def test_a_failure_under_time_fails_the_run(desk: Desk) -> None:
    reply = desk.run("%%mlops track\n%%time\n{}['age']")

    assert reply.ename == "KeyError"
    assert len(reply.errors) == 1
    assert desk.stored(reply).info.status == "FAILED"


def test_shell_lines_and_line_magics_work(desk: Desk) -> None:
    desk.run("city = 'Bern'")
    reply = desk.run("%%mlops track\n!echo from $city\nlisted = !echo one; echo two\n%precision 3\nprint(list(listed))")

    assert reply.status == "ok"
    assert "from Bern" in reply.stdout
    assert "['one', 'two']" in reply.stdout
    assert desk.stored(reply).info.status == "FINISHED"


@pytest.mark.parametrize(
    "above", ["# a comment\n", "\n\n", "\n# one\n\n    # two\n\n", "#%% a cell marker\n"], ids=range(4)
)
def test_comments_and_blank_lines_may_stand_above_the_magic(desk: Desk, above: str) -> None:
    reply = desk.run(f"{above}%%mlops track above\nprint('ran')")

    assert (reply.status, reply.stdout) == ("ok", "ran\n")
    assert desk.stored(reply).info.run_name == "above"


def test_an_indented_cell_is_dedented_as_a_plain_one(desk: Desk) -> None:
    reply = desk.run("    %%mlops track\n    if True:\n        print('ran')")

    assert reply.stdout == "ran\n"
    assert desk.stored(reply).info.status == "FINISHED"


def test_an_empty_body_is_a_run_too(desk: Desk) -> None:
    reply = desk.run("%%mlops track nothing")

    assert reply.status == "ok"
    assert desk.stored(reply).info.status == "FINISHED"


def test_a_future_import_may_open_the_body(desk: Desk) -> None:
    reply = desk.run("%%mlops track\nfrom __future__ import annotations\ndef f(x: missing): ...")

    assert reply.status == "ok"


@pytest.mark.parametrize(
    ("line", "name"),
    [("track why?", "why?"), ("track\tby tab".replace("by tab", "tabbed"), "tabbed"), ("'track' quoted", "quoted")],
)
def test_unusual_spellings_of_the_line_track_all_the_same(desk: Desk, line: str, name: str) -> None:
    before = desk.ids()
    reply = desk.run(f"%%mlops {line}\nprint('ran')")

    assert (reply.status, reply.stdout) == ("ok", "ran\n")
    run = desk.stored(reply)
    assert (run.info.run_name, run.info.status) == (name, "FINISHED")
    assert desk.ids() - before == {run.info.run_id}


def test_a_syntax_error_opens_no_run(desk: Desk) -> None:
    before = desk.ids()
    reply = desk.run("%%mlops track broken\nprint('ran')\nx = = 1")
    same = desk.run("# as\nprint('ran')\nx = = 1")

    assert (reply.status, reply.ename, reply.stdout) == ("error", "SyntaxError", "")
    assert "line 3" in traceback_of(reply)
    assert reply.ename == same.ename
    assert reply.records("run") == []
    assert desk.ids() == before


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("%%mlops track\nx = 1\n\n1 / 0", 4),
        ("# why\n\n%%mlops track --tag a=b\n1 / 0", 4),
        ("%%mlops track\nawait __import__('asyncio').sleep(0)\n1 / 0", 3),
    ],
    ids=["below", "comments above", "await"],
)
def test_a_traceback_points_at_the_users_line(desk: Desk, cell: str, line: int) -> None:
    shown = traceback_of(desk.run(cell))

    assert f"line {line}\n" in shown
    assert re.search(rf"-> {line} 1 ?/ ?0", shown)


def test_the_history_holds_what_the_user_wrote(desk: Desk) -> None:
    desk.run("%%mlops track\nkept = 'as written'")
    assert desk.run("%history -l 1").stdout == "%%mlops track\nkept = 'as written'\n"


def test_a_body_of_ten_thousand_lines_works(desk: Desk) -> None:
    body = "".join(f"x{line % 50} = {line}\n" for line in range(9_998))
    reply = desk.run(f"%%mlops track --param x47\n{body}total = x47\n1 / 0")

    assert "line 10001\n" in traceback_of(reply)
    run = desk.stored(reply)
    assert run.info.status == "FAILED"
    assert run.data.params == {"x47": "9997"}


def test_the_transformers_work_grows_with_the_lines_and_no_faster() -> None:
    from mlops_jupyter.faces.magic import track_cell

    def steps(lines: int) -> int:
        cell = ["\n", "%%mlops track\n", *["\n"] * (lines // 2), *["x = 1\n"] * (lines // 2)]
        counted = 0

        def count(frame, event, argument):
            nonlocal counted
            counted += 1
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            track_cell(cell)
        finally:
            sys.settrace(before)
        return counted

    assert steps(10_000) <= 5.1 * steps(2_000)


# --- runs within runs -----------------------------------------------------------------------------------------


def test_a_tracked_cell_run_within_a_tracked_cell_is_a_run_of_its_own(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track outer\n"
        "import mlflow\n"
        "result = get_ipython().run_cell('%%mlops track inner\\nmlflow.log_metric(\"inside\", 1)\\n1 / 0')\n"
        "mlflow.log_metric('after', 2)\n"
        "print(type(result.error_in_exec).__name__)"
    )

    assert reply.status == "ok"
    assert reply.stdout.endswith("ZeroDivisionError\n")
    inner, outer = (desk.store.get_run(card["run_id"]) for card in reply.records("run"))
    assert (inner.info.run_name, inner.info.status, inner.data.metrics) == ("inner", "FAILED", {"inside": 1})
    assert (outer.info.run_name, outer.info.status, outer.data.metrics) == ("outer", "FINISHED", {"after": 2})
    assert _PARENT not in inner.data.tags


@pytest.mark.parametrize("inner", ["", "  ", "1", "x = = 1", "1 / 0"])
def test_an_untracked_cell_run_within_a_tracked_cell_does_not_close_it(desk: Desk, inner: str) -> None:
    before = desk.ids()
    reply = desk.run(
        f"%%mlops track\nimport mlflow\n_ = get_ipython().run_cell({inner!r})\nmlflow.log_metric('after', 1)"
    )

    run = desk.stored(reply)
    assert run.data.metrics == {"after": 1}
    assert desk.ids() - before == {run.info.run_id}


def test_the_tracked_cells_of_a_notebook_run_by_another_are_runs_of_their_own(desk: Desk) -> None:
    write_notebook(
        desk.root / "shared.ipynb",
        "import mlflow",
        "%%mlops track one\nmlflow.log_metric('inside', 1)",
        "",
        "%%mlops track two\nif fails: 1 / 0",
    )
    reply = desk.run("%%mlops track outer\nfails = False\n%run shared.ipynb\nmlflow.log_metric('after', 2)")
    failing = desk.run("fails = True\n%run shared.ipynb\nprint('on')")

    assert reply.status == "ok"
    assert (failing.ename, failing.stdout) == ("ZeroDivisionError", "")
    assert [card["status"] for card in failing.records("run")] == ["FINISHED", "FAILED"]
    runs = [desk.store.get_run(card["run_id"]) for card in reply.records("run")]
    assert [(run.info.run_name, run.info.status, run.data.metrics) for run in runs] == [
        ("one", "FINISHED", {"inside": 1}),
        ("two", "FINISHED", {}),
        ("outer", "FINISHED", {"after": 2}),
    ]


def test_a_rerun_of_a_cell_is_a_new_run_that_names_the_last_one(desk: Desk, second_kernel: Kernel) -> None:
    cell = "%%mlops track again\n1"
    first = desk.stored(desk.run(cell, cell_id="5f0a-again"))
    second = desk.stored(desk.run(cell, cell_id="5f0a-again"))
    elsewhere = desk.stored(second_kernel.run(cell, cell_id="5f0a-again"))
    other = desk.stored(desk.run(cell, cell_id="another-cell"))

    assert len({run.info.run_id for run in (first, second, elsewhere, other)}) == 4
    assert "mlops.rerun_of" not in first.data.tags
    assert second.data.tags["mlops.rerun_of"] == first.info.run_id
    assert elsewhere.data.tags["mlops.rerun_of"] == second.info.run_id
    assert "mlops.rerun_of" not in other.data.tags
    assert first.data.tags["mlops.cell_id"] == "5f0a-again"


def test_a_run_that_was_active_before_stays_active_and_is_no_parent(desk: Desk) -> None:
    mine = desk.run("import mlflow\nprint(mlflow.start_run(run_name='mine').info.run_id)").stdout.strip()
    reply = desk.run("%%mlops track ours\nmlflow.log_metric('inside', 1)")
    desk.run("mlflow.log_metric('outside', 2)")
    desk.run("mlflow.end_run()")

    ours, users = desk.stored(reply), desk.store.get_run(mine)
    assert ours.data.metrics == {"inside": 1}
    assert _PARENT not in ours.data.tags
    assert users.data.metrics == {"outside": 2}
    assert (ours.info.status, users.info.status) == ("FINISHED", "FINISHED")


@pytest.mark.parametrize(("ending", "status"), [("1", "FINISHED"), ("1 / 0", "FAILED")])
def test_a_run_that_the_body_left_open_ends_with_the_body(desk: Desk, ending: str, status: str) -> None:
    reply = desk.run(
        "%%mlops track\n"
        "import mlflow\n"
        f"child = mlflow.start_run(nested=True).info.run_id\nmlflow.log_metric('deep', 1)\n{ending}"
    )
    child = desk.store.get_run(desk.run("print(child, mlflow.active_run())").stdout.split()[0])
    run = desk.stored(reply)

    assert (run.info.status, child.info.status) == (status, status)
    assert child.data.tags[_PARENT] == run.info.run_id
    assert child.data.metrics == {"deep": 1}
    assert desk.run("print(mlflow.active_run())").stdout == "None\n"


def test_a_body_that_ends_the_run_itself_and_then_fails_is_failed(desk: Desk) -> None:
    reply = desk.run("%%mlops track\nimport mlflow\nmlflow.end_run()\n1 / 0")

    run = desk.stored(reply)
    assert run.info.status == "FAILED"
    assert run.data.tags["mlops.error"] == "ZeroDivisionError: division by zero"


def test_a_body_that_starts_another_run_in_place_of_ours_ends_both(desk: Desk) -> None:
    reply = desk.run("%%mlops track\nimport mlflow\nmlflow.end_run()\nother = mlflow.start_run().info.run_id")
    other = desk.store.get_run(desk.run("print(other)").stdout.strip())

    assert desk.stored(reply).info.status == "FINISHED"
    assert other.info.status == "FINISHED"


def test_two_fits_in_one_cell_are_one_run(desk: Desk) -> None:
    before = desk.ids()
    reply = desk.run(
        "%%mlops track\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.neighbors import KNeighborsClassifier\n"
        "X, y = load_iris(return_X_y=True)\n"
        "for k in (1, 30):\n"
        "    KNeighborsClassifier(n_neighbors=k).fit(X, y)"
    )

    assert reply.status == "ok"
    assert reply.stderr == ""
    run = desk.stored(reply)
    assert run.info.status == "FINISHED"
    assert run.data.params["n_neighbors"] == "1"  # MLflow never overwrites a param
    scores = desk.store.get_metric_history(run.info.run_id, "training_accuracy_score")
    assert [round(one.value, 2) for one in scores] == [1.0, 0.95]
    assert desk.ids() - before == {run.info.run_id}


# --- options --------------------------------------------------------------------------------------------------


def test_named_variables_are_logged_with_the_values_they_end_with(desk: Desk) -> None:
    reply = desk.run(
        "%%mlops track --param depth,name --param layers,seed,rate,never --param early\n"
        "import numpy\n"
        "early, depth = 1, 3\n"
        "name, layers, seed, rate = 'tall tree', [64, 'x'], None, numpy.float64(0.25)\n"
        "early = 2\n"
        "for depth in range(5): pass"
    )

    run = desk.stored(reply)
    assert run.data.params == {
        "depth": "4",
        "name": "tall tree",
        "layers": "[64, 'x']",
        "seed": "None",
        "rate": "0.25",
        "early": "2",
    }
    (card,) = reply.records("run")
    assert card["notes"] == ["--param never: no variable of that name was set"]
    assert "note: --param never" in reply.displayed[-1]["text/plain"]


def test_named_variables_are_logged_when_the_body_fails_too(desk: Desk) -> None:
    run = desk.stored(desk.run("%%mlops track --param width\nwidth = 8\n1 / 0"))

    assert (run.info.status, run.data.params) == ("FAILED", {"width": "8"})


def test_a_param_that_mlflow_refuses_does_not_hide_the_end(desk: Desk) -> None:
    reply = desk.run("%%mlops track --param width\nimport mlflow\nmlflow.log_param('width', 1)\nwidth = 2")

    (card,) = reply.records("run")
    assert card["status"] == "FINISHED"
    assert len(card["notes"]) == 1
    assert card["notes"][0].startswith("--param width was not logged: ")
    assert desk.stored(reply).data.params == {"width": "1"}


def test_tags_are_the_users_and_take_variables(desk: Desk) -> None:
    desk.run("who = 'ana lopez'")
    run = desk.stored(desk.run("%%mlops track 'two words' --tag team=growth --tag by=$who --tag 'n={1 + 1}'\n1"))

    assert run.info.run_name == "two words"
    assert {name: run.data.tags[name] for name in ("team", "by", "n")} == {
        "team": "growth",
        "by": "ana lopez",
        "n": "2",
    }


def test_another_experiment_is_chosen_for_one_cell_only(desk: Desk) -> None:
    desk.run("import mlflow\nmine = mlflow.set_experiment('mine').experiment_id")
    try:
        in_other = desk.stored(desk.run("%%mlops track --experiment other\n1"))
        in_mine = desk.stored(desk.run("%%mlops track\n1"))
        users = desk.run("with mlflow.start_run() as bare: print(bare.info.experiment_id == mine)")
    finally:
        # As a fresh kernel: nobody has chosen.
        desk.run(
            "import os\nos.environ.pop('MLFLOW_EXPERIMENT_ID')\nmlflow.tracking.fluent._active_experiment_id = None"
        )

    assert desk.store.get_experiment(in_other.info.experiment_id).name == "other"
    assert desk.store.get_experiment(in_mine.info.experiment_id).name == "mine"
    assert users.stdout == "True\n"


def test_an_experiment_chosen_in_the_body_stays_chosen(desk: Desk) -> None:
    desk.run("import mlflow\nmlflow.set_experiment('first choice')")
    try:
        desk.run("%%mlops track --experiment other\nmlflow.set_experiment('second choice')")
        bare = desk.run("with mlflow.start_run() as bare: print(bare.info.experiment_id)").stdout.strip()
    finally:
        desk.run(
            "import os\nos.environ.pop('MLFLOW_EXPERIMENT_ID')\nmlflow.tracking.fluent._active_experiment_id = None"
        )

    assert desk.store.get_experiment(bare).name == "second choice"


def test_plain_mlflow_finds_store_and_experiment_of_the_project(desk: Desk) -> None:
    desk.run("%%mlops track\n1")
    bare = desk.run("import mlflow\nwith mlflow.start_run() as bare: print(bare.info.run_id)").stdout.strip()

    assert desk.store.get_experiment(desk.store.get_run(bare).info.experiment_id).name == "churn"


def test_a_parent_is_named_by_its_id(desk: Desk) -> None:
    parent = desk.stored(desk.run("%%mlops track parent\n1")).info.run_id
    desk.run(f"parent = '{parent}'")
    reply = desk.run("%%mlops track child --parent $parent\n1")

    assert desk.stored(reply).data.tags[_PARENT] == parent
    assert reply.records("run")[0]["parent"] == parent


@pytest.mark.parametrize(
    ("options", "ename", "said"),
    [
        ("--parent 0123456789abcdef0123456789abcdef", "NotFound", "0123456789abcdef0123456789abcdef"),
        ("--experimnt other", "CommandError", "did you mean --experiment?"),
        ("--tag nonsense", "CommandError", "'nonsense' is not key=value"),
        ("one two", "CommandError", "two"),
        ("'never closed", "CommandError", "quotation mark"),
        ("--tag a=$no_such_name", "CommandError", "there is no variable no_such_name"),
        ("--help", "CommandError", "--help"),
    ],
)
def test_a_wrong_line_stops_the_cell_before_its_body(desk: Desk, options: str, ename: str, said: str) -> None:
    before = desk.ids()
    reply = desk.run(f"%%mlops track {options}\nprint('ran')")

    assert (reply.status, reply.ename) == ("error", ename)
    assert said in reply.evalue
    assert len(reply.errors) == 1
    assert "ran" not in reply.stdout.splitlines()
    assert reply.records("run") == []
    assert desk.ids() == before
    assert desk.run("%%mlops track\n1").status == "ok"


def test_an_error_of_ours_is_one_or_two_lines(desk: Desk) -> None:
    reply = desk.run("%%mlops track --parent 0123456789abcdef0123456789abcdef\n1")

    assert len(reply.traceback) == 2
    assert reply.traceback[0].startswith("NotFound: ")
    assert reply.traceback[1] == "  → mlops runs"
    assert reply.errors[0]["content"]["traceback"] == reply.traceback


def test_debug_shows_the_whole_traceback(desk: Desk) -> None:
    reply = desk.run("%%mlops track --parent 0123456789abcdef0123456789abcdef --debug\n1")

    shown = "\n".join(reply.traceback)
    assert "Traceback (most recent call last)" in shown
    assert "commands/track.py" in shown
    assert "MlflowException" in shown
    assert shown.rstrip().splitlines()[-1].endswith("(mlops runs)")


# --- the card -------------------------------------------------------------------------------------------------


def test_the_card_is_text_html_and_json(desk: Desk) -> None:
    reply = desk.run("%%mlops track carded --param depth\nimport mlflow\ndepth = 3\nmlflow.log_metric('auc', 0.875)")

    (bundle,) = reply.displayed
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.mlops-jupyter.run+json"}
    run = desk.stored(reply)
    card = bundle["application/vnd.mlops-jupyter.run+json"]
    assert card["run_id"] == run.info.run_id
    assert (card["name"], card["experiment"], card["status"]) == ("carded", "churn", "FINISHED")
    assert (card["metrics"], card["params"]) == ({"auc": 0.875}, {"depth": "3"})
    assert card["duration_s"] == (run.info.end_time - run.info.start_time) / 1000
    assert card["tracking_uri"] == f"sqlite:///{desk.root}/.mlops/mlflow.db"
    for form in ("text/plain", "text/html"):
        for said in ("FINISHED", "carded", "churn", "auc", "0.875", "depth", run.info.run_id):
            assert said in bundle[form]


def test_the_card_escapes_what_the_user_wrote(desk: Desk) -> None:
    reply = desk.run("%%mlops track '<script>alert(1)</script>'\nraise ValueError('<img src=x onerror=alert(2)>')")

    page = reply.displayed[-1]["text/html"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "<img" not in page
    assert "<script>alert(1)</script>" in reply.displayed[-1]["text/plain"]


def test_the_card_comes_after_everything_else_of_the_cell(desk: Desk) -> None:
    reply = desk.run("%%mlops track\nprint('body')\n1 / 0")

    assert list(dict.fromkeys(one["msg_type"] for one in reply.outputs)) == ["stream", "error", "display_data"]
    assert reply.outputs[-1]["msg_type"] == "display_data"


# --- consoles, loading, unloading -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("%%mlops track", "incomplete"),
        ("%%mlops track\nfor x in range(3):", "incomplete"),
        ("%%mlops track\nx = 1", "incomplete"),
        ("%%mlops track\nx = 1\n\n", "complete"),
    ],
)
def test_a_console_waits_for_the_body(desk: Desk, code: str, answer: str) -> None:
    before = desk.ids()

    assert desk.kernel.is_complete(code) == answer
    assert desk.ids() == before


def test_track_as_a_line_magic_says_what_to_do(desk: Desk) -> None:
    reply = desk.run("x = 1\n%mlops track late")

    assert reply.ename == "CommandError"
    assert "first line" in reply.evalue


def test_one_cell_is_not_tracked_twice(desk: Desk) -> None:
    reply = desk.run("%%mlops track outer\nexec(get_ipython().transform_cell('%%mlops track inner\\n1'))")

    assert reply.ename == "CommandError"
    run = desk.stored(reply)
    assert (run.info.run_name, run.info.status) == ("outer", "FAILED")


@pytest.mark.parametrize(
    "again",
    [
        "%reload_ext mlops_jupyter",
        "import mlops_jupyter\nmlops_jupyter.load_ipython_extension(get_ipython())",
        "%load_ext mlops_jupyter",
    ],
)
def test_loading_again_doubles_nothing(desk: Desk, again: str) -> None:
    before = desk.ids()
    assert desk.run(again).status == "ok"
    reply = desk.run("%%mlops track once\nprint('ran')\nimport mlflow\nmlflow.log_metric('a', 1)")

    assert reply.stdout == "ran\n"
    run = desk.stored(reply)
    assert run.info.status == "FINISHED"
    assert len(desk.store.get_metric_history(run.info.run_id, "a")) == 1
    assert desk.ids() - before == {run.info.run_id}
    registered = desk.run(
        "shell = get_ipython()\n"
        "places = [shell.input_transformers_cleanup, shell.Completer.custom_matchers]\n"
        "places += shell.events.callbacks.values()\n"
        "print([sum('mlops_jupyter' in one.__module__ for one in place) for place in places])"
    )
    assert max(eval(registered.stdout)) == 1  # noqa: S307


def test_after_unloading_the_magic_is_gone_and_cells_are_plain(desk: Desk) -> None:
    assert desk.run("%unload_ext mlops_jupyter").status == "ok"
    try:
        line, cell = desk.run("%mlops"), desk.run("%%mlops track\nprint('ran')")
        never = desk.run("%%neverheard track\nprint('ran')")
        ordinary = desk.run("print('plain')\n1 / 0")
        left = desk.run("import mlops_jupyter.faces.magic as stub\nprint(stub._State.cells)")
    finally:
        desk.run("%load_ext mlops_jupyter")

    assert "`%mlops` not found" in line.stderr
    assert "ran" not in cell.stdout
    assert cell.stderr.replace("mlops", "neverheard") == never.stderr
    assert "`%%mlops` not found" in cell.stderr
    assert (ordinary.stdout, ordinary.ename) == ("plain\n", "ZeroDivisionError")
    assert ordinary.records("run") == []
    assert "Tracked" not in left.stdout
    assert desk.run("%%mlops track\n1").status == "ok"


def test_unloading_within_a_tracked_cell_still_closes_its_run(desk: Desk) -> None:
    reply = desk.run("%%mlops track\n%unload_ext mlops_jupyter\nimport mlflow\nmlflow.log_metric('after', 1)")
    plain_cell = desk.run("print('plain', mlflow.active_run())")
    loaded = desk.run("%load_ext mlops_jupyter")
    tracked = desk.run("%%mlops track\n1")

    run = desk.stored(reply)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"after": 1})
    assert plain_cell.stdout == "plain None\n"
    assert (loaded.status, tracked.status) == ("ok", "ok")
    assert len(tracked.records("run")) == 1


def test_reloading_within_a_tracked_cell_still_closes_its_run(desk: Desk) -> None:
    reply = desk.run("%%mlops track\n%reload_ext mlops_jupyter\n1")

    assert desk.stored(reply).info.status == "FINISHED"
    assert len(desk.run("%%mlops track\n1").records("run")) == 1


def test_the_cell_that_loads_the_extension_may_run_a_tracked_one(desk: Desk) -> None:
    desk.run("%unload_ext mlops_jupyter")
    reply = desk.run("%load_ext mlops_jupyter\n_ = get_ipython().run_cell('%%mlops track\\n1')\nprint('on')")

    assert (reply.status, reply.stdout) == ("ok", "on\n")
    assert desk.stored(reply).info.status == "FINISHED"


# --- two kernels, no server, papermill ------------------------------------------------------------------------


def test_two_kernels_log_into_one_file_at_once(desk: Desk, second_kernel: Kernel) -> None:
    points = 60

    def cell(me: str, other: str) -> str:
        return (
            f"%%mlops track {me}\n"
            "import mlflow, mlops_jupyter, pathlib, time\n"
            f"pathlib.Path('{me}.here').touch()\n"
            f"while not pathlib.Path('{other}.here').exists():\n"
            "    time.sleep(0.005)\n"
            f"for step in range({points}):\n"
            f"    mlops_jupyter.log(step=step, {me}=step)\n"
            "    mlflow.log_metric('plain', step, step=step)"
        )

    with ThreadPoolExecutor(2) as pool:
        replies = [
            pool.submit(desk.run, cell("left", "right"), timeout=120),
            pool.submit(second_kernel.run, cell("right", "left"), timeout=120),
        ]
    left, right = (desk.stored(reply.result()) for reply in replies)

    assert left.info.start_time < right.info.end_time
    assert right.info.start_time < left.info.end_time
    for run, name in ((left, "left"), (right, "right")):
        assert run.info.status == "FINISHED"
        assert set(run.data.metrics) == {name, "plain"}
        for metric in (name, "plain"):
            history = desk.store.get_metric_history(run.info.run_id, metric)
            assert sorted((point.step, point.value) for point in history) == [(n, float(n)) for n in range(points)]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose server takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("server", "experiment_id"),
    [("closed_port", None), ("silent_port", None), ("silent_port", "7")],
    ids=["closed", "silent", "silent, experiment by id"],
)
def test_a_server_that_is_down_costs_seconds_and_the_body_runs(  # noqa: PLR0917 -- fixtures
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    start_kernel: Callable[..., Kernel],
    project: Path,
    server: str,
    experiment_id: str | None,
) -> None:
    address = f"http://127.0.0.1:{request.getfixturevalue(server)}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    if experiment_id is not None:
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", experiment_id)
    kernel = start_kernel()
    kernel.run("import mlflow, mlops_jupyter")

    begun = time.monotonic()
    reply = kernel.run("%%mlops track offline\nmlops_jupyter.log(loss=0.5)\nmlops_jupyter.log(loss=0.25)\nprint('ran')")
    took_s = time.monotonic() - begun

    assert (reply.status, reply.stdout) == ("ok", "ran\n")
    assert took_s < 5
    (card,) = reply.records("run")
    assert (card["status"], card["name"]) == ("FINISHED", "offline")
    (told,) = card["notes"]
    assert address in told
    assert "\n" not in told

    # Meanwhile the run is in the project's own sqlite file.
    store = MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db")
    wait_for(lambda: [run.info.status for run in all_runs(store)] == ["FINISHED"])
    (run,) = all_runs(store)
    assert (run.info.run_id, run.data.metrics) == (card["run_id"], {"loss": 0.25})
    assert [point.value for point in store.get_metric_history(card["run_id"], "loss")] == [0.5, 0.25]

    failing = kernel.run("%%mlops track\n1 / 0")
    assert failing.ename == "ZeroDivisionError"
    (card,) = failing.records("run")
    assert card["status"] == "FAILED"
    assert address in card["notes"][0]


def test_an_error_of_ours_survives_papermill_with_class_and_message(project: Path) -> None:
    notebook = write_notebook(
        project / "parent.ipynb",
        "%load_ext mlops_jupyter",
        "%%mlops track --parent 0123456789abcdef0123456789abcdef\nprint('ran')",
        "print('later')",
    )
    executed = project / "executed.ipynb"

    with pytest.raises(PapermillExecutionError) as raised:
        papermill.execute_notebook(str(notebook), str(executed), progress_bar=False, cwd=str(project))

    message = "Run with id=0123456789abcdef0123456789abcdef not found"
    assert (raised.value.ename, raised.value.cell_index) == ("NotFound", 1)
    assert message in raised.value.evalue
    assert f"NotFound: {message}" in str(raised.value)
    outputs = [cell.outputs for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    ((error,),) = [found for found in outputs if found]
    assert (error.output_type, error.ename) == ("error", "NotFound")
    assert message in error.evalue
    assert len(error.traceback) == 2
