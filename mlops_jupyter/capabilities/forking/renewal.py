"""What a forked process must not have in common with the one it was forked from."""

from __future__ import annotations

import contextlib
import locale
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

# What an interpreter sets when it starts; all else begins with the system's default.
_IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)
_KEY_BYTES = 32


def renew(arguments: Sequence[str], environment: Mapping[str, str], cwd: str, mask: int) -> None:
    """Make this process the one that a fresh start with these values would have made."""
    os.umask(mask)
    os.chdir(cwd)
    _environment(environment)
    _signals()
    _streams()
    sys.argv[:] = arguments
    # What ``python -m`` puts there.
    sys.path.insert(0, cwd)
    sys.modules["__main__"] = ModuleType("__main__")
    _seeds()
    _multiprocessing()


def _environment(wanted: Mapping[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
    time.tzset()
    # A locale that is not installed leaves the one that is there, as at the start of an interpreter.
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")


def _signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        wanted: Any = signal.SIG_IGN if number in _IGNORED else signal.SIG_DFL
        if number == signal.SIGINT:
            wanted = signal.default_int_handler
        if signal.getsignal(number) not in {wanted, None}:
            signal.signal(number, wanted)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _streams() -> None:
    # The base's own were made for a log file: their buffering is not that of a terminal or a pipe.
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        old = getattr(sys, f"__{name}__")
        stream = open(  # noqa: SIM115 -- it stays open
            number,
            mode,
            buffering=1 if number == 2 or (mode == "w" and os.isatty(number)) else -1,  # noqa: PLR2004
            encoding=getattr(old, "encoding", None) or "utf-8",
            errors="backslashreplace" if number == 2 else getattr(old, "errors", None),  # noqa: PLR2004
            closefd=False,
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _seeds() -> None:
    # `random` sees to itself, as does every generator of NumPy's but the old global one. PyTorch begins with the
    # same seed in each fresh process, and so does one that was forked before anything was drawn.
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _multiprocessing() -> None:
    process = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.current_process()._config.update(  # noqa: SLF001 -- the setter takes bytes only, the folder has none
            authkey=process.AuthenticationString(os.urandom(_KEY_BYTES)), tempdir=None
        )
