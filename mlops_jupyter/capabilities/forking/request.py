"""What of a client's circumstances a fork cannot take over, so that a normal start is called for."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from typing import Any

# What an interpreter or a native library reads once, when it starts or is loaded.
READ_ONCE = ("CUDA_", "KMP_", "LD_", "MALLOC_", "MKL_", "NUMEXPR_", "OMP_", "OPENBLAS_", "PYTHON")


def circumstances(environment: Mapping[str, str], options: tuple[str, ...] | None) -> dict[str, Any]:
    """Return what a client says of itself, for `differences`."""
    return {
        "environment": dict(environment),
        "options": options,
        "executable": sys.executable,
        "prefix": sys.prefix,
    }


def differences(asked: Mapping[str, Any], ours: Mapping[str, str]) -> str | None:
    """Say what differs so that a fork would not be what a fresh start is, ``None`` when nothing does."""
    for what, mine in (("executable", sys.executable), ("prefix", sys.prefix)):
        if asked[what] != mine:
            return f"the warm process is another Python's: {mine}, not {asked[what]}"
    if asked["options"] is not None and tuple(asked["options"]) != interpreter_options():
        told = " ".join(asked["options"]) or "none"
        return (
            f"the interpreter's options differ: {told}, {' '.join(interpreter_options()) or 'none'} in the warm process"
        )
    theirs = asked["environment"]
    for name in sorted(theirs.keys() | ours.keys()):
        if name.startswith(READ_ONCE) and theirs.get(name) != ours.get(name):
            return f"{name} is {_told(theirs.get(name))}, and {_told(ours.get(name))} in the warm process"
    return None


def _told(value: str | None) -> str:
    return "not set" if value is None else repr(value)


def interpreter_options() -> tuple[str, ...]:
    """Return the options that this interpreter was started with, before ``-m`` or a script."""
    words = sys.orig_argv[1:]
    return tuple(words[: words.index("-m")]) if "-m" in words else ()


def installed_stamp() -> tuple[int, ...]:
    """Return what changes whenever a package is installed or removed."""
    stamp = []
    for name in ("purelib", "platlib"):
        try:
            stamp.append(os.stat(sysconfig.get_path(name)).st_mtime_ns)  # noqa: PTH116
        except FileNotFoundError:
            stamp.append(0)
    return tuple(stamp)
