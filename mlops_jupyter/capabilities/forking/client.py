"""The client of a fork server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..whole_files import file_mask
from .request import circumstances
from .wire import Channel, Closed, Message

_SERVER = "mlops_jupyter.capabilities.forking.server"
_BACKLOG = 64
_GONE = "the warm process has ended"


class Refusal(NamedTuple):
    """Why a server forks nothing, in words that end a sentence; a normal start does it."""

    reason: str


def supported() -> bool:
    """Tell whether there can be a fork server here."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


class Forked:
    """A child of a fork server, as `subprocess.Popen` has one. It ends when nothing refers to this object any more.

    Several threads may use it at once.

    Attributes
    ----------
    pid
        Its process id, which is also that of its process group and session.
    returncode
        How it ended, as of a `subprocess.Popen`; ``None`` as long as nobody has asked.
    left_out
        What was to be imported for it and was not, and why: it imports that itself.
    lost
        Whether it ended because its server has ended.
    """

    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None

    def __init__(self, channel: Channel, pid: int, left_out: Mapping[str, str]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.left_out = left_out
        self.lost = False
        self._channel = channel
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return the number of a file that can be read when the child has ended."""
        return self._channel.fileno()

    def poll(self) -> int | None:
        """Return how it ended, ``None`` as long as it runs."""
        with self._lock:
            while self.returncode is None and select.select([self._channel], [], [], 0)[0]:
                self._hear()
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises
        ------
        subprocess.TimeoutExpired
            When it has not ended in time.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            select.select([self._channel], [], [], left)
        return code

    def send_signal(self, sig: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        self.send_signal(signal.SIGKILL)

    def heed(self, messages: Sequence[Message]) -> None:
        """Take what the server tells of it after its beginning: its end."""
        for message in messages:
            self.returncode = message.body["ended"]

    def _hear(self) -> None:
        try:
            self.heed(self._channel.receive())
        except Closed:
            # The server is gone, and each child goes with its server.
            self.lost = True
            self.returncode = -signal.SIGKILL

    def __del__(self) -> None:
        self._channel.close()


class ForkServer:
    """A server that is there; every call makes a connection of its own, so that threads need not wait for one another.

    Parameters
    ----------
    path
        Its socket.
    process
        The server itself, when it is this process that owns it.
    owning
        The file by whose end the server knows that its owner is gone.
    """

    def __init__(self, path: Path, process: subprocess.Popen[bytes] | None = None, owning: int | None = None) -> None:
        self.path = path
        self._process = process
        self._owning = owning

    @classmethod
    def connect(cls, path: Path) -> ForkServer | None:
        """Return the server that listens at a socket, ``None`` when there is none."""
        try:
            _connection(path).close()
        except OSError:
            return None
        return cls(path)

    @classmethod
    def start(
        cls,
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        idle_s: float | None = None,
    ) -> ForkServer:
        """Start a server that ends with this process, or at `stop`.

        Parameters
        ----------
        options
            The interpreter's.
        environment
            Its variables; else this process's.
        idle_s
            After how long without use it ends by itself, too; else never.
        """
        folder = Path(tempfile.mkdtemp(prefix="mlops-warm-"))
        path = folder / "socket"
        reading, writing = os.pipe()
        try:
            process = _launch(path, options, environment, owner=reading, idle_s=idle_s, log=folder / "log")
        finally:
            os.close(reading)
        return cls(path, process, writing)

    @classmethod
    def start_lasting(cls, path: Path, *, idle_s: float, log: Path, options: Sequence[str] = ()) -> ForkServer:
        """Return the server at a socket; when there is none, start one that outlives this process.

        Parameters
        ----------
        path
            The socket; its folder is made, for this user alone.
        idle_s
            After how long without use it ends by itself.
        log
            Where it and what it imports may write.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        with path.with_suffix(".lock").open("w") as lock:
            # Two commands at once must not start two.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (found := cls.connect(path)) is not None:
                return found
            path.unlink(missing_ok=True)
            _launch(path, options, None, owner=None, idle_s=idle_s, log=log)
        return cls(path)

    def fork(
        self,
        entry: str,
        *,
        imports: Sequence[str] = (),
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        fds: tuple[int | None, int | None, int | None] = (0, 1, 2),
        options: Sequence[str] | None = None,
        at_once: bool = False,
    ) -> Forked | Refusal:
        """Fork a child that has imported what it is said to need.

        Parameters
        ----------
        entry
            ``module:function``: what the child calls; what it returns is its exit code, ``None`` is 0.
        imports
            Names of modules.
        arguments
            Its ``sys.argv``.
        environment
            All of its variables; else this process's.
        cwd
            Its working directory; else this process's.
        fds
            Its standard input, output and error; ``None`` is the null device.
        options
            The interpreter's options that it would be started with; ``None`` when they do not matter.
        at_once
            Whether to be refused rather than to wait for imports.
        """
        directory = Path.cwd() if cwd is None else cwd
        if not directory.is_dir():
            return Refusal(f"there is no directory {directory}")
        request = circumstances(
            os.environ if environment is None else environment, None if options is None else tuple(options)
        )
        request |= {
            "do": "fork",
            "entry": entry,
            "imports": tuple(imports),
            "arguments": [*arguments] or [entry],
            "cwd": str(directory.absolute()),
            "mask": file_mask(),
            "at_once": at_once,
        }
        try:
            channel = _connection(self.path)
        except OSError:
            return Refusal(_GONE)
        with _files(fds) as files:
            try:
                channel.send(request, files)
                answer, *more = _next(channel)
            except Closed:
                channel.close()
                return Refusal(_GONE)
        if "refused" in answer.body:
            channel.close()
            return Refusal(answer.body["refused"])
        child = Forked(channel, answer.body["forked"], answer.body["left_out"])
        # Of one that has ended at once.
        child.heed(more)
        return child

    def prepare(self, entry: str, imports: Sequence[str] = (), *, wait: bool = False) -> bool:
        """Have the imports begin, and wait for them only when told to; tell whether the server is there."""
        return self._ask({"do": "prepare", "entry": entry, "imports": tuple(imports), "wait": wait}) is not None

    def state(self) -> dict[str, Any] | None:
        """Return what the server says of itself, ``None`` when it has ended."""
        return self._ask({"do": "state"})

    def stop(self) -> None:
        """End the server and all its children; return when it has ended."""
        self._ask({"do": "stop"}, last=True)
        if self._owning is not None:
            os.close(self._owning)
            self._owning = None
        if self._process is not None:
            self._process.wait()
            # It does that itself, unless it was killed.
            shutil.rmtree(self.path.parent, ignore_errors=True)

    def _ask(self, request: dict[str, Any], *, last: bool = False) -> dict[str, Any] | None:
        try:
            channel = _connection(self.path)
        except OSError:
            return None
        try:
            channel.send(request)
            answer = _next(channel)[0].body
            while last:
                _next(channel)
        except Closed:
            return None
        finally:
            channel.close()
        return answer


def _next(channel: Channel) -> list[Message]:
    """Wait for the next message; several may come at once."""
    while not (messages := channel.receive()):
        pass
    return messages


@contextlib.contextmanager
def _files(fds: Sequence[int | None]) -> Any:
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield [null if fd is None else fd for fd in fds]
    finally:
        os.close(null)


@contextlib.contextmanager
def _address(path: Path) -> Any:
    """Name a socket however deep it lies: the kernel takes some hundred letters and no more."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _connection(path: Path) -> Channel:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            stream.connect(address)
    except OSError:
        stream.close()
        raise
    return Channel(stream)


def _launch(
    path: Path,
    options: Sequence[str],
    environment: Mapping[str, str] | None,
    *,
    owner: int | None,
    idle_s: float | None,
    log: Path,
) -> subprocess.Popen[bytes]:
    """Start a base on a socket that listens already: whoever connects from now on is served."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening, contextlib.ExitStack() as stack:
        with _address(path) as address:
            listening.bind(address)
        path.chmod(0o600)
        listening.listen(_BACKLOG)
        told = {"listening": listening.fileno(), "owner": owner, "idle_s": idle_s, "path": str(path)}
        out = stack.enter_context(log.open("ab"))
        return subprocess.Popen(
            [sys.executable, *options, "-m", _SERVER, json.dumps(told)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=path.parent,
            env=environment,
            pass_fds=[file for file in (listening.fileno(), owner) if file is not None],
            # A terminal's Ctrl-C is for the owner, who decides what becomes of its children.
            start_new_session=True,
        )
