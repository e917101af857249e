"""Processes that outlive whoever has started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mlops_jupyter.capabilities import lasting_processes, processes

# Tells what it is, and then waits to be ended.
TELLS = """
import json, os, signal, sys
print("also this", file=sys.stderr, flush=True)
told = {"session": os.getsid(0), "group": os.getpgid(0), "cwd": os.getcwd(), "colour": os.environ["COLOUR"]}
print(json.dumps(told), flush=True)
signal.pause()
"""


@pytest.fixture
def started(tmp_path: Path):
    """Start a process, and end it when the test has ended."""
    begun = []

    def start(*command: str, **settings):
        with (tmp_path / "said").open("ab") as out:
            begun.append(lasting_processes.start(command, out, **settings))
        return begun[-1]

    yield start
    for one in begun:
        processes.end(one, 0)


def said(tmp_path: Path) -> list[str]:
    """What a process has said once it has said two lines."""
    file = tmp_path / "said"
    with subprocess.Popen(["tail", "-f", "-n", "+1", str(file)], stdout=subprocess.PIPE, text=True) as tail:
        assert tail.stdout is not None
        lines = [tail.stdout.readline().strip() for _ in range(2)]
        tail.terminate()
    return lines


def test_it_is_nobodys_child_and_in_a_session_of_its_own(started, tmp_path):
    found = started(sys.executable, "-c", TELLS, cwd=tmp_path, env={"COLOUR": "blue"})
    words, told = said(tmp_path)
    assert words == "also this"
    assert json.loads(told) == {
        "session": found.pid, "group": found.pid, "cwd": str(tmp_path), "colour": "blue",
    }  # fmt: skip
    assert processes.lives(found)
    assert found.pid not in [one.pid for one in psutil.Process().children(recursive=True)]


def test_it_goes_on_when_all_that_descends_from_its_starter_is_killed(tmp_path):
    code = (
        "import signal, sys; from mlops_jupyter.capabilities import lasting_processes\n"
        "print(lasting_processes.start(['sleep', '60'], 2).pid, flush=True)\n"
        "signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        found = processes.identify(int(starter.stdout.readline()))
        assert found is not None
        family = [*psutil.Process(starter.pid).children(recursive=True), psutil.Process(starter.pid)]
        for one in family:
            one.kill()
        starter.wait()
    assert processes.lives(found)
    processes.end(found, 0)
    assert not processes.lives(found)


def test_signals_come_to_it_as_to_any_program(started):
    found = started("sleep", "60")
    ignored = int(Path(f"/proc/{found.pid}/status").read_text().partition("SigIgn:")[2].split()[0], 16)
    assert not ignored & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)


def test_what_cannot_be_started_is_an_error(started, tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        started("no-such-program")
    (tmp_path / "text").write_text("")
    with pytest.raises(PermissionError):
        started(str(tmp_path / "text"))


def test_an_interrupt_meanwhile_ends_it(tmp_path, monkeypatch):
    run = subprocess.run

    def interrupted(*args, **settings):
        done = run(*args, **settings)
        os.kill(os.getpid(), signal.SIGINT)
        (tmp_path / "pid").write_bytes(done.stdout)
        return done

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lasting_processes.start(["sleep", "60"], 2)
    assert processes.identify(int((tmp_path / "pid").read_text())) is None
