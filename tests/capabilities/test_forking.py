"""A fork server: its children are what a fresh start would have made, and none outlives who wanted it."""

from __future__ import annotations

import gc
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import psutil
import pytest

from mlops_jupyter.capabilities.forking import Forked, ForkServer, Refusal, proportional_bytes, supported
from mlops_jupyter.capabilities.forking.fitness import Threads
from mlops_jupyter.capabilities.forking.wire import Channel, close_all
from mlops_jupyter.capabilities.processes import identify
from tests.fakes.waiting import wait_for

pytestmark = pytest.mark.skipif(not supported(), reason="needs Linux")

REPOSITORY = Path(__file__).parents[2]
ENTRY = "tests.fakes.forked:"


@pytest.fixture
def surroundings(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment in which the server and its clients are; the entries are found by it."""
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return dict(os.environ)


@pytest.fixture
def server(surroundings: dict[str, str]) -> Iterator[ForkServer]:
    started = ForkServer.start()
    yield started
    started.stop()


def said_by(server: ForkServer, entry: str, folder: Path, **options: Any) -> tuple[int, str, str]:
    """Fork a child that ends by itself; return its code and what it wrote."""
    out, err = folder / "out", folder / "err"
    with out.open("w") as told, err.open("w") as complained:
        child = server.fork(ENTRY + entry, fds=(None, told.fileno(), complained.fileno()), **options)
        assert isinstance(child, Forked), child
        code = child.wait(60)
    return code, out.read_text(), err.read_text()


def first_line(server: ForkServer, entry: str, **options: Any) -> tuple[Forked, str]:
    """Fork a child that stays; return it and the first line it writes."""
    reading, writing = os.pipe()
    with open(reading) as lines:  # noqa: PTH123
        child = server.fork(ENTRY + entry, fds=(None, writing, None), **options)
        os.close(writing)
        assert isinstance(child, Forked), child
        return child, lines.readline()


def family(server: ForkServer) -> dict[str, Any]:
    state = server.state()
    assert state is not None
    (one,) = state["families"]
    return dict(one)


def gone(pid: int) -> Callable[[], bool]:
    # A process that nobody has waited for is still there.
    return lambda: not psutil.pid_exists(pid)


def test_a_child_is_what_a_fresh_start_makes(server, surroundings, tmp_path):
    environment = {name: value for name, value in surroundings.items() if name != "HOME"}
    environment |= {"TZ": "Asia/Tokyo", "ONLY_HERE": "ä\udcff"}
    old = os.umask(0o027)
    try:
        options = {"arguments": ["prog", "-x"], "environment": environment, "cwd": tmp_path}
        code, out, err = said_by(server, "say", tmp_path, **options)
    finally:
        os.umask(old)
    told = json.loads(out)
    assert (code, err) == (7, "")
    assert told["environment"] == environment
    assert (told["cwd"], told["argv"], told["path"]) == (str(tmp_path), ["prog", "-x"], str(tmp_path))
    assert (told["umask"], told["zone"], told["threads"], told["main"]) == (0o027, "JST", 1, None)
    assert told["signals"] == [True, signal.SIG_DFL]
    assert told["pid"] == told["group"] == told["session"]
    # Nothing of the server's is open in it: the fourth is the listing's own.
    assert told["files"] == [0, 1, 2, 3]
    assert told["parent"] == family(server)["pid"]


def test_children_differ_in_what_is_drawn_by_chance(server, tmp_path):
    first, second = (json.loads(said_by(server, "say", tmp_path)[1])["numbers"] for _ in range(2))
    assert not set(first) & set(second)


def test_imports_are_shared_by_the_children(server, tmp_path):
    said_by(server, "say", tmp_path, imports=["wave"])
    said_by(server, "say", tmp_path, imports=["wave"])
    state = server.state()
    assert [one["imports"] for one in state["families"]] == [["wave"]]


def test_what_an_entry_ends_with(server, tmp_path):
    assert said_by(server, "finish", tmp_path) == (0, "main\nthread\nexit\n", "")
    assert said_by(server, "leave", tmp_path) == (1, "", "enough\n")
    code, out, err = said_by(server, "fail", tmp_path)
    assert (code, out, err.splitlines()[-1]) == (1, "", "LookupError: lost")


def test_an_end_that_is_told_with_the_beginning_is_known(tmp_path):
    """A client that is slow reads of a short life in one go."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    listening.listen()

    def answer() -> None:
        stream, _ = listening.accept()
        client = Channel(stream)
        while not (asked := client.receive()):
            pass
        close_all(asked[0].files)
        told = [json.dumps(one).encode() for one in ({"forked": 7, "left_out": {}}, {"ended": 3})]
        stream.sendall(b"".join(struct.pack("!II", len(one), 0) + one for one in told))
        client.close()

    with ThreadPoolExecutor(1) as thread:
        answering = thread.submit(answer)
        child = ForkServer(tmp_path / "socket").fork(ENTRY + "say")
        answering.result()
    listening.close()
    assert isinstance(child, Forked), child
    assert (child.wait(60), child.lost) == (3, False)


def test_standard_streams_are_those_given(server):
    child_reads, we_write = os.pipe()
    we_read, child_writes = os.pipe()
    child = server.fork(ENTRY + "echo", fds=(child_reads, child_writes, None))
    os.close(child_reads)
    os.close(child_writes)
    with open(we_write, "w") as to_child, open(we_read) as from_child:  # noqa: PTH123
        to_child.write("one\n")
        to_child.flush()
        assert from_child.readline() == "ONE\n"
        assert child.poll() is None
    assert child.wait(60) == 0


def test_signals_and_waiting(server):
    child, _ = first_line(server, "wait")
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    child.send_signal(signal.SIGTERM)
    assert child.wait(60) == -signal.SIGTERM
    child.kill()
    assert (child.poll(), child.returncode) == (-signal.SIGTERM, -signal.SIGTERM)
    assert not psutil.pid_exists(child.pid), "the server has left a zombie"


def test_many_threads_fork_and_wait_at_once(server, tmp_path):
    server.prepare(ENTRY + "say", wait=True)

    def one(number: int) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        return json.loads(said_by(server, "say", folder)[1])["pid"]

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(32)))) == 32
    assert family(server)["children"] == []


