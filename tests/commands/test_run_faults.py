"""What notebooks do to those who run them headless: real Papermill, real kernels."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from tests.fakes.disks import small_disk
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import wait_for

pytestmark = pytest.mark.usefixtures("no_process_left")


def texts(path: Path) -> list[str]:
    """Return each cell's output as text."""
    cells = nbformat.read(path, as_version=4).cells
    return ["".join(output.get("text", "") for output in cell.get("outputs", ())) for cell in cells]


@pytest.mark.parametrize(
    ("cell", "code", "said"),
    [
        ("import os, signal\nprint('last words', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)", 6,
         "the kernel was killed by SIGKILL, as the system does when memory runs out; it had used "),
        ("import os\nos._exit(3)", 6, "the kernel ended by itself with exit code 3"),
        ("import ctypes\nctypes.string_at(0)", 6, "the kernel was killed by SIGSEGV: a crash in native code"),
        ("input('name? ')", 6, "StdinNotImplementedError: raw_input was called"),
        ("import os\nos.close(1)\nprint('to nobody')", 0, "FINISHED"),
        ("import os\nif os.fork() == 0:\n    import time\n    time.sleep(600)", 0, "FINISHED"),
        ("import subprocess\nsubprocess.Popen(['sleep', '600'])", 0, "FINISHED"),
    ],
    ids=["killed", "exits", "crashes", "asks", "closes stdout", "forks", "leaves a process"],
)  # fmt: skip
def test_cells_that_do_the_worst(project, terminal, stored_runs, cell, code, said):  # noqa: PLR0917
    write_notebook(project / "bad.ipynb", "print('before')", cell)
    done = terminal("run", "bad.ipynb", "--output", "out.ipynb", "--timeout", "120")
    assert done.code == code, done.err
    assert said in done.err + done.out
    (run,) = stored_runs()
    assert run.status == {0: "FINISHED", 6: "FAILED" if "Stdin" in said else "KILLED"}[code]
    assert "before\n" in texts(project / "out.ipynb")


# A kernel one of whose ports somebody else takes between their choice and its start, so many times.
ROBBED = """
import json, pathlib, socket, sys
starts = pathlib.Path({starts!r})
with starts.open("a") as file:
    file.write("x")
if len(starts.read_text()) <= {times}:
    thief = socket.create_server(("127.0.0.1", json.loads(pathlib.Path(sys.argv[2]).read_text())["shell_port"]))
from ipykernel.kernelapp import launch_new_instance
launch_new_instance()
"""


