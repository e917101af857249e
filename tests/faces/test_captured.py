"""What was printed is kept as it appeared, and appears as if nobody watched."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import subprocess
import sys
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.faces.captured import CapturedOutput, Output


class Shown:
    """Both standard streams as somebody sees them."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()


@pytest.fixture
def shown():
    return Shown()


def seen_by(shown: Shown):
    """Set within the test: pytest's own streams come after the fixtures."""
    both = contextlib.ExitStack()
    both.enter_context(contextlib.redirect_stdout(shown.out))
    both.enter_context(contextlib.redirect_stderr(shown.err))
    return both


def started(limit_bytes: int = 1_000_000) -> CapturedOutput:
    captured = CapturedOutput(limit_bytes)
    captured.start()
    return captured


def test_both_streams_in_order(shown):
    with seen_by(shown):
        captured = started()
        print("one")
        print("two", file=sys.stderr)
        sys.stdout.writelines(["thr", "ee\n"])
        logging.StreamHandler(sys.stderr).handle(logging.makeLogRecord({"msg": "größe"}))
        print("end", end="")
        assert captured.stop() == Output("one\ntwo\nthree\ngröße\nend", 13, 12, 0)
        print("later")
        assert captured.stop().text == "one\ntwo\nthree\ngröße\nend"
        assert shown.out.getvalue() == "one\nthree\nendlater\n"
        assert shown.err.getvalue() == "two\ngröße\n"


def test_the_streams_are_left_as_they_were(shown):
    with seen_by(shown):
        before = dict(vars(sys.stdout))
        started().stop()
        assert vars(sys.stdout) == before
        shown.out.write = own = len
        started().stop()
        assert shown.out.write is own


def test_nothing_printed(shown):
    with seen_by(shown):
        assert started().stop() == Output("", 0, 0, 0)


def test_what_a_stream_refuses_is_refused(shown):
    with seen_by(shown):
        captured = started()
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")
        assert sys.stdout.write("four") == 4
        assert captured.stop().text == "four"


def test_what_is_redirected_belongs_to_who_redirects(shown):
    with seen_by(shown):
        captured = started()
        print("before")
        with contextlib.redirect_stdout(io.StringIO()) as taken:
            print("taken")
            print("not taken", file=sys.stderr)
        print("after")
        assert captured.stop().text == "before\nnot taken\nafter\n"
        assert taken.getvalue() == "taken\n"


def test_a_stream_that_is_replaced_meanwhile(shown, monkeypatch):
    with seen_by(shown):

        class Loud:
            def __init__(self, stream):
                self.stream = stream

            def write(self, text):
                return self.stream.write(text.upper())

        captured = started()
        monkeypatch.setattr(sys, "stdout", Loud(sys.stdout))
        print("loud")
        assert captured.stop().text == "LOUD\n"
        print("later")
        assert shown.out.getvalue() == "LOUD\nLATER\n"
        assert "write" not in vars(shown.out)


def test_another_that_watches_by_the_same_means(shown):
    with seen_by(shown):
        captured, heard = started(), []
        inner = sys.stdout.write

        def watching(text):
            heard.append(text)
            return inner(text)

        sys.stdout.write = watching
        print("a")
        assert captured.stop().text == "a\n"
        print("b")
        again = started()
        print("c")
        assert again.stop().text == "c\n"
        assert heard == ["a", "\n", "b", "\n", "c", "\n"]
        assert shown.out.getvalue() == "a\nb\nc\n"
        assert sys.stdout.write is watching


def test_nested_and_overlapping(shown):
    with seen_by(shown):
        outer = started()
        print("a")
        inner = started()
        print("b")
        overlapping = started()
        assert inner.stop().text == "b\n"
        print("c")
        assert outer.stop().text == "a\nb\nc\n"
        print("d")
        assert overlapping.stop().text == "c\nd\n"
        assert "write" not in vars(sys.stdout)


def test_no_stream_at_all(monkeypatch):
    class Fixed:
        __slots__ = ()

        def write(self, text):
            return len(text)

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", Fixed())
    captured = started()
    print("nowhere")
    print("unseen", file=sys.stderr)
    assert captured.stop().text == ""


