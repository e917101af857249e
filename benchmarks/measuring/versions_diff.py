"""What a diff of two notebooks costs: ours, nbdime's, git's, and the least that reading both takes."""

from __future__ import annotations

import base64
import copy
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbdime
import nbformat
import orjson

from mlops_jupyter.capabilities.notebooks import diffing, reading
from mlops_jupyter.records import Version

from . import environment, milliseconds, progress, ratio, ratio_of, table, verdict

_VERSIONS = Version("file", "before", "before"), Version("file", "after", "after")
# Cells, the bytes of an image in each, the lines of text in each, and what happened between the two.
CASES: dict[str, tuple[int, int, int, str]] = {
    "50 cells, 6 changed": (50, 0, 3, "changed"),
    "50 cells, re-executed": (50, 0, 3, "re-executed"),
    "200 cells, re-executed": (200, 0, 3, "re-executed"),
    "1000 cells, 6 changed": (1000, 0, 3, "changed"),
    "1000 cells, re-executed": (1000, 0, 3, "re-executed"),
    "60 cells with images and 300 lines, re-executed": (60, 45_000, 300, "re-executed"),
    "20 cells without ids, images and 300 lines, re-executed": (20, 45_000, 300, "re-executed without ids"),
    "200 cells, 20 MB of images, 6 changed": (200, 75_000, 3, "changed"),
    "200 cells, 20 MB of images, re-executed": (200, 75_000, 3, "re-executed"),
}
_SMALLEST = "50 cells, 6 changed"
_THOUSAND = "1000 cells, re-executed"
_LONG = "60 cells with images and 300 lines, re-executed"
_WITHOUT_IDS = "20 cells without ids, images and 300 lines, re-executed"
_LARGE = "200 cells, 20 MB of images, 6 changed"
_CHANGED = 6
INSIDE = ("ours, read and diff", "ours, diff", "nbdime, read and diff", "nbdime.diff_notebooks", "orjson reads both")
COMMANDS = ("mlops diff", "nbdiff", "git diff --no-index")


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return one row for each case and way, with the milliseconds of each round."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as told:
        top = Path(told)
        env = environment(top / "home", PATH=f"{Path(sys.executable).parent}:/usr/bin:/bin")
        for case, shape in CASES.items():
            before, after = (top / "before.ipynb", top / "after.ipynb")
            _write(before, after, shape)
            ways = _ways(before, after)
            if case == _SMALLEST:
                ways |= {name: _command(name, before, after, env) for name in COMMANDS}
            found = {way: {"case": case, "way": way, "ms": []} for way in ways}
            for turn in range(rounds):
                progress(f"{case}: round {turn + 1} of {rounds}")
                for way, run in ways.items():
                    began = time.perf_counter()
                    run()
                    found[way]["ms"].append((time.perf_counter() - began) * 1000)
            rows += found.values()
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """Return the tables: inside a process, and as commands."""
    inside = []
    for case in CASES:
        ms = {row["way"]: row["ms"] for row in rows if row["case"] == case}
        for way in INSIDE:
            base = ms["nbdime.diff_notebooks"] if "diff" in way else ms["orjson reads both"]
            to_nbdime = ratio(ms[way], base)
            reading_both = ratio(ms[way], ms["orjson reads both"])
            inside.append((case, way, milliseconds(ms[way]), to_nbdime if "diff" in way else "", reading_both))
    heads = ("notebooks", "inside a process", "ms", "to nbdime.diff_notebooks", "to reading both")
    commands = {row["way"]: row["ms"] for row in rows if row["way"] in COMMANDS}
    shown = [(way, milliseconds(ms), ratio(ms, commands["nbdiff"])) for way, ms in commands.items()]
    return f"{table(heads, inside, words=2)}\n\n{table((f'command, {_SMALLEST}', 'ms', 'to nbdiff'), shown)}"


