"""What a cell prints, kept besides being shown.

The stream objects stay where they are: only their ``write`` is watched. So everything that reaches the user is
kept, whoever holds the stream (threads, log handlers, and in a kernel also the thread that reads what other
programs write to the file descriptors), and what a ``%%capture`` or `contextlib.redirect_stdout` takes away is not.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

# So many writes, or one so long, and they are put in order; before, a write costs one append.
_WRITES_WAITING = 512
_LONG_WRITE = 16_384
# A line without an end is cut into pieces of this length, so that it stays bounded too.
_LONG_LINE = 65_536
# Colours and cursor movements of a terminal, links and titles.
_TERMINAL_CODES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")

STDOUT, STDERR = 0, 1


class Output(NamedTuple):
    """What was printed: the text in order, how much came from either stream, and how much of it is left out."""

    text: str
    stdout_bytes: int
    stderr_bytes: int
    left_out_bytes: int


class _Watch:
    """Tells listeners what is written to one stream."""

    def __init__(self, stream: Any) -> None:
        self.listeners: tuple[Callable[[str], None], ...] = ()
        self._stream = stream
        self._write: Callable[[str], Any] = stream.write
        self._watched = self.write
        stream.write = self._watched

    def write(self, text: str) -> Any:
        """Write as the stream does; what it refused has not been seen by anybody."""
        answer = self._write(text)
        # A stream of another make may take what is no text.
        if isinstance(text, str):
            for listener in self.listeners:
                listener(text)
        return answer

    def end(self) -> None:
        """Leave the stream as it was; one that another watches by the same means keeps us, who tell nobody."""
        if vars(self._stream).get("write") != self._watched:
            return
        del self._stream.write
        if self._stream.write != self._write:
            # It had a `write` of its own already.
            self._stream.write = self._write


# The streams that are watched now, by their identity; the watch keeps its stream alive.
_watches: dict[int, _Watch] = {}
_watching = threading.Lock()


def _listen(stream: Any, listener: Callable[[str], None]) -> bool:
    with _watching:
        watch = _watches.get(id(stream))
        if watch is None:
            try:
                watch = _watches[id(stream)] = _Watch(stream)
            except (AttributeError, TypeError):
                # No stream at all (pythonw), or one whose methods cannot be replaced.
                return False
        watch.listeners = (*watch.listeners, listener)
        return True


def _leave(stream: Any, listener: Callable[[str], None]) -> None:
    with _watching:
        watch = _watches[id(stream)]
        watch.listeners = tuple(one for one in watch.listeners if one != listener)
        if not watch.listeners:
            watch.end()
            del _watches[id(stream)]


class CapturedOutput:
    """What is written to standard output and standard error between `start` and `stop`.

    Lines stand in the order in which they were ended, both streams together; of a line that was overwritten after a
    carriage return, as progress bars do, only the last state is kept. When there is more than the limit, its first and
    last parts are kept. Two may overlap, nested or not.

    Parameters
    ----------
    limit_bytes
        How much text is kept.
    """

    def __init__(self, limit_bytes: int = 1_000_000) -> None:
        self._output: Output | None = None
        self._waiting: deque[tuple[int, str]] = deque()
        self._lines = ["", ""]
        self._bytes = [0, 0]
        self._kept = _HeadAndTail(limit_bytes)
        self._ordering = threading.Lock()
        self._watched: list[tuple[Any, Callable[[str], None]]] = []

    def start(self) -> None:
        """Begin with what `sys.stdout` and `sys.stderr` are now."""
        for stream, listener in ((sys.stdout, self._heard_stdout), (sys.stderr, self._heard_stderr)):
            if _listen(stream, listener):
                self._watched.append((stream, listener))

    def stop(self) -> Output:
        """End, and return what was written; a second time returns the same."""
        while self._watched:
            _leave(*self._watched.pop())
        with self._ordering:
            if self._output is None:
                self._put_in_order()
                # What a bar wrote over itself at its end, to vanish, is nothing.
                unended = ["" if line.endswith("\r") and line.isspace() else line.rstrip("\r") for line in self._lines]
                self._kept.add("\n".join(filter(None, unended)))
                self._output = Output(self._kept.text(), self._bytes[STDOUT], self._bytes[STDERR], self._kept.left_out)
        return self._output

    def _heard_stdout(self, text: str) -> None:
        self._waiting.append((STDOUT, text))
        if len(text) > _LONG_WRITE or len(self._waiting) >= _WRITES_WAITING:
            self._try_to_order()

    def _heard_stderr(self, text: str) -> None:
        self._waiting.append((STDERR, text))
        if len(text) > _LONG_WRITE or len(self._waiting) >= _WRITES_WAITING:
            self._try_to_order()

    def _try_to_order(self) -> None:
        # Another thread, or this one before a signal interrupted it, may be at it: then it will see this text too.
        if self._ordering.acquire(blocking=False):
            try:
                self._put_in_order()
            finally:
                self._ordering.release()

    def _put_in_order(self) -> None:
        pieces: list[str] = []
        stream = STDOUT
        while self._waiting:
            of, text = self._waiting.popleft()
            if of != stream:
                self._add(stream, pieces)
                pieces, stream = [], of
            pieces.append(text)
        self._add(stream, pieces)

    def _add(self, stream: int, pieces: list[str]) -> None:
        """Keep the lines that are complete now."""
        text = "".join(pieces)
        self._bytes[stream] += _size(text)
        text = self._lines[stream] + text
        ended = text.rfind("\n") + 1
        self._kept.add(_collapsed(text[:ended]))
        # A bar that is drawn again and again stays as long as its last state.
        rest = _collapsed(text[ended:])
        if len(rest) > _LONG_LINE:
            self._kept.add(rest)
            rest = ""
        self._lines[stream] = rest


def _collapsed(text: str) -> str:
    """Drop what was overwritten; a carriage return at the very end may yet become an end of line."""
    if "\r" not in text:
        return text
    *ended, last = text.split("\n")
    shown = last.rstrip("\r")
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in ended]
    return "\n".join([*lines, shown.rpartition("\r")[2] + ("\r" if shown != last else "")])


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


class _HeadAndTail:
    """The first and the last part of a text, each up to half of a limit."""

    def __init__(self, limit_bytes: int) -> None:
        self.left_out = 0
        self._half = limit_bytes // 2
        self._head: list[str] = []
        self._head_room = self._half
        self._tail: deque[str] = deque()
        self._tail_bytes = 0

    def add(self, text: str) -> None:
        text = _TERMINAL_CODES.sub("", text) if "\x1b" in text else text
        if self._head_room and text:
            first = _first(text, self._head_room)
            self._head.append(first)
            # What follows a text that did not fit must not stand before its rest.
            self._head_room = self._head_room - _size(first) if len(first) == len(text) else 0
            text = text[len(first) :]
        if not text:
            return
        self._tail.append(text)
        self._tail_bytes += _size(text)
        while self._tail_bytes > self._half:
            over = self._tail_bytes - self._half
            oldest = self._tail.popleft()
            size = _size(oldest)
            if size > over:
                rest = _last(oldest, size - over)
                self._tail.appendleft(rest)
                size -= _size(rest)
            self._tail_bytes -= size
            self.left_out += size

    def text(self) -> str:
        head, tail = "".join(self._head), "".join(self._tail)
        if not self.left_out:
            return head + tail
        lines_end = "" if head.endswith("\n") or not head else "\n"
        return f"{head}{lines_end}[… {self.left_out:,} bytes left out …]\n{tail}"


def _first(text: str, room: int) -> str:
    """Return as much of the beginning as there is room for, whole lines if possible."""
    if _size(text) <= room:
        return text
    part = text.encode(errors="surrogatepass")[:room].decode(errors="ignore")
    return part[: part.rfind("\n") + 1] or part


def _last(text: str, room: int) -> str:
    """Return as much of the end as there is room for, whole lines if possible."""
    part = text.encode(errors="surrogatepass")[-room:].decode(errors="ignore") if room else ""
    return part[part.find("\n") + 1 :] or part