def test_threads_lose_nothing(shown):
    with seen_by(shown):
        captured = started(limit_bytes=10_000_000)
        barrier = threading.Barrier(8)

        def work(number):
            barrier.wait()
            for i in range(2000):
                sys.stdout.write(f"{number} {i}\n")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lines = captured.stop().text.splitlines()
        assert len(lines) == 16_000
        for number in range(8):
            assert [line for line in lines if line.startswith(f"{number} ")] == [f"{number} {i}" for i in range(2000)]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["\r10%", "\r20%", "\r100%\n"], "100%\n"),
        (["10%\r", "20%\r", "100%", "\n"], "100%\n"),
        (["ended\r\n", "next\r", "\n"], "ended\nnext\n"),
        (["\r10%", "\r    \r"], ""),
        (["\r10%", "\r50%"], "50%"),
        (["\r10%", "\r50%\r"], "50%"),
        (["a\nb\r", "c\nd"], "a\nc\nd"),
        (["a\r\r\r\nb"], "a\nb"),
        (["\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x1b\\\n"], "red link\n"),
    ],
)
def test_progress_collapses_to_its_last_state(shown, written, kept):
    with seen_by(shown):
        captured = started()
        for text in written:
            sys.stdout.write(text)
        assert captured.stop().text == kept


def test_a_bar_on_one_stream_and_lines_on_the_other(shown):
    with seen_by(shown):
        captured = started()
        for epoch in range(3):
            for percent in range(0, 101, 10):
                sys.stderr.write(f"\repoch {epoch}: {percent}%")
            print(f"loss {epoch}")
        assert captured.stop().text == "loss 0\nloss 1\nloss 2\nepoch 2: 100%"
        captured = started()
        print("out", end="")
        print("err", end="", file=sys.stderr)
        assert captured.stop().text == "out\nerr"


def test_a_million_updates_of_a_bar_take_no_room(shown):
    with seen_by(shown):
        captured = started(limit_bytes=1000)
        print("first")
        for i in range(100_000):
            sys.stderr.write(f"\r{i}")
        print("last")
        kept = captured.stop()
        assert kept.text == "first\nlast\n99999"
        assert kept.left_out_bytes == 0


def test_the_beginning_and_the_end_are_kept(shown):
    with seen_by(shown):
        captured = started(limit_bytes=1000)
        for i in range(10_000):
            print(f"line {i}")
        kept = captured.stop()
        lines = kept.text.splitlines()
        assert lines[0] == "line 0"
        assert lines[-1] == "line 9999"
        gap = next(i for i, line in enumerate(lines) if line.startswith("[… "))
        assert lines[gap] == f"[… {kept.left_out_bytes:,} bytes left out …]"
        assert all(line.startswith("line ") for i, line in enumerate(lines) if i != gap)
        shown_in_parts = kept.text.replace(f"{lines[gap]}\n", "")
        assert len(shown_in_parts) + kept.left_out_bytes == kept.stdout_bytes == len(shown.out.getvalue())
        assert 900 < len(shown_in_parts) <= 1000


@pytest.mark.parametrize("letter", ["a", "ö", "🎉"])
def test_one_endless_line(shown, letter):
    with seen_by(shown):
        captured = started(limit_bytes=1000)
        for _ in range(1000):
            sys.stdout.write(letter * 300)
        kept = captured.stop()
        size = 300_000 * len(letter.encode())
        assert kept.stdout_bytes == size
        assert len(kept.text.encode()) < 1100
        assert kept.left_out_bytes == pytest.approx(size - 1000, abs=10)
        assert set(kept.text.replace(f"\n[… {kept.left_out_bytes:,} bytes left out …]\n", "")) == {letter}


def test_memory_stays_bounded(monkeypatch):
    class Nowhere:
        def write(self, text):
            return len(text)

    monkeypatch.setattr(sys, "stdout", Nowhere())
    captured = started(limit_bytes=100_000)
    tracemalloc.start()
    try:
        for _ in range(300):
            sys.stdout.write("x" * 100_000)
            sys.stdout.write("y\n" * 10)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert captured.stop().left_out_bytes > 29_000_000
    assert peak < 5_000_000


