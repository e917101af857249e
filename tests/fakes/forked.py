"""What the forked children of a test do."""

from __future__ import annotations

import atexit
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

_UMASK = 0o022


def say() -> int:
    """Tell what this process is, as JSON, and end with a code of its own."""
    mask = os.umask(_UMASK)
    told = {
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "cwd": str(Path.cwd()),
        "argv": sys.argv,
        "environment": dict(os.environ),
        "path": sys.path[0],
        "umask": mask,
        "zone": time.tzname[0],
        "numbers": [random.random(), float(np.random.rand())],  # noqa: NPY002, S311 -- the old generator is what is asked
        "threads": threading.active_count(),
        "signals": [signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM)],
        "main": vars(sys.modules["__main__"]).get("__file__"),
        "files": sorted(int(file.name) for file in Path("/proc/self/fd").iterdir()),
        "parent": os.getppid(),
    }
    print(json.dumps(told))
    return 7


def wait() -> None:
    """Start a child, say both ids, and wait for ever."""
    child = subprocess.Popen(["sleep", "600"])
    print(os.getpid(), child.pid, flush=True)
    signal.pause()


def echo() -> None:
    """Repeat what comes in."""
    for line in sys.stdin:
        print(line.upper(), end="", flush=True)
    print("the end", file=sys.stderr)


def fail() -> None:
    """Raise what nobody catches."""
    raise LookupError("lost")


def leave() -> None:
    """Stop as a script does."""
    sys.exit("enough")


def hold() -> None:
    """Take 200 MB, say so, and wait for a line."""
    taken = bytearray(os.urandom(1 << 20) * 200)
    print(len(taken), flush=True)
    sys.stdin.readline()


def finish() -> None:
    """Leave work for the interpreter's end: a thread, and something not written out."""

    def last() -> None:
        threading.main_thread().join()
        print("thread")

    threading.Thread(target=last).start()
    atexit.register(print, "exit")
    print("main")