def test_two_threads_wait_for_one_child(server):
    child, _ = first_line(server, "wait")
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(child.wait(60))) for _ in range(2)]
    for thread in threads:
        thread.start()
    child.kill()
    for thread in threads:
        thread.join(60)
    assert codes == [-signal.SIGKILL] * 2


def test_a_child_that_nobody_refers_to_ends_with_what_it_started(server):
    child, line = first_line(server, "wait")
    pid, grandchild = map(int, line.split())
    assert pid == child.pid
    del child
    gc.collect()
    wait_for(gone(pid))
    wait_for(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie")


def test_the_owners_end_ends_all(surroundings, tmp_path):
    """Also kill -9."""
    program = (
        "import signal, sys\n"
        "from mlops_jupyter.capabilities.forking import ForkServer\n"
        "server = ForkServer.start()\n"
        f"child = server.fork('{ENTRY}wait', fds=(None, 1, None))\n"
        "print(server.state()['pid'], server.path, flush=True)\n"
        "signal.pause()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    lines = [owner.stdout.readline().split() for _ in range(2)]
    (pid, path), (child, _) = sorted(lines, key=lambda line: "/" not in line[1])
    owner.kill()
    owner.wait()
    owner.stdout.close()
    # Orphans now, which the machine's first process may not take leave of.
    wait_for(lambda: not any(identify(int(process)) for process in (child, pid)))
    assert not Path(path).parent.exists()


def test_the_servers_end_ends_its_children(server):
    child, _ = first_line(server, "wait")
    os.kill(server.state()["pid"], signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL
    wait_for(lambda: identify(child.pid) is None)
    assert server.fork(ENTRY + "say") == Refusal("the warm process has ended")
    assert server.state() is None
    server.stop()
    assert not server.path.parent.exists()


def test_a_family_that_is_killed_is_made_anew(server, tmp_path):
    child, _ = first_line(server, "wait")
    os.kill(family(server)["pid"], signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL
    assert said_by(server, "say", tmp_path)[0] == 7


def test_a_server_without_files_refuses_and_goes_on(server, tmp_path):
    child, _ = first_line(server, "wait")
    base = psutil.Process(server._process.pid)
    limits = base.rlimit(psutil.RLIMIT_NOFILE)
    opened = {int(one.name) for one in Path(f"/proc/{base.pid}/fd").iterdir()}
    free = (number for number in itertools.count() if number not in opened)
    none, one = next(free), next(free)
    # Room for who asks, and for nothing that a family needs.
    base.rlimit(psutil.RLIMIT_NOFILE, (one, limits[1]))
    assert server.prepare(ENTRY + "say", ["wave"], wait=True)
    # Not even room for who asks.
    base.rlimit(psutil.RLIMIT_NOFILE, (none, limits[1]))
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(server.state)
        # It waits in the queue, however often the server looks.
        assert not wait([asked], 0.5).done
        base.rlimit(psutil.RLIMIT_NOFILE, limits)
        assert [one["imports"] for one in asked.result(60)["families"]] == [[]]
    assert child.poll() is None
    assert said_by(server, "say", tmp_path, imports=["wave"])[0] == 7
    child.kill()
    child.wait(60)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"OMP_NUM_THREADS": "3"}, "OMP_NUM_THREADS is '3', and not set in the warm process"),
        ({"PYTHONHASHSEED": "1"}, "PYTHONHASHSEED is '1', and not set in the warm process"),
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA_VISIBLE_DEVICES is '', and not set in the warm process"),
        ({"LD_PRELOAD": "x.so"}, "LD_PRELOAD is 'x.so', and not set in the warm process"),
    ],
)
def test_variables_that_are_read_once(server, surroundings, change, reason):
    assert server.fork(ENTRY + "say", environment=surroundings | change) == Refusal(reason)