@given(st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.text()), max_size=50), st.integers(0, 200))
def test_whatever_is_printed_is_taken(writes, limit):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        captured = started(limit)
        for name, text in writes:
            getattr(sys, name).write(text)
        kept = captured.stop()
    printed = {name: "".join(text for one, text in writes if one == name) for name in ("stdout", "stderr")}
    assert (out.getvalue(), err.getvalue()) == (printed["stdout"], printed["stderr"])
    assert kept.stdout_bytes == len(printed["stdout"].encode())
    assert len(kept.text.encode()) <= limit + 60
    if "\r" not in "".join(printed.values()) + "\x1b" and not kept.left_out_bytes and not printed["stderr"]:
        assert kept.text == printed["stdout"]


def test_a_plain_script():
    """Its streams are of C, and the interpreter's."""
    code = (
        "import sys; from mlops_jupyter.faces.captured import CapturedOutput\n"
        "captured = CapturedOutput(); captured.start()\n"
        "print('out'); print('err', file=sys.stderr); kept = captured.stop()\n"
        "print(repr(kept.text))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("out\n'out\\nerr\\n'\n", "err\n")


# As a tracked cell does it: begun within the cell, ended in the event at its end.
START = """\
from mlops_jupyter.faces.captured import CapturedOutput
import os, subprocess, sys, threading, time
captured = CapturedOutput(); captured.start()
def stop(result):
    # Cells that run within this one tell of their end too.
    if "captured = Capt" not in result.info.raw_cell:
        return
    global kept
    kept = captured.stop()
    get_ipython().events.unregister("post_run_cell", stop)
get_ipython().events.register("post_run_cell", stop)
"""


@pytest.fixture
def notebook(start_kernel, monkeypatch):
    # ipykernel reads the file descriptors only where it believes that no pytest does.
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    return start_kernel(load=False)


def kept_in(notebook) -> str:
    return json.loads(notebook.run("import json; print(json.dumps(kept.text))").stdout)


def test_a_cell_looks_as_ever(notebook):
    body = (
        "print('a'); print('b', file=sys.stderr)\n"
        "thread = threading.Thread(target=print, args=('c',)); thread.start(); thread.join()\n"
    )
    for _ in range(2):
        reply = notebook.run(START + body)
        assert (reply.status, reply.stdout, reply.stderr) == ("ok", "a\nc\n", "b\n")
        assert kept_in(notebook) == "a\nb\nc\n"


def test_capture_within_a_cell(notebook):
    body = (
        "from IPython.utils.capture import capture_output\n"
        "with capture_output() as mine: print('mine')\n"
        "print('ours')\n"
        "get_ipython().run_cell_magic('capture', 'too', 'print(1)')\n"
        "print(mine.stdout + too.stdout, end='')\n"
    )
    assert notebook.run(START + body).stdout == "ours\nmine\n1\n"
    assert kept_in(notebook) == "ours\nmine\n1\n"


def test_a_cell_within_a_cell(notebook):
    second = (
        START.replace("captured", "second").replace("faces.second", "faces.captured").replace("kept", "second_kept")
    )
    body = f"print('a')\nget_ipython().run_cell({second + 'print(2)'!r})\nprint('b')\n"
    reply = notebook.run(START.replace("stop(r", "stop_first(r").replace('cell", stop)', 'cell", stop_first)') + body)
    assert (reply.status, reply.stdout) == ("ok", "a\n2\nb\n")
    assert kept_in(notebook) == "a\n2\nb\n"
    assert notebook.run("print(repr(second_kept.text))").stdout == "'2\\n'\n"


def test_shell_lines_and_other_programs(notebook):
    # What another program writes to the descriptor comes through a thread of ipykernel's.
    body = (
        "!echo shell\n"
        "subprocess.run(['echo', 'program'])\n"
        "end = time.monotonic() + 20\n"
        "while not any('program' in text for _, text in captured._waiting) and time.monotonic() < end:\n"
        "    time.sleep(0.01)\n"
    )
    assert "program" in notebook.run(START + body).stdout
    assert kept_in(notebook) == "shell\nprogram\n"


def test_an_interrupted_cell(notebook):
    # The cue carries the first dot: a loop that is interrupted before its first turn prints none.
    loop = "print('begun\\n.', end='', flush=True)\nwhile True: print('.', end=''); time.sleep(0.001)\n"
    reply = notebook.run(START + loop, interrupt_when="begun")
    assert reply.ename == "KeyboardInterrupt"
    assert notebook.run("print('!')").stdout == "!\n"
    assert kept_in(notebook).rstrip(".") == "begun\n"
    assert len(kept_in(notebook)) > len("begun\n")