@pytest.fixture
def robbed(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Install the kernel ``robbed``."""
    folder = project.parent / "jupyter" / "kernels" / "robbed"

    def install(times: int) -> None:
        folder.mkdir(parents=True)
        script = ROBBED.format(starts=str(project.parent / "starts"), times=times)
        words = [sys.executable, "-c", script, "-f", "{connection_file}"]
        (folder / "kernel.json").write_text(json.dumps({"argv": words, "display_name": "robbed", "language": "python"}))
        monkeypatch.setenv("JUPYTER_PATH", str(project.parent / "jupyter"), prepend=os.pathsep)

    return install


def test_a_kernel_whose_port_was_taken_is_started_again(project, terminal, robbed):
    robbed(times=1)
    write_notebook(project / "fine.ipynb", "print('done')", kernel="robbed")
    done = terminal("run", "fine.ipynb", "--output", "out.ipynb")
    assert done.code == 0, done.err
    assert texts(project / "out.ipynb") == ["done\n"]
    assert "the kernel was started twice: the first time the kernel ended by itself with exit code 1" in done.out


def test_a_kernel_that_never_starts_says_its_last_words(project, terminal, robbed):
    robbed(times=9)
    write_notebook(project / "bad.ipynb", "print('done')", kernel="robbed")
    done = terminal("run", "bad.ipynb", "--output", "out.ipynb")
    assert done.code == 6
    assert "before it was ready (zmq.error.ZMQError: Address already in use" in done.err
    assert (project.parent / "starts").read_text() == "xx"


def test_the_last_words_of_a_killed_kernel_are_kept(project, terminal):
    words = "import os, signal, sys\nprint('last words')\nsys.stdout.flush()\nos.kill(os.getpid(), signal.SIGKILL)"
    write_notebook(project / "bad.ipynb", words, "1")
    assert terminal("run", "bad.ipynb", "--output", "out.ipynb").code == 6
    cells = nbformat.read(project / "out.ipynb", as_version=4).cells
    assert [cell.metadata.papermill.status for cell in cells] == ["failed", "pending"]


@pytest.mark.parametrize("limit", ["--timeout", "--total-timeout"])
def test_a_cell_that_never_ends_says_where_it_stood(project, terminal, limit):
    write_notebook(project / "slow.ipynb", "def turn():\n    while True:\n        pass\n\nturn()")
    done = terminal("run", "slow.ipynb", limit, "4", "--output", "out.ipynb")
    assert done.code == 6
    what = "the cell" if limit == "--timeout" else "the notebook"
    assert f"CellTimeoutError: {what} ran longer than " in done.err
    (output,) = nbformat.read(project / "out.ipynb", as_version=4).cells[0].outputs
    assert (output.ename, "turn()" in "".join(output.traceback)) == ("KeyboardInterrupt", True)


def test_a_cell_that_takes_no_interrupt_ends_too(project, terminal):
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nend = time.time() + 600\n"
    write_notebook(project / "slow.ipynb", stubborn + "while time.time() < end:\n    pass")
    done = terminal("run", "slow.ipynb", "--timeout", "2.5")
    assert done.code == 6
    assert "CellTimeoutError: the cell ran longer than 2.5 s" in done.err


def test_output_without_end_is_kept_in_part(project, terminal):
    # These are 60 MB. 1 GB takes five times as long and leaves a file of the same size (measured in November 2026), but
    # would show nothing more.
    flood = "line = 'x' * 999 + '\\n'\nfor _ in range(60):\n    print(line * 1000, end='')\nprint('the end')"
    write_notebook(project / "loud.ipynb", flood, "print('after')")
    done = terminal("run", "loud.ipynb", "--output", "out.ipynb")
    assert done.code == 0, done.err
    assert (project / "out.ipynb").stat().st_size < 10_000_000
    text, after = texts(project / "out.ipynb")
    assert text.startswith("x" * 999 + "\n")
    assert text.endswith("the end\n")
    assert "characters of stdout are left out here" in text
    assert after == "after\n"


@pytest.mark.parametrize("killed", ["the command", "the worker", "papermill"])
def test_a_killed_job_leaves_a_notebook_that_shows_what_ran(project, clean_environment, killed):
    wait = "import os\nprint('so far')\nopen('parent', 'w').write(str(os.getppid()))\nimport time\ntime.sleep(600)"
    write_notebook(project / "long.ipynb", "print('done')", wait)
    by_papermill = ["papermill", "--engine", "mlops", "--no-progress-bar", "long.ipynb", "out.ipynb"]
    ours = ["mlops", "run", "long.ipynb", "--output", "out.ipynb"]
    process = subprocess.Popen(by_papermill if killed == "papermill" else ours, cwd=project)
    try:
        # A cell that says nothing more and does not end is in the file with what it has said.
        wait_for(lambda: (project / "parent").exists() and texts(project / "out.ipynb") == ["done\n", "so far\n"])
        worker = int((project / "parent").read_text())
        os.kill(worker if killed == "the worker" else process.pid, signal.SIGKILL)
        assert process.wait(60) != 0
    finally:
        process.kill()
    assert texts(project / "out.ipynb")[:2] == ["done\n", "so far\n"]
    assert not list(project.glob(".out.ipynb.*")), "no half a file beside it"


@pytest.mark.parametrize(
    "end", ["while True:\n    pass", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"], ids=["late", "dead"]
)
def test_widgets_leave_their_picture_however_the_notebook_ends(project, terminal, end):
    write_notebook(project / "bad.ipynb", "import ipywidgets\nipywidgets.IntProgress(7, description='epochs')", end)
    assert terminal("run", "bad.ipynb", "--timeout", "4", "--output", "out.ipynb").code == 6
    (view,) = nbformat.read(project / "out.ipynb", as_version=4).cells[0].outputs
    assert "epochs" in view.data["text/html"]


def test_a_full_disk_is_told_and_leaves_no_half_file(project, terminal, stored_runs):
    write_notebook(project / "big.ipynb", "print('x' * 3_000_000)")
    with small_disk(project / "small", "1M") as disk:
        done = terminal("run", "big.ipynb", "--output", str(disk / "out.ipynb"))
        assert done.code == 3
        assert done.err.splitlines()[-2:] == [
            f"ConfigurationError: cannot write to {disk}/out.ipynb: No space left on device",
            "  → free some space, or name another --output",
        ]
        assert [file.name for file in disk.iterdir()] == ["out.ipynb"]
        nbformat.read(disk / "out.ipynb", as_version=4)
    (run,) = stored_runs()
    assert run.status == "FAILED"


def test_retries_begin_again_in_a_fresh_kernel(project, terminal, stored_runs):
    once = (
        "from pathlib import Path\nassert 'tried' not in globals()\ntried = True\n"
        "count = len(Path('count').read_text()) if Path('count').exists() else 0\n"
        "Path('count').write_text('.' * (count + 1))"
    )
    write_notebook(project / "flaky.ipynb", once, "assert count == 2, f'attempt {count}'")
    done = terminal("run", "flaky.ipynb", "--retries", "2")
    assert done.code == 0, done.err
    (run,) = stored_runs()
    assert (run.status, run.tags["mlops.attempts"]) == ("FINISHED", "3")
    (project / "count").unlink()
    assert terminal("run", "flaky.ipynb", "--retries", "1").code == 6
    assert terminal("run", "flaky.ipynb", "--retries", "-1").code == 2


def test_a_page_that_cannot_be_written_takes_nothing_from_the_run(project, terminal, stored_runs):
    write_notebook(project / "train.ipynb", "1")
    (project / "out.html").mkdir()
    done = terminal("run", "train.ipynb", "--output", "out.ipynb", "--html")
    assert done.code == 0, done.err
    assert "note: there is no page of out.ipynb: " in done.out + done.err
    assert [run.status for run in stored_runs()] == ["FINISHED"]


# --- resuming ----------------------------------------------------------------------------------------------------

SLOW = "import time\ntime.sleep(1.5)\ntotal += 10\nprint('slow', total)"
FIRST = "from pathlib import Path\nrate = 1\ndef doubled():\n    return 2 * rate\ntotal = 0"
FAILS = "total += 1\nrate = 5\nassert Path('ready').exists(), 'not ready'\nprint(total, doubled())"


def resumed(terminal, *words: str) -> tuple[int, list[str]]:
    """Run the notebook once more with ``--resume``; return the exit code and what the run's notes say of it."""
    done = terminal("run", "long.ipynb", "--resume", "--output", "out.ipynb", *words)
    return done.code, re.findall(r"note: ((?:resumed|starts over).*)", done.out + done.err)


def test_resume_goes_on_at_the_failing_cell_with_the_state_before_it(project, terminal):
    write_notebook(project / "long.ipynb", FIRST, SLOW, FAILS, "print('end', total)")
    assert terminal("run", "long.ipynb").code == 6
    (project / "ready").touch()
    assert resumed(terminal) == (0, ["resumed at cell 2"])
    # What the failing cell had done before it failed is not done twice; functions see what later cells bind.
    assert texts(project / "out.ipynb") == ["", "slow 10\n", "11 10\n", "end 11\n"]
    assert not list((project / ".mlops" / "resume").iterdir()), "what is done needs no state"


def test_what_is_kept_is_the_users_alone_and_holds_no_secret_of_the_environment(project, terminal):
    sets = SLOW + "\nimport os\nos.environ['COLOUR'] = 'red'"
    write_notebook(
        project / "long.ipynb", FIRST, sets, "import os\nassert Path('ready').exists()\nprint(os.environ['COLOUR'])"
    )
    assert terminal("run", "long.ipynb", AWS_SECRET_ACCESS_KEY="sec-ret-4711").code == 6
    (folder,) = (project / ".mlops" / "resume").iterdir()
    assert (folder.stat().st_mode & 0o777, (folder / "state").stat().st_mode & 0o777) == (0o700, 0o600)
    assert not [file.name for file in folder.iterdir() if b"sec-ret-4711" in file.read_bytes()]
    (project / "ready").touch()
    assert resumed(terminal) == (0, ["resumed at cell 2"])
    assert texts(project / "out.ipynb")[2] == "red\n"


def test_resume_after_the_kernel_was_killed(project, terminal):
    dies = "import os, signal\nif not Path('ready').exists():\n    os.kill(os.getpid(), signal.SIGKILL)\nprint(total)"
    write_notebook(project / "long.ipynb", FIRST, SLOW, dies)
    assert terminal("run", "long.ipynb").code == 6
    (project / "ready").touch()
    assert resumed(terminal) == (0, ["resumed at cell 2"])
    assert texts(project / "out.ipynb")[2] == "10\n"


def test_resume_with_the_failing_cell_mended(project, terminal):
    write_notebook(project / "long.ipynb", FIRST, SLOW, "1 / 0", parameters="seed = 1")
    assert terminal("run", "long.ipynb", "-p", "seed=2").code == 6
    write_notebook(project / "long.ipynb", FIRST, SLOW, "print('mended', seed)", parameters="seed = 1")
    assert resumed(terminal, "-p", "seed=2") == (0, ["resumed at cell 3"])
    assert texts(project / "out.ipynb")[-1] == "mended 2\n"


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        ((FIRST, SLOW, "1 / 0"), (FIRST, SLOW + "\n", "1"), "starts over: cell 1 has changed since"),
        ((FIRST, "1 / 0"), None, "starts over: no state was worth keeping: the cells before it took "),
        ((FIRST, SLOW + "\nimport sqlite3\ndb = sqlite3.connect(':memory:')", "1 / 0"), None,
         "starts over: its state cannot be kept: db (sqlite3.Connection): "),
        (None, (FIRST, "1"), "starts over: no state of a failed execution with these parameters is kept"),
    ],
    ids=["changed", "short", "connection", "nothing"],
)  # fmt: skip
def test_resume_says_why_it_starts_over(project, terminal, first, then, why):
    if first is not None:
        write_notebook(project / "long.ipynb", *first)
        assert terminal("run", "long.ipynb").code == 6
    if then is not None:
        write_notebook(project / "long.ipynb", *then)
    _, notes = resumed(terminal)
    assert [note[: len(why)] for note in notes] == [why]


