"""The state of a kernel between two cells, kept so that a notebook that fails can go on there.

Before a cell the process forks a copy of itself, which waits: it has the state exactly as it was, whatever the cell
does to it, and it outlives a kernel that is killed. When the cell fails, the copy writes the state to a file; when it
does not, the copy ends. All that hangs or crashes on the way happens in the copy.

The state is the notebook's own names, pickled together by dill so that objects that share stay shared and functions
keep the notebook's names as their globals; beside it the random generators, the working directory, the environment and
the search path. What lives outside the process, such as a connection or an open file, cannot be kept.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import random
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import dill

from .environment_changes import changed

_END = b"x"
_SECONDS, _BYTES = 300, 4 * 1024**3
_OUTSIDE = (io.FileIO, io.BufferedWriter, io.BufferedRandom, io.BufferedReader, socket.socket, threading.Thread)


@dataclass
class Copy:
    """A copy of this process that waits."""

    pid: int
    line: int

    def end(self) -> None:
        """Have it end; it may have ended already."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.line, _END)
        os.close(self.line)
        os.waitpid(self.pid, 0)


class _Told(Exception):
    """The copy has been told to write."""


def hold(write: Callable[[], None]) -> Copy:
    """Fork a copy of this process, which calls ``write`` when it gets SIGUSR1, or when this process is gone."""
    reads, line = os.pipe()
    # Until the copy listens.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    with warnings.catch_warnings():
        # Python warns of threads that the copy does not have; it needs none.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(reads)
        return Copy(pid, line)
    code = 1
    try:
        os.close(line)
        _wait_and(write, reads)
        code = 0
    finally:
        os._exit(code)


def _wait_and(write: Callable[[], None], reads: int) -> None:
    listening = True

    def told(*_: object) -> None:
        # The kernel's end and the word to write come together when it was killed.
        if listening:
            raise _Told

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    try:
        signal.signal(signal.SIGUSR1, told)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        ended = os.read(reads, 1) == _END
        listening = False
        if ended:
            return
    except _Told:
        listening = False
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_SECONDS)
    write()


class _Pickler(dill.Pickler):  # type: ignore[misc]
    def persistent_id(self, value: object) -> None:
        if isinstance(value, _OUTSIDE):
            raise dill.PicklingError(f"a {type(value).__name__} lives outside the process")


def write(namespace: Mapping[str, Any], folder: Path, count: int, before: Mapping[str, str]) -> None:
    """Write the state into a folder, as ``state`` when all of it could be kept, else in words as ``unkept``.

    Parameters
    ----------
    namespace
        The notebook's names.
    folder
        Where to.
    count
        The execution count.
    before
        Digests of the environment as the kernel got it: only what the notebook has changed is written.
    """
    modules = {name: value.__name__ for name, value in namespace.items() if isinstance(value, ModuleType)}
    values = {name: value for name, value in namespace.items() if name not in modules}
    around = {
        "modules": modules,
        "count": count,
        "cwd": str(Path.cwd()),
        "path": list(sys.path),
        "environment": changed(os.environ, before),
        "random": random.getstate(),
        "numpy": sys.modules["numpy"].random.get_state() if "numpy" in sys.modules else None,
    }
    new = folder / "state.new"
    try:
        with new.open("wb") as file:
            new.chmod(0o600)
            pickler = _Pickler(_Bounded(file))
            pickler.dump(around)
            pickler.dump(values)
    except Exception as error:  # noqa: BLE001 -- pickling runs the code of whatever the notebook holds
        new.unlink(missing_ok=True)
        (folder / "unkept").write_text(_culprits(values) or f"{type(error).__name__}: {error}", encoding="utf-8")
        return
    new.rename(folder / "state")


def read(namespace: dict[str, Any], folder: Path) -> int:
    """Put the state from a folder into a namespace and this process, and return the execution count.

    Raises
    ------
    Exception
        Whatever the classes of the values raise; the namespace is as it was then.
    """
    with (folder / "state").open("rb") as file:
        unpickler = dill.Unpickler(file)  # noqa: S301 -- written by this project, readable by its user alone
        around = unpickler.load()
        os.environ.update(around["environment"])
        os.chdir(around["cwd"])
        sys.path[:] = around["path"]
        modules = {name: importlib.import_module(module) for name, module in around["modules"].items()}
        values = unpickler.load()
    namespace.update(modules)
    namespace.update(values)
    random.setstate(around["random"])
    if around["numpy"] is not None:
        importlib.import_module("numpy").random.set_state(around["numpy"])
    return int(around["count"])


def _culprits(values: Mapping[str, Any]) -> str:
    """Name what cannot be kept, and why."""
    said = []
    for name, value in values.items():
        try:
            _Pickler(_Bounded(io.BytesIO())).dump(value)
        except Exception as error:  # noqa: BLE001 -- as above
            kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
            said.append(f"{name} ({kind}): {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    return "; ".join(said)


class _Bounded:
    """A file that takes only so much."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = _BYTES

    def write(self, data: Any) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise OSError(f"the state is larger than {_BYTES / 1024**3:.0f} GB")
        return int(self._file.write(data))
