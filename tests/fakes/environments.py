"""Environments of Python for what cannot be installed beside us."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
_UV = Path(sys.executable).with_name("uv")


def python_with(*requirements: str) -> Path:
    """Return the interpreter of an environment that has some distributions, made once a checkout.

    The test is skipped where they cannot be had.
    """
    named = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:16]
    folder = REPOSITORY / "build" / f"python-{named}"
    folder.parent.mkdir(exist_ok=True)
    # Where pip is told to look, for builds that are smaller than the index's, uv is not.
    environment = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", ""), **os.environ}
    python = folder / "bin" / "python"
    with folder.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "done").exists():
            return python
        for words in (
            ("venv", "--clear", "--python", sys.executable, str(folder)),
            ("pip", "install", "--python", str(python), *requirements),
        ):
            done = subprocess.run(
                [_UV, "--quiet", *words], capture_output=True, text=True, check=False, timeout=600, env=environment
            )
            if done.returncode:
                said = done.stderr.strip()[-300:]
                pytest.skip(f"missing, and cannot be had from an index of packages: {' '.join(requirements)} ({said})")
        (folder / "done").touch()
    return python


def python_beside(*requirements: str) -> Path:
    """Return the same for what is to run together with this checkout.

    Its own packages come first, then what this checkout needs, then this checkout.
    """
    python = python_with(*requirements, "--constraint", str(REPOSITORY / "constraints.txt"))
    own = Path(sysconfig.get_path("purelib", vars={"base": str(python.parents[1])}))
    (own / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n{REPOSITORY}\n")
    return python


def passes_beside(test: str, *requirements: str) -> None:
    """Run one test, by its id, in such an environment."""
    python = python_beside(*requirements)
    words = [str(python), "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", test]
    # What this process has set up for its own tests is not the other's.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MLOPS_"))}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, timeout=600, cwd=REPOSITORY, env=environment
    )
    assert done.returncode == 0, f"in {python.parents[1]}:\n{done.stdout}{done.stderr}"
    assert "1 passed" in done.stdout, done.stdout