@pytest.mark.parametrize("last", ["print('end')", "1 / 0"], ids=["fine", "fails"])
def test_a_state_that_has_no_place_takes_nothing_from_the_notebook(project, terminal, last):
    (project / ".mlops" / "resume").write_text("no folder")
    write_notebook(project / "long.ipynb", FIRST, SLOW, last)
    done = terminal("run", "long.ipynb")
    assert done.code == (6 if last == "1 / 0" else 0), done.err
    told = "note: --resume will start over: its state cannot be kept: " in done.out + done.err
    if last == "1 / 0":
        assert "ExecutionFailed: long.ipynb failed at cell 2: ZeroDivisionError: division by zero" in done.err
        assert told
        code, (note,) = resumed(terminal)
        assert code == 6
        assert note.startswith("starts over: what is kept of a failed execution cannot be read: ")


def test_no_state_is_kept_where_nobody_wants_any(project, terminal):
    (project / "mlops.toml").write_text('experiment = "churn"\n[run]\nkeep_state = false\n')
    write_notebook(project / "long.ipynb", FIRST, SLOW, "1 / 0")
    assert terminal("run", "long.ipynb").code == 6
    assert not (project / ".mlops" / "resume").exists()
    assert resumed(terminal) == (6, ["starts over: no state of a failed execution with these parameters is kept"])