def targets(rows: list[dict[str, Any]]) -> list[str]:
    """Return the issue's targets beside what was measured."""
    ms = {(row["case"], row["way"]): row["ms"] for row in rows}
    faster = ratio_of(ms[_THOUSAND, "nbdime.diff_notebooks"], ms[_THOUSAND, "ours, diff"])
    long = sorted(ms[_LONG, "ours, diff"])[len(ms[_LONG, "ours, diff"]) // 2] / 1000
    bare = ratio_of(ms[_WITHOUT_IDS, "ours, diff"], ms[_WITHOUT_IDS, "nbdime.diff_notebooks"])
    large = ratio_of(ms[_LARGE, "ours, read and diff"], ms[_LARGE, "orjson reads both"])
    command = ratio_of(ms[_SMALLEST, "mlops diff"], ms[_SMALLEST, "nbdiff"])
    # As a share, so that less is better as everywhere.
    return [
        verdict(f"{_THOUSAND}: at least 20 times faster than nbdime", 20 / faster, 1, "of the time allowed"),
        verdict(f"{_LONG}: under 0.3 s", long, 0.3, "s"),
        verdict(f"{_WITHOUT_IDS}: at most a tenth of nbdime's time", bare, 0.1, "x"),
        verdict(f"{_LARGE}: within twice of reading both", large, 2, "x"),
        verdict("as a command at most a quarter of nbdiff's time", command, 0.25, "x"),
    ]


def _ways(before: Path, after: Path) -> dict[str, Callable[[], object]]:
    old, new = (reading.read(file.read_bytes(), file.name) for file in (before, after))
    as_nbdime = [nbformat.read(file, 4) for file in (before, after)]

    def read() -> list[Any]:
        return [reading.read(file.read_bytes(), file.name) for file in (before, after)]

    return {
        "ours, read and diff": lambda: diffing.diff(*read(), _VERSIONS, _nobody),
        "ours, diff": lambda: diffing.diff(old, new, _VERSIONS, _nobody),
        "nbdime, read and diff": lambda: nbdime.diff_notebooks(*(nbformat.read(file, 4) for file in (before, after))),
        "nbdime.diff_notebooks": lambda: nbdime.diff_notebooks(*as_nbdime),
        "orjson reads both": lambda: [orjson.loads(file.read_bytes()) for file in (before, after)],
    }


def _nobody(_before: object, _after: object) -> list[tuple[int, int]]:
    raise AssertionError("ids or sources tell which cell is which")


def _command(name: str, before: Path, after: Path, env: dict[str, str]) -> Callable[[], object]:
    words = {
        "mlops diff": ["mlops", "diff", before.name, after.name],
        "nbdiff": ["nbdiff", before.name, after.name],
        "git diff --no-index": ["git", "diff", "--no-index", before.name, after.name],
    }[name]

    def run() -> None:
        done = subprocess.run(words, cwd=before.parent, env=env, capture_output=True, check=False)
        if done.returncode not in {0, 1}:
            raise RuntimeError(done.stderr.decode(errors="replace"))

    return run


def _write(before: Path, after: Path, shape: tuple[int, int, int, str]) -> None:
    cells, image, lines, what = shape
    one = _notebook(cells, image, lines, seed=1)
    if what.startswith("re-executed"):
        other = _notebook(cells, image, lines, seed=2)
    else:
        other = copy.deepcopy(one)
        for place in range(0, cells, -(-cells // _CHANGED)):
            other["cells"][place]["source"] += "\nmore = 1"
    for file, notebook in ((before, one), (after, other)):
        if what.endswith("without ids"):
            _take_ids(notebook)
        file.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def _take_ids(notebook: dict[str, Any]) -> None:
    notebook["nbformat_minor"] = 4
    for cell in notebook["cells"]:
        del cell["id"]


def _notebook(cells: int, image: int, lines: int, seed: int) -> dict[str, Any]:
    generator = random.Random(seed)  # noqa: S311 -- pictures and losses, not keys
    made = []
    for place in range(cells):
        text = "\n".join(f"epoch {line} loss {generator.random():.6f}" for line in range(lines))
        outputs: list[dict[str, Any]] = [{"output_type": "stream", "name": "stdout", "text": text}]
        if image:
            data = {"image/png": base64.b64encode(generator.randbytes(image)).decode(), "text/plain": "<Figure>"}
            outputs.append({"output_type": "display_data", "metadata": {}, "data": data})
        made.append(
            {
                "cell_type": "code",
                "execution_count": seed * 1000 + place,
                "id": f"cell-{place}",
                "metadata": {},
                "outputs": outputs,
                "source": f"x_{place} = {place}\ny = f(x_{place})\nprint(y)",
            }
        )
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
