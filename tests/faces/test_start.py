"""``mlops run`` as a fork of the project's warm process: what it says and does is what a fresh start says and does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest

from mlops_jupyter.capabilities.forking import ForkServer, supported
from mlops_jupyter.capabilities.processes import identify
from mlops_jupyter.commands.warm import socket_of
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import ended, wait_for

pytestmark = pytest.mark.skipif(not supported(), reason="a warm process needs Linux")


@pytest.fixture
def warm(project: Path, terminal):
    """A project with a warm process."""
    done = terminal("warm")
    assert done.code == 0, done.err
    server = ForkServer.connect(socket_of(project))
    assert server is not None
    yield server
    server.stop()


def imported_by_the_command(project: Path) -> set[str]:
    """Return which modules of ours the command's own process imports for a run."""
    script = "import sys\nsys.argv = ['mlops', 'run', 'a.ipynb']\nfrom mlops_jupyter.faces import start\n"
    script += "try:\n    start.main()\nexcept SystemExit as end:\n    print(end.code, *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=True)
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code in {"0", "None"}
    return set(modules)


def test_the_command_is_a_fork_and_imports_next_to_nothing(project, warm, stored_runs):
    write_notebook(project / "a.ipynb", "1")
    assert not {"click", "mlops_jupyter.commands.run", "mlops_jupyter.records"} & imported_by_the_command(project)
    (run,) = stored_runs()
    assert run.status == "FINISHED"


def test_it_says_and_ends_as_a_fresh_start(project, warm, terminal):
    write_notebook(project / "good.ipynb", "import os\nprint(os.environ['COLOUR'], os.getcwd())")
    write_notebook(project / "bad.ipynb", "1 / 0")
    good = terminal("run", "good.ipynb", "--verbose", "--output", "out.ipynb", COLOUR="red")
    assert good.code == 0, good.err
    assert "note: the kernel was forked from the warm process" in good.out
    (output,) = nbformat.read(project / "out.ipynb", as_version=4).cells[0].outputs
    assert output.text == f"red {project}\n"
    words = ["run", "bad.ipynb", "--output", "out.ipynb"]
    forked = terminal(*words)
    warm.stop()
    fresh = terminal(*words)
    assert (forked.code, fresh.code) == (6, 6)

    def said(text: str) -> str:
        return re.sub(r"[0-9a-f]{32}|\d[\d.]* m?s\b", "", text)

    assert said(forked.err) == said(fresh.err)
    assert terminal("run", "nowhere.ipynb").code == 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_reaches_the_notebook(project, warm, stored_runs, clean_environment, number):
    write_notebook(project / "a.ipynb", "open('pid', 'w').write(str(__import__('os').getpid()))", "while True: pass")
    process = subprocess.Popen(["mlops", "run", "a.ipynb"], cwd=project, stderr=subprocess.DEVNULL)
    wait_for(lambda: (project / "pid").exists() and (project / "pid").read_text())
    kernel = psutil.Process(int((project / "pid").read_text()))
    process.send_signal(number)
    assert process.wait(60) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    wait_for(lambda: ended(kernel), 20)
    wait_for(lambda: [run.status for run in stored_runs()] == ["KILLED"])


def test_a_warm_process_that_was_killed_is_no_obstacle(project, warm, terminal):
    state = warm.state()
    assert state is not None
    os.kill(state["pid"], signal.SIGKILL)
    wait_for(lambda: identify(state["pid"]) is None, 20)
    write_notebook(project / "a.ipynb", "1")
    done = terminal("run", "a.ipynb", "--verbose")
    assert done.code == 0, done.err
    assert "note: the kernel was started normally: no warm process is there; mlops warm starts one" in done.out