def test_other_refusals(server, tmp_path, monkeypatch):
    assert server.fork(ENTRY + "say", cwd=tmp_path / "gone") == Refusal(f"there is no directory {tmp_path / 'gone'}")
    options = server.fork(ENTRY + "say", options=["-O"])
    assert options == Refusal("the interpreter's options differ: -O, none in the warm process")
    monkeypatch.setattr(sys, "prefix", "/elsewhere")
    assert "another Python's" in server.fork(ENTRY + "say").reason


def test_not_to_wait_for_imports(server, tmp_path):
    assert server.fork(ENTRY + "say", at_once=True) == Refusal("the warm process is still importing")
    server.prepare(ENTRY + "say", wait=True)
    assert said_by(server, "say", tmp_path, at_once=True)[0] == 7


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True, name='x').start()",
            "it leaves 1 Python thread (x) behind",
        ),
        (
            "import _thread, time\n_thread.start_new_thread(time.sleep, (600,))",
            "it leaves 1 thread (python) behind",
        ),
        ("import polars", "it leaves 1 thread (polars-ooc-clea of _polars_runtime.abi3.so) behind"),
        ("raise ValueError('no')", "its import fails (ValueError: no)"),
        ("import nothing_like_it", "its import fails (ModuleNotFoundError: No module named 'nothing_like_it')"),
    ],
)
def test_modules_that_cannot_be_forked_are_named_and_left_to_the_child(
    surroundings, tmp_path, monkeypatch, source, reason
):
    (tmp_path / "unfit.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", f"{REPOSITORY}:{tmp_path}")
    server = ForkServer.start()
    try:
        child, _ = first_line(server, "wait", imports=["unfit", "wave"])
        assert child.left_out == {"unfit": reason}
        loaded = Path(f"/proc/{child.pid}/maps").read_text()
        assert "polars" not in loaded
        child.kill()
        child.wait(60)
    finally:
        server.stop()


def test_libraries_whose_threads_are_in_order(surroundings):
    code = (
        "import numpy, pandas, pyarrow, scipy.stats, sklearn.ensemble\n"
        "numpy.ones((500, 500)) @ numpy.ones((500, 500))\n"
        "from mlops_jupyter.capabilities.forking.fitness import Threads\nprint(Threads().left_behind())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == "None\n"


def test_each_import_answers_for_its_own_threads():
    threads = Threads()
    threads.left_behind()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="mine")
    thread.start()
    try:
        assert "mine" in threads.left_behind()
    finally:
        stop.set()
        thread.join()


def test_memory_is_released_when_a_child_ends(server):
    reading, writing = os.pipe()
    child_reads, we_write = os.pipe()
    child = server.fork(ENTRY + "hold", fds=(child_reads, writing, None))
    os.close(writing)
    os.close(child_reads)
    with open(reading) as lines, open(we_write, "w") as to_child:  # noqa: PTH123
        assert int(lines.readline()) == 200 << 20
        assert proportional_bytes(child.pid) > 200_000_000
        to_child.write("\n")
    assert child.wait(60) == 0
    assert proportional_bytes(family(server)["pid"]) < 150_000_000


def test_a_lasting_server(surroundings, tmp_path):
    path = tmp_path / ("deep" * 40) / "socket"
    first = ForkServer.start_lasting(path, idle_s=600, log=tmp_path / "log")
    try:
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        second = ForkServer.start_lasting(path, idle_s=600, log=tmp_path / "log")
        assert second.state()["pid"] == first.state()["pid"]
        assert said_by(ForkServer.connect(path), "say", tmp_path)[0] == 7
    finally:
        first.stop()
    assert ForkServer.connect(path) is None
    assert not path.exists()


def test_a_lasting_server_ends_when_nobody_has_come_for_long(surroundings, tmp_path):
    server = ForkServer.start_lasting(tmp_path / "here" / "socket", idle_s=0.2, log=tmp_path / "log")
    assert server.state() is not None
    wait_for(lambda: not server.path.exists())


def test_nobody_listens(tmp_path):
    assert ForkServer.connect(tmp_path / "socket") is None
    (tmp_path / "socket").touch()
    assert ForkServer.connect(tmp_path / "socket") is None
