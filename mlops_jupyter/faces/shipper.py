"""The shipper: ``python -m mlops_jupyter.faces.shipper ROOT``, one process a project, started at need.

It brings what runs have logged to the store, gives the runs of processes that have died their end, and ends itself
when there has been nothing to do for a while.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from .. import settings
from ..capabilities.journal import Journals, Surroundings
from ..capabilities.journal.link import HURRY, PIPE
from ..capabilities.shipping import Shipper
from ..commands import ship, store_variables
from ..commands.project import shipper_command

# A training loop wants the processor more than this process does.
_NICE = 5
_TICK_S, _LONGEST_TICK_S = 0.05, 0.4
# To start anew costs the import of MLflow; with a store that is away and nobody logging, the next session goes on.
_IDLE_S, _WAITING_S = 120.0, 600.0
# So long it takes at the most to end when it is told to.
_STOPPING_S = 3.0
_STATE, _LOCK = "shipper.json", "shipper.lock"
_LOG_BYTES = 1_000_000
# What was left for a store is removed when nothing waits, unless a run may just be being opened.
_FORGET_S = 60.0


class ShipperProcess:
    """One process that ships, of which a project has one at a time.

    Parameters
    ----------
    folder
        The folder of the journals.
    shipper
        What ships them.
    """

    def __init__(self, folder: Path, shipper: Shipper) -> None:
        self._folder = folder
        self._shipper = shipper
        self._told: set[str] = set()
        self.stopping = False
        pipe = folder / PIPE
        with contextlib.suppress(FileExistsError):
            os.mkfifo(pipe, 0o600)
        # Open for writing too: the end of the last writer must not look like something to read.
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)

    def run(self, load: Callable[[], None]) -> None:
        """Ship until there has been nothing to do for a while, or until it is told to stop.

        Parameters
        ----------
        load
            Imports what speaks to stores, before there is anything to ship.
        """
        signal.signal(signal.SIGTERM, self._stop)
        load()
        tick, active = _TICK_S, time.monotonic()
        # A project that is removed takes its shipper along.
        while not self.stopping and self._folder.is_dir():
            busy = self._shipper.turn()
            self._report()
            if self.outdated:
                return
            now = time.monotonic()
            if busy or self._shipper.alive():
                active = now
            if now - active > (_WAITING_S if self._shipper.left() else _IDLE_S):
                return
            tick = _TICK_S if busy else min(tick * 1.2, _LONGEST_TICK_S)
            if busy:
                continue
            if self._woken(tick):
                tick = _TICK_S

    @property
    def outdated(self) -> bool:
        """Whether it has to begin anew, to speak to a store with what is to be used now."""
        return self._shipper.outdated

    def unfinished(self) -> set[str]:
        """Return the runs that it knows of and leaves to the next."""
        return self._shipper.unfinished()

    def close(self) -> None:
        """Listen no longer, and leave nothing behind that still works."""
        os.close(self._pipe)
        self._shipper.close()
        if self.stopping:
            # It has ended by itself.
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _woken(self, timeout_s: float) -> bool:
        if not select.select([self._pipe], [], [], timeout_s)[0]:
            return False
        if HURRY in os.read(self._pipe, 65536):
            self._shipper.hurry()
        return True

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True
        # A store's client may be waiting within a call, for minutes.
        signal.signal(signal.SIGALRM, self._leave)
        signal.setitimer(signal.ITIMER_REAL, _STOPPING_S)

    @staticmethod
    def _leave(_number: int, _frame: FrameType | None) -> None:
        # What is not acknowledged is sent again by the next.
        sys.exit(0)

    def _report(self) -> None:
        for name, error in self._shipper.problems.items():
            said = f"{name}: {type(error).__name__}: {error}"
            if said not in self._told:
                self._told.add(said)
                print(f"{time.strftime('%F %T')} {said}", file=sys.stderr)  # noqa: T201 -- into its log
                traceback.print_exception(error, file=sys.stderr)
        self._shipper.problems.clear()


def main(root: Path) -> int:
    """Ship a project's journals, if nobody else does."""
    started_with = dict(os.environ)
    os.environ[settings.ROOT_VARIABLE] = str(root)
    # Started from a headless notebook, it would be taken for the notebook: it would journal what it is to ship.
    os.environ.pop(settings.PARENT_VARIABLE, None)
    for name, value in store_variables.PATIENCE.items():
        os.environ.setdefault(name, value)
    current = settings.current()
    folder = current.journal
    # It may have begun anew.
    os.nice(max(0, _NICE - os.nice(0)))
    # Stores and page makers want some; the soft limit is one for programs that still use select() on many.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    while True:
        with (folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0
            _forget_old_log(folder / "shipper.log")
            (folder / _STATE).write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
            process = ShipperProcess(folder, ship.shipper(current))
            try:
                process.run(ship.load)
            finally:
                process.close()
                (folder / _STATE).unlink(missing_ok=True)
            # What it has looked at, and left for a reason.
            left = process.unfinished()
            if not _waiting(folder):
                Surroundings(folder).forget(_FORGET_S)
        if process.outdated and not process.stopping:
            os.execve(sys.executable, shipper_command(root), started_with)  # noqa: S606 -- no shell is wanted
        # Whoever wrote while this process was about to end saw it alive and started no other.
        if process.stopping or not _waiting(folder) - left:
            return 0


def _waiting(folder: Path) -> set[str]:
    return set(Journals(folder, "", lambda: None).waiting())


def _forget_old_log(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        os.truncate(log, 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
