"""Processes of tests that need MLflow come from one that has imported it: to import it is most of what they would do.

Python imports this when it starts with this folder on its path. A shipper, and a terminal's command that the tests'
``terminal`` runs, has itself forked there, with its arguments, environment, directory and files, and passes on signals
and how it ends. Where the nursery refuses, for instance for other options of the interpreter, it starts as ever.
"""

import os
import sys


def _entry() -> str | None:
    """Return what to call instead of this process's program, ``None`` for all that is none of these two."""
    if sys.orig_argv[1:4] == ["-P", "-m", "mlops_jupyter.faces.shipper"]:
        return "shipper"
    if "MLOPS_TESTS_TERMINAL" in os.environ and sys.orig_argv[1:2] == [f"{sys.prefix}/bin/mlops"]:
        return "terminal"
    return None


def _forked(entry: str) -> None:
    import signal
    from pathlib import Path

    from mlops_jupyter.capabilities.forking import Forked, ForkServer

    passed_on = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    server = ForkServer.connect(Path(os.environ["MLOPS_TESTS_NURSERY"]))
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
    child = server and server.fork(f"nursery_{entry}:main", arguments=sys.orig_argv[1:])
    if isinstance(child, Forked):
        for number in passed_on:
            signal.signal(number, lambda number, _: child.send_signal(number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
        code = child.wait()
        os._exit(code if code >= 0 else 128 - code)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)


if "MLOPS_TESTS_NURSERY" in os.environ and (_found := _entry()) is not None:
    _forked(_found)
