"""A process as the supervisor that started it sees it, and a worker: the socket to it, and what it has said."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..capabilities.endpoints.lines import LineBuffer, line
from ..capabilities.endpoints.state import WorkerState, WorkerStatus
from ..capabilities.processes import identify
from .log_file import Lines, LogFile

WORKER = "mlops_jupyter.serving.worker"
_READ = 65536
_FIRST_DELAY_S, _LONGEST_DELAY_S, _HEALTHY_S = 0.5, 30.0, 60.0
_ERROR = re.compile(r"(\w+\.)*\w*(Error|Exception|Interrupt|Exit)\b")


class Child:
    """One process that is started again when it ends.

    Parameters
    ----------
    command
        What is started, without the interpreter.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self.process: subprocess.Popen[bytes] | None = None
        self.started = ""
        self.output = -1
        self.handle = -1
        self.due_at = 0.0
        self._delay_s = _FIRST_DELAY_S
        self._since = 0.0
        self._lines = Lines()
        self.last_words: deque[str] = deque(maxlen=40)

    @property
    def pid(self) -> int:
        """Its process's number, 0 while there is none."""
        return 0 if self.process is None else self.process.pid

    def start(self, pass_fds: Sequence[int] = (), more: Sequence[str] = (), cwd: Path | None = None) -> None:
        """Start the process."""
        reading, writing = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, *self._command, *more],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                cwd=cwd,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                pass_fds=tuple(pass_fds),
            )
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        self.output, self.handle = reading, os.pidfd_open(self.process.pid)
        found = identify(self.process.pid)
        self.started = "" if found is None else found.started
        self._since = time.monotonic()
        self._lines = Lines()
        self.last_words.clear()

    def printed(self) -> tuple[list[str], bool]:
        """Return the lines that it has printed since the last call, and whether there may be more."""
        try:
            data = os.read(self.output, _READ)
        except BlockingIOError:
            return [], True
        lines = self._lines.feed(data)
        self.last_words.extend(filter(None, (one.strip() for one in lines)))
        return lines, bool(data)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, if it is there."""
        if self.process is not None:
            self.process.send_signal(number)

    def ended(self) -> str:
        """Take leave of a process that has ended; return how it did, in words."""
        if self.process is None:
            return ""
        code = self.process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"
        if time.monotonic() - self._since > _HEALTHY_S:
            self._delay_s = _FIRST_DELAY_S
        self.due_at = time.monotonic() + self._delay_s
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        for file in (self.output, self.handle):
            os.close(file)
        self.process, self.output, self.handle, self.started = None, -1, -1, ""
        return how

    def reason(self) -> str:
        """Return the last error that it printed, else the last that it said at all."""
        errors = [one for one in self.last_words if _ERROR.match(one)]
        return (errors or list(self.last_words) or [""])[-1]


class Output:
    """Puts into the log what processes print.

    Parameters
    ----------
    log
        The log.
    selector
        Where their pipes are watched.
    """

    def __init__(self, log: LogFile, selector: selectors.BaseSelector) -> None:
        self.log, self._selector = log, selector

    def watch(self, child: Child) -> None:
        """Begin with a process that has just started."""
        self._selector.register(child.output, selectors.EVENT_READ, lambda: self._read(child))

    def rest(self, child: Child) -> None:
        """Take what a process that has ended had still to say."""
        while child.output in self._selector.get_map() and self._read(child):
            pass
        if child.output in self._selector.get_map():
            self._selector.unregister(child.output)

    def _read(self, child: Child) -> bool:
        lines, more = child.printed()
        for one in lines:
            self.log.write(one, child.pid)
        if not more:
            self._selector.unregister(child.output)
        return more and bool(lines)


class Worker(Child):
    """A worker of an endpoint.

    Parameters
    ----------
    module
        The module of its process.
    state
        The endpoint's folder.
    listening
        The socket that it answers at.
    """

    def __init__(self, module: str, state: Path, listening: socket.socket) -> None:
        super().__init__(["-P", "-m", module, str(state)])
        self._listening = listening
        self.status: WorkerStatus = "waiting"
        self.control: socket.socket | None = None
        self.heard_at = 0.0
        self.failed: str | None = None
        self.snapshot: dict[str, Any] | None = None
        self.plan_number = 0
        self._buffer = LineBuffer()

    def begin(self, plan_number: int, cwd: Path) -> None:
        """Start the process with the plan as it is now."""
        ours, theirs = socket.socketpair()
        try:
            files = (self._listening.fileno(), theirs.fileno())
            self.start(files, [str(one) for one in files], cwd)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.settimeout(0)
        self.control, self._buffer = ours, LineBuffer()
        self.status, self.failed, self.snapshot = "starting", None, None
        self.plan_number, self.heard_at = plan_number, time.monotonic()

    def tell(self, message: dict[str, Any]) -> None:
        """Tell it something; one that is gone, or that hears no more, will be noticed by its end or its pulse."""
        if self.control is not None:
            try:
                self.control.send(line(message))
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                return

    def heard(self) -> tuple[list[dict[str, Any]], bool]:
        """Return what it has said since the last call, and whether there may be more."""
        if self.control is None:
            return [], False
        try:
            data = self.control.recv(_READ)
        except BlockingIOError:
            return [], True
        except ConnectionResetError:
            return [], False
        self.heard_at = time.monotonic()
        try:
            return self._buffer.feed(data), bool(data)
        except ValueError:
            # Something in it writes where it should not: it is of no use any more.
            self.kill()
            return [], False

    def leave(self) -> str:
        """Take leave of its process; return how it ended, and why, in words."""
        pid, how = self.pid, self.ended()
        if self.control is not None:
            self.control.close()
        self.control, self.status, self.snapshot = None, "waiting", None
        why = self.failed or self.reason()
        return f"worker {pid} {how}" + (f": {why}" if why else "")

    def told(self) -> WorkerState:
        """Return it as the state file has it."""
        return WorkerState(self.pid, self.started, self.status)
