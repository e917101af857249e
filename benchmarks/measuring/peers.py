"""Peers, each in an environment of its own under build/bench, made the first time it is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from measuring import CACHE, REPOSITORY, Failed, ask, environment, progress

# Those that cannot be had with the versions that ours are held to, and the version that is meant.
_FREE = {"aim": "aim>=3.29"}
_UV = Path(sys.executable).with_name("uv")


def python_of(peer: str) -> Path:
    """Return the interpreter of a peer's environment; ours when it has no name."""
    return CACHE / peer / "bin" / "python" if peer else Path(sys.executable)


def installed(peer: str, also: Sequence[str] = ()) -> str:
    """Return the version of a peer in its own environment, which is made when it is missing; empty without.

    Libraries are byte-compiled, as ours are. What cannot be had is said on standard output.
    """
    asking = (python_of(peer), "-c", _asking(peer, also))
    env = environment(CACHE)
    CACHE.mkdir(parents=True, exist_ok=True)
    found = ask(asking, cwd=CACHE, env=env)
    if isinstance(found, Failed):
        progress(f"installing {peer} into build/bench/{peer} (once)")
        make = (_UV, "--quiet", "venv", "--clear", "--python", sys.executable, CACHE / peer)
        # The same versions of what both use.
        held = () if peer in _FREE else ("-c", REPOSITORY / "constraints.txt")
        install = (_UV, "--quiet", "pip", "install", "--python", python_of(peer), *held, "--compile-bytecode")
        for command in (make, (*install, _FREE.get(peer, peer), *also)):
            try:
                subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True, timeout=300)
            except subprocess.CalledProcessError as error:
                print(f"{peer} could not be installed, so its row is missing: {error.stderr.strip()}")
                return ""
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"{peer} could not be installed, so its row is missing: {error}")
                return ""
        found = ask(asking, cwd=CACHE, env=env)
    if isinstance(found, Failed):
        print(f"{peer} does not work here, so its row is missing: {found.why}")
        return ""
    return str(found)


def _asking(peer: str, also: Sequence[str]) -> str:
    return (
        f"import json, {peer}; from importlib.metadata import version; "
        f"print(json.dumps([version(name) for name in {[peer, *also]!r}][0]))"
    )
