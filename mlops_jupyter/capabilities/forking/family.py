"""A family: the process that has imported what its children need, and forks them."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

from . import linux
from .fitness import Threads
from .renewal import renew
from .wire import Channel, Closed, Message, close_all

_FIRST_FILE = 3
_MOST_FILES = 1 << 20
# How long a child whose client is gone has to put things in order before it is killed.
_GRACE_S = 3.0
_SIGNALLED = 128


class Wanted(NamedTuple):
    """What a family is for.

    ``entry`` is ``module:function``; the imports are names of modules.
    """

    entry: str
    imports: tuple[str, ...]


class Family:
    """One family, from its fork on; `run` does not return.

    Parameters
    ----------
    stream
        The socket to the base.
    wanted
        What it imports.
    left_out
        Of these imports, those that are known to make a process unfit, and why.
    """

    def __init__(self, stream: socket.socket, wanted: Wanted, left_out: Mapping[str, str]) -> None:
        self._channel = Channel(stream)
        self._wanted = wanted
        self._left_out = dict(left_out)
        self._threads = Threads()
        self._selector = selectors.DefaultSelector()
        # Of each child its process file; and until when those have time that were told to end.
        self._children: dict[int, int] = {}
        self._ending: dict[int, float] = {}

    def run(self, parent: int) -> NoReturn:
        """Import, then fork whenever the base says so, until it is gone."""
        linux.die_with(parent)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with contextlib.suppress(Closed):
            if not self._prepare():
                os._exit(0)
            self._selector.register(self._channel, selectors.EVENT_READ, None)
            while True:
                self._turn()
        for child in self._children:
            self._end(child)
        while self._children:
            with contextlib.suppress(Closed):
                self._turn()
        os._exit(0)

    def _prepare(self) -> bool:
        """Import all, and tell the base whether what came of it can be forked."""
        try:
            objection = self._import_entry()
        except BaseException as error:
            # Nothing of it can be forked, and who asked is told why.
            self._channel.send({"unfit": {"": f"{self._wanted.entry}: {type(error).__name__}: {error}"}})
            raise
        unfit = {name: reason for name in self._wanted.imports if (reason := self._import(name, objection))}
        found = self._threads.left_behind()
        if found is not None:
            unfit.setdefault("", f"an import leaves {found} behind")
        if unfit:
            self._channel.send({"unfit": unfit})
            return False
        gc.collect()
        # What is there now is never looked at by a child's collector: its pages stay shared.
        gc.freeze()
        self._channel.send({"ready": True, "left_out": self._left_out})
        return True

    def _import_entry(self) -> Callable[[str], str | None]:
        """Import the module of the entry, which may have a say in what else is imported.

        ``LEFT_TO_CHILDREN`` has the reasons why packages are not imported at all; ``before_imports()`` is called once,
        and ``objection(name)`` after each import.
        """
        module = import_module(self._wanted.entry.partition(":")[0])
        never: Mapping[str, str] = getattr(module, "LEFT_TO_CHILDREN", {})
        for name in self._wanted.imports:
            if (package := name.partition(".")[0]) in never:
                self._left_out[name] = never[package]
        getattr(module, "before_imports", lambda: None)()
        if (found := self._threads.left_behind()) is not None:
            raise RuntimeError(f"{module.__name__} leaves {found} behind")
        objection: Callable[[str], str | None] = getattr(module, "objection", lambda _name: None)
        return objection

    def _import(self, name: str, objection: Callable[[str], str | None]) -> str | None:
        if name in self._left_out:
            return None
        try:
            import_module(name)
        except BaseException as error:  # noqa: BLE001 -- whatever it raises, it will raise again where it is wanted
            self._left_out[name] = f"its import fails ({type(error).__name__}: {error})"
        found = self._threads.left_behind()
        return f"it leaves {found} behind" if found is not None else objection(name)

    def _turn(self) -> None:
        now = time.monotonic()
        timeout = max(0.0, min(self._ending.values()) - now) if self._ending else None
        for key, _ in self._selector.select(timeout):
            if key.data is not None:
                self._reap(key.data)
                continue
            try:
                messages = self._channel.receive()
            except Closed:
                self._selector.unregister(self._channel)
                raise
            for message in messages:
                self._do(message)
        for child in [child for child, until in self._ending.items() if until <= time.monotonic()]:
            del self._ending[child]
            _signal_group(child, signal.SIGKILL)

    def _do(self, message: Message) -> None:
        if "end" in message.body:
            if message.body["end"] in self._children:
                self._end(message.body["end"])
            return
        number = message.body["fork"]
        try:
            found = self._threads.left_behind()
            if found is None:
                child = self._fork(message)
                self._channel.send({"forked": number, "pid": child})
            else:
                self._channel.send({"failed": number, "reason": f"there are {found} in the warm process"})
        except OSError as error:
            self._channel.send({"failed": number, "reason": f"the fork failed: {error.strerror}"})
        finally:
            close_all(message.files)

    def _fork(self, message: Message) -> int:
        with warnings.catch_warnings():
            # Python 3.12 warns of any thread; those that are there were looked at.
            warnings.simplefilter("ignore", DeprecationWarning)
            family = os.getpid()
            child = os.fork()
        if child == 0:
            self._become(message, family)
        process = os.pidfd_open(child)
        self._children[child] = process
        self._selector.register(process, selectors.EVENT_READ, child)
        return child

    def _become(self, message: Message, family: int) -> NoReturn:
        """Be the child: nothing of the family's goes on in here."""
        code = 1
        try:
            os.setsid()
            linux.die_with(family)
            for number, file in enumerate(message.files):
                os.dup2(file, number)
            self._channel.close()
            self._selector.close()
            close_all([*self._children.values(), *message.files])
            told = message.body
            renew(told["arguments"], told["environment"], told["cwd"], told["mask"])
            code = run_to_the_end(self._wanted.entry)
        finally:
            os._exit(code)

    def _end(self, child: int) -> None:
        _signal_group(child, signal.SIGTERM)
        self._ending[child] = time.monotonic() + _GRACE_S

    def _reap(self, child: int) -> None:
        _, status = os.waitpid(child, 0)
        process = self._children.pop(child)
        self._selector.unregister(process)
        os.close(process)
        if self._ending.pop(child, None) is not None:
            # What it had started goes with it.
            _signal_group(child, signal.SIGKILL)
        self._channel.send({"ended": child, "status": os.waitstatus_to_exitcode(status)})


