"""Files sketched by several processes at once, each of which reads its own pieces; the sketches are merged.

This module is also what such a process runs: it is told pieces as lines of JSON, and answers with messages.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

from ...errors import ConfigurationError, MlopsError
from ..conditions import Condition
from ..cores import usable
from .files import Piece, TableFiles, sketch
from .profiles import Profile
from .quantities import SKETCH_SIZE

# Fewer values are sketched sooner than another process has started.
_VALUES_A_PROCESS = 8_000_000
_LOOK_S = 0.2
_HEAD = struct.Struct("<cI")
_VALUES, _PROFILE, _FAILED = b"v", b"p", b"f"


def profile_of(
    files: TableFiles,
    columns: Sequence[str],
    like: Profile,
    *,
    segments: Sequence[Condition] = (),
    processes: int | None = None,
    told: Callable[[int], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Profile:
    """Return the profile of files.

    Parameters
    ----------
    files
        The files.
    columns
        The columns to look at.
    like
        An empty profile whose kinds are taken; other columns are what their first values are.
    segments
        Looks only at rows that lie in all of these.
    processes
        How many processes at once; else as many as there are cores and enough to do.
    told
        Hears how many more values were looked at.
    cancelled
        Whether to stop; then what was sketched so far is returned.

    Raises
    ------
    ConfigurationError
        When a file cannot be read.
    """
    most = processes if processes is not None else _processes(files, len(columns))
    waiting: SimpleQueue[Piece] = SimpleQueue()
    count = 0
    for piece in files.pieces(columns, most):
        waiting.put(piece)
        count += 1
    made = like.like(columns, size=files.sketch_size)
    with _others(min(most, count) - 1, like, segments) as others:
        # Threads only note how far their processes are: whoever is told may write to a screen.
        heard: SimpleQueue[int] = SimpleQueue()
        threads = [_Asking(other, waiting, heard.put, cancelled) for other in others]
        for thread in threads:
            thread.start()
        for piece in _left(waiting, cancelled):
            sketch(piece, made, segments, lambda count: told(count + _drained(heard)))
        for thread in threads:
            while thread.is_alive():
                thread.join(_LOOK_S)
                told(_drained(heard))
            made.merge(thread.result())
        told(_drained(heard))
    return made


def _drained(heard: SimpleQueue[int]) -> int:
    total = 0
    while not heard.empty():
        total += heard.get_nowait()
    return total


def _processes(files: TableFiles, columns: int) -> int:
    cores = usable()
    if files.sketch_size > SKETCH_SIZE:
        return 1
    if files.rows is None:
        return min(cores, len(files.files))
    return max(1, min(cores, files.rows * columns // _VALUES_A_PROCESS))


def _left(waiting: SimpleQueue[Piece], cancelled: Callable[[], bool]) -> Iterator[Piece]:
    while not cancelled():
        try:
            yield waiting.get_nowait()
        except Empty:
            return


@contextmanager
def _others(count: int, like: Profile, segments: Sequence[Condition]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start processes, and end them in any case."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(count):
            # Safe path: a file of the project that is called like a module of Python's is not imported there.
            command = [sys.executable, "-P", "-m", __name__]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            started.append(process)
            _line(
                process.stdin,
                {"kinds": {name: column.kind for name, column in like.columns.items()}, "segments": list(segments)},
            )
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


class _Asking(threading.Thread):
    """Gives one process pieces as long as there are any, then gets its profile."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        waiting: SimpleQueue[Piece],
        told: Callable[[int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        super().__init__(daemon=True)
        self._process, self._waiting, self._told, self._cancelled = process, waiting, told, cancelled
        self._profile: Profile | None = None
        self._failed: BaseException | None = None

    def run(self) -> None:
        try:
            for piece in _left(self._waiting, self._cancelled):
                _line(self._process.stdin, {"piece": piece})
                self._hear(_VALUES)
            _line(self._process.stdin, {})
            self._profile = Profile.from_bytes(self._hear(_PROFILE))
        except BaseException as failed:  # noqa: BLE001 -- it is raised where the others' results are awaited
            self._failed = failed

    def result(self) -> Profile:
        """Return what the process has sketched, of a thread that has ended."""
        if isinstance(self._failed, MlopsError):
            raise self._failed
        if self._profile is None:
            raise ConfigurationError(
                f"a process that read files has ended: {self._failed}", "try again"
            ) from self._failed
        return self._profile

    def _hear(self, wanted: bytes) -> bytes:
        """Return the next message of a kind; a message of values that says 0 ends a piece."""
        out: Any = self._process.stdout
        while True:
            kind, length = _HEAD.unpack(_read(out, _HEAD.size))
            data = _read(out, length)
            if kind == _FAILED:
                raise ConfigurationError(*json.loads(data))
            if kind == _VALUES and (count := int.from_bytes(data, "little")):
                self._told(count)
            elif kind == wanted:
                return data


def _line(to: Any, said: dict[str, Any]) -> None:
    to.write(json.dumps(said).encode() + b"\n")
    to.flush()


def _read(out: BinaryIO, count: int) -> bytes:
    data = out.read(count)
    if len(data) < count:
        raise EOFError("it said nothing more")
    return data


def serve(lines: Iterable[bytes], answer: Callable[[bytes, bytes], None]) -> None:
    """Do what a process of this module is told, line by line."""
    said = iter(lines)
    begun = json.loads(next(said))
    profile = Profile(begun["kinds"])
    segments = [Condition(*one) for one in begun["segments"]]
    for line in said:
        task = json.loads(line)
        if "piece" not in task:
            answer(_PROFILE, profile.to_bytes())
            return
        file, groups, columns, counts = task["piece"]
        piece = Piece(file, None if groups is None else tuple(groups), tuple(columns), counts)
        try:
            sketch(piece, profile, segments, lambda count: answer(_VALUES, count.to_bytes(8, "little")))
        except MlopsError as error:
            answer(_FAILED, json.dumps([error.message, error.hint]).encode())
            return
        answer(_VALUES, bytes(8))


def main() -> None:
    """Serve the process that has started this one, which holds both ends."""
    with os.fdopen(os.dup(1), "wb") as out, os.fdopen(0, "rb", closefd=False) as lines:
        # Whatever else is written in this process goes where errors go.
        os.dup2(2, 1)

        def answer(kind: bytes, data: bytes) -> None:
            out.write(_HEAD.pack(kind, len(data)) + data)
            out.flush()

        serve(iter(lines.readline, b""), answer)


if __name__ == "__main__":
    main()
