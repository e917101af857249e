"""The terminal's command ``mlops``: a fork of the project's warm process where one is there, else this process.

What a headless notebook needs takes longer to import than to run. So where ``mlops warm`` keeps a process that has
imported it, ``mlops run`` is a fork of that, with this process's arguments, environment, directory and files; and this
one imports next to nothing and passes signals on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

_ENTRY = "mlops_jupyter.faces.terminal:forked"
_IMPORTS = ("mlops_jupyter.faces.warm.command",)
_STATE = ".mlops"
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> NoReturn:
    """Run one verb and exit as the error tree says."""
    code = _forked() if sys.argv[1:2] == ["run"] and sys.platform == "linux" else None
    if code is None:
        # The third part of a second that the way above does without.
        from .terminal import main as here  # noqa: PLC0415

        here()
    sys.exit(code)


def _forked() -> int | None:
    """Run the command in a fork of the project's warm process; ``None`` when there is none, or it cannot."""
    socket = _socket()
    if socket is None:
        return None
    from ..capabilities.forking import Forked, ForkServer  # noqa: PLC0415 -- as above

    server = ForkServer.connect(socket)
    if server is None:
        return None
    with _held():
        child = server.fork(_ENTRY, imports=_IMPORTS, arguments=sys.argv, options=(), at_once=True)
        if not isinstance(child, Forked):
            return None
        for number in _PASSED_ON:
            signal.signal(number, lambda number, _: child.send_signal(number))
    code = child.wait()
    if code < 0:
        # As a shell tells of a command that a signal has ended.
        return 128 - code
    return code


@contextmanager
def _held() -> Iterator[None]:
    """Hold signals back for a moment: one that comes while the fork is made is passed on to it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)


def _socket() -> Path | None:
    """Return the socket of the nearest project above that has state of ours, if it has one."""
    told = os.environ.get("MLOPS_JUPYTER_ROOT")
    start = Path(told) if told else Path.cwd()
    for folder in (start, *start.parents):
        if (folder / _STATE).is_dir():
            socket = folder / _STATE / "warm" / "socket"
            return socket if socket.exists() else None
    return None