def test_a_disk_too_full_for_what_ran_takes_nothing_from_the_notebook(project, terminal):
    write_notebook(project / "long.ipynb", FIRST, SLOW + "\nprint('x' * 400_000)", "1 / 0")
    with small_disk(project / ".mlops" / "resume", "256k"):
        done = terminal("run", "long.ipynb")
        assert done.code == 6
        assert "failed at cell 2: ZeroDivisionError: division by zero" in done.err
        code, notes = resumed(terminal)
        assert (code, notes) == (6, ["starts over: its state cannot be kept: No space left on device"])


# --- Papermill's own command -------------------------------------------------------------------------------------


def papermill(project: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Papermill's command."""
    command = ["papermill", "--engine", "mlops", "--no-progress-bar", *words]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)


def test_the_papermill_command_makes_a_run(project, stored_runs, clean_environment):
    cells = (
        "%load_ext mlops_jupyter",
        "%%mlops track fit --no-autolog\nimport mlops_jupyter\nmlops_jupyter.log(loss=lr)",
    )
    write_notebook(project / "train.ipynb", *cells, parameters="lr = 0.1\ndepth = 3")
    done = papermill(project, "train.ipynb", "out.ipynb", "-p", "lr", "0.5", MLFLOW_EXPERIMENT_NAME="pm")
    assert done.returncode == 0, done.stderr
    runs = {run.name: run for run in stored_runs()}
    assert runs["train"].params == {"lr": "0.5", "depth": "3"}
    assert (runs["train"].tags["mlops.overrides"], runs["train"].tags["mlops.kind"]) == ("lr", "notebook")
    assert (runs["train"].experiment, runs["train"].status) == ("pm", "FINISHED")
    assert (runs["fit"].parent, runs["fit"].metrics) == (runs["train"].run_id, {"loss": 0.5})
    assert runs["fit"].notebook == "train.ipynb"
    assert nbformat.read(project / "out.ipynb", as_version=4).metadata.papermill.parameters == {"lr": 0.5}


