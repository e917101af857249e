"""What a snapshot costs beside ``git stash create`` in the same state, and how it grows with files and snapshots."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from mlops_jupyter import registry

from . import environment, milliseconds, progress, ratio, ratio_of, table, verdict

FILES = (100, 1_000, 10_000)
KEPT = 1_000
_CHANGED, _NOTEBOOK_BYTES, _IN_A_FOLDER = 5, 1_000_000, 100
STASH, OURS, AGAIN, MANY = "git stash create", "snapshot", "snapshot, the same state again", f"snapshot, {KEPT:,} kept"
LIMIT = 1.5


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return one row for each case and number of files, with the milliseconds of each round."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as told:
        top = Path(told)
        with patch.dict(os.environ, environment(top / "home"), clear=True):
            progress("making repositories")
            made = {files: _Repository(top / str(files), files) for files in FILES}
            kept = _Repository(top / "kept", FILES[-1])
            kept.keep(KEPT)
            cases: list[tuple[str, int, Callable[[], float]]] = [
                (case, files, one.ways[case]) for files, one in made.items() for case in (STASH, OURS, AGAIN)
            ]
            cases.append((MANY, FILES[-1], kept.ways[OURS]))
            rows += [{"case": case, "files": files, "ms": []} for case, files, _ in cases]
            for way in (way for _, _, way in cases):
                # The first one of a process loads the adapter, and finds out who the user is.
                way()
            for turn in range(rounds):
                progress(f"snapshot: round {turn + 1} of {rounds}")
                at = turn % len(cases)
                for row, (_, _, way) in [*zip(rows, cases, strict=True)][at:] + [*zip(rows, cases, strict=True)][:at]:
                    row["ms"].append(way())
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    plain = {row["files"]: row["ms"] for row in rows if row["case"] == STASH}
    shown = [
        (row["case"], f"{row['files']:,}", milliseconds(row["ms"]), ratio(row["ms"], plain[row["files"]]))
        for row in rows
    ]
    return table((f"notebook of 1 MB and {_CHANGED} files changed", "tracked files", "ms", "to stash"), shown)


def targets(rows: list[dict[str, Any]]) -> list[str]:
    """Return the issue's target beside what was measured."""
    ms = {(row["case"], row["files"]): row["ms"] for row in rows}
    most = FILES[-1]
    measured = ratio_of(ms[OURS, most], ms[STASH, most])
    return [verdict(f"snapshot of 1 MB among {most:,} files", measured, LIMIT, "x git stash create")]


class _Repository:
    """A repository with a notebook and many small files, some of which are edited before each measurement."""

    def __init__(self, root: Path, files: int) -> None:
        self._root = root
        self._chance = random.Random(files)  # noqa: S311 -- contents, no secrets
        self._notebook = root / "train.ipynb"
        self._files = [root / f"part{number // _IN_A_FOLDER}" / f"module{number}.py" for number in range(files)]
        for number, file in enumerate(self._files):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"number = {number}\n" * 20, encoding="utf-8")
        self._git("init", "-q", "-b", "main", ".")
        self._git("config", "user.name", "Ana")
        self._git("config", "user.email", "ana@example.org")
        self._edit()
        self._git("add", ".")
        self._git("commit", "-q", "-m", "first")
        self._snapshots = registry.load("snapshots", "git")()
        self.ways = {STASH: self._stash, OURS: self._take, AGAIN: self._take_again}

    def keep(self, count: int) -> None:
        """Have snapshots that were taken before."""
        head = self._git("rev-parse", "HEAD").stdout.decode().strip()
        refs = "".join(f"create refs/mlops/snapshots/{number:016x}-{head[:8]} {head}\n" for number in range(count))
        self._git("update-ref", "--stdin", content=refs.encode())

    def _stash(self) -> float:
        self._edit()
        began = time.perf_counter()
        self._git("stash", "create")
        return (time.perf_counter() - began) * 1000

    def _take(self) -> float:
        self._edit()
        return self._timed_take(new=True)

    def _take_again(self) -> float:
        self._edit()
        self._timed_take(new=True)
        return self._timed_take(new=False)

    def _timed_take(self, *, new: bool) -> float:
        content = self._notebook.read_bytes()
        began = time.perf_counter()
        _, was_new = self._snapshots.take(self._root, {self._notebook: content}, "measured")
        took = (time.perf_counter() - began) * 1000
        assert was_new is new
        return took

    def _edit(self) -> None:
        self._notebook.write_text(self._chance.randbytes(_NOTEBOOK_BYTES // 2).hex(), encoding="utf-8")
        for file in self._chance.sample(self._files[:_IN_A_FOLDER], _CHANGED):
            file.write_text(f"edited = {self._chance.random()}\n" * 20, encoding="utf-8")

    def _git(self, *words: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["git", "-C", str(self._root), *words], input=content, check=True, capture_output=True)
