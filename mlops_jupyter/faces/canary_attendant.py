"""Who decides about a canary: ``python -m mlops_jupyter.faces.canary_attendant STATE PID``, one an endpoint.

The endpoint's supervisor starts it while the plan says that a canary is to be promoted or rolled back by itself, and
starts it again; its output goes into the endpoint's log.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from ..capabilities.forking.linux import die_with
from ..commands.attend import Rollout
from ..errors import MlopsError

# Requests want the processor more than this process does.
_NICE = 5
_POLL_S = 2.0


def main(folder: Path, supervisor: int) -> int:
    """Decide until the supervisor, the process of that number, is gone, or ends this one: nothing is to be decided."""
    die_with(supervisor)
    os.nice(_NICE)
    # What it has begun it ends: with the last change of shares the supervisor no longer wants this process, which has
    # still to note what was decided.
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    rollout = Rollout(folder.name)
    told = ""
    while not stopping.is_set():
        try:
            wait_s, decision = rollout.look()
        except MlopsError as error:
            # It is tried again; what is the matter is told once.
            if str(error) != told:
                _say(f"nothing can be decided about the canary: {error}")
            told, wait_s = str(error), _POLL_S
        else:
            told = ""
            if decision is not None:
                _say(f"{decision.verdict} version {decision.version}, {decision.percent:g}%: {decision.reason}")
        stopping.wait(wait_s or _POLL_S)
    return 0


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 -- into the endpoint's log


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