def test_the_papermill_command_fails_as_ever(project, stored_runs, clean_environment):
    write_notebook(project / "bad.ipynb", "1", "1 / 0")
    done = papermill(project, "bad.ipynb", "out.ipynb")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stderr
    (run,) = stored_runs()
    assert (run.status, run.error, run.tags["mlops.failed_cell"]) == (
        "FAILED",
        "ZeroDivisionError: division by zero",
        "1",
    )
    tags = [cell.metadata.get("tags") for cell in nbformat.read(project / "out.ipynb", as_version=4).cells]
    assert tags.count(["papermill-error-cell-tag"]) == 2


def test_the_papermill_command_counts_the_cells_of_its_input(project, stored_runs, clean_environment):
    notebook = write_notebook(project / "bad.ipynb", "1", "1 / 0", parameters="n = 1")
    with notebook.open() as source:
        words = ["papermill", "--engine", "mlops", "--no-progress-bar", "-p", "n", "5", "-", "out.ipynb"]
        assert subprocess.run(words, cwd=project, stdin=source, check=False).returncode == 1
    (run,) = stored_runs()
    assert run.tags["mlops.failed_cell"] == "2"


def test_the_papermill_command_notices_a_dead_kernel(project, stored_runs, clean_environment):
    write_notebook(project / "bad.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    done = papermill(project, "bad.ipynb", "out.ipynb")
    assert done.returncode == 138, "as Papermill ends when a kernel has died"
    assert "DeadKernelError: the kernel was killed by SIGKILL" in done.stderr
    (run,) = stored_runs()
    assert run.status == "KILLED"


def test_the_papermill_command_without_the_kernel_fails_its_run(project, stored_runs, clean_environment):
    write_notebook(project / "train.ipynb", "1")
    done = papermill(project, "train.ipynb", "out.ipynb", "-k", "not-installed")
    assert done.returncode == 1
    (run,) = stored_runs()
    assert run.status == "FAILED"
    assert run.error.startswith("NoSuchKernel: ")


def test_the_papermill_command_interrupted(project, stored_runs, clean_environment):
    write_notebook(project / "long.ipynb", "open('there', 'w').close()\nimport time\ntime.sleep(600)")
    words = ["papermill", "--engine", "mlops", "long.ipynb", "out.ipynb"]
    process = subprocess.Popen(words, cwd=project, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for((project / "there").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    (run,) = stored_runs()
    assert run.status == "KILLED"
