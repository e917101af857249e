"""Processes that go on when whoever has started them has ended: endpoints, the shipper, servers of pages.

A session of its own keeps such a process from a terminal's Ctrl-C, and from a manager that ends its kernel's group.
VS Code looks further: it signals whatever descends from the kernel that is interrupted, restarted or closed. So it is
nobody's child, either: what starts it ends at once, and the system adopts it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from .interrupts import held
from .processes import ProcessId, end, identify, lives

_POLL_S = 0.1
# Tells its number, or that of the error, on standard output; the process itself says all on standard error. It begins
# with the signals as they come, which an interpreter changes.
_STEP = f"""
import os, sys
try:
    print(os.posix_spawnp(
        sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)],
        setsid=True, setsigdef=[{signal.SIGPIPE:d}, {signal.SIGXFSZ:d}],
    ))
except OSError as error:
    print(-error.errno)
"""


def start(
    command: Sequence[str],
    out: IO[bytes] | IO[str] | int,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> ProcessId:
    """Start a process that outlives this one, in a session of its own.

    Parameters
    ----------
    command
        The program's path, and its arguments.
    out
        A file, or its number, for all that it says.
    cwd, env
        Its directory and its environment; those of this process unless told.

    Returns
    -------
    ProcessId
        It; one that has ended already cannot be found any more.

    Raises
    ------
    OSError
        When the system starts no such process.

    Notes
    -----
    An interrupt meanwhile ends it.
    """
    # A fork of this process would have its threads' locks: a fresh interpreter, without anything else, takes the step.
    step = [sys.executable, "-I", "-S", "-c", _STEP, *command]
    pid = 0
    try:
        with held():
            done = subprocess.run(
                step, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out, cwd=cwd, env=env, check=True,
                # Nor does a signal for this process's group come between.
                start_new_session=True,
            )  # fmt: skip
            pid = int(done.stdout)
    except BaseException:
        # Interrupted: nobody would know of it.
        if pid > 0 and (left := identify(pid)) is not None:
            end(left, 0)
        raise
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid), command[0])
    return identify(pid) or ProcessId(pid, "")


def answers(
    process: ProcessId,
    asked: Callable[[], bool],
    limit_s: float,
    waiting: Callable[[float, float], None] = lambda _passed, _limit: None,
) -> bool:
    """Wait until a server that was started answers; end one that does not in time, and tell whether it does.

    Parameters
    ----------
    process
        The server's.
    asked
        Asks it, and tells whether it has answered.
    limit_s
        How many seconds it has.
    waiting
        Told (seconds so far, seconds at the most) while it does not answer.
    """
    began = time.monotonic()
    while not asked():
        passed = time.monotonic() - began
        if not lives(process) or passed > limit_s:
            end(process, 0)
            return False
        waiting(passed, limit_s)
        time.sleep(_POLL_S)
    return True
