"""The follower: ``python -m mlops_jupyter.faces.alias_watcher STATE PID``, one an endpoint that follows an alias.

The endpoint's supervisor starts it, and starts it again; its output goes into the endpoint's log. It has MLflow in it,
which the supervisor must not have.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ..capabilities.forking.linux import die_with
from ..commands.follow import Follower
from ..errors import MlopsError

# Requests want the processor more than this process does.
_NICE = 5
_POLL_S = 2.0


def main(folder: Path, supervisor: int) -> int:
    """Follow until the supervisor, the process of that number, is gone."""
    die_with(supervisor)
    os.nice(_NICE)
    follower = Follower(folder.name)
    told = ""
    while True:
        try:
            moved = follower.follow()
        except MlopsError as error:
            # A registry that is away is asked again; it is told once.
            if str(error) != told:
                _say(f"cannot follow the alias: {error}")
            told = str(error)
        else:
            told = ""
            if moved is not None:
                _say(f"serves version {moved.versions[0].version} now")
        time.sleep(_POLL_S)


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 -- into the endpoint's log


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