def _signal_group(child: int, number: signal.Signals) -> None:
    try:
        os.killpg(child, number)
    except ProcessLookupError:
        # A moment after the fork it has no group of its own yet.
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)


def run_to_the_end(entry: str) -> int:
    """Call an entry and see the process through to its end, but for the interpreter's own taking apart."""
    module, _, function = entry.partition(":")
    try:
        code = _exit_code(getattr(import_module(module), function)())
    except SystemExit as stop:
        code = _exit_code(stop.code)
    except KeyboardInterrupt:
        code = _SIGNALLED + signal.SIGINT
    except BaseException:  # noqa: BLE001 -- as the interpreter itself ends
        traceback.print_exc()
        code = 1
    with contextlib.suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 -- waits for threads that are no daemons
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):  # noqa: TID251 -- nothing is said: what the entry has said is written out
        with contextlib.suppress(Exception):
            stream.flush()
    return code


def _exit_code(answer: Any) -> int:
    if answer is None:
        return 0
    if isinstance(answer, int):
        return answer & 0xFF
    # As the interpreter does with what `sys.exit` was given.
    os.write(2, f"{answer}\n".encode())
    return 1


def close_inherited(keep: Sequence[int]) -> None:
    """Close every open file of this process but the standard streams and those given."""
    start = _FIRST_FILE
    for file in sorted(keep):
        os.closerange(start, file)
        start = file + 1
    os.closerange(start, _MOST_FILES)
