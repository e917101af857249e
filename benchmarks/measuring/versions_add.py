"""What ``git add`` of notebooks costs through a clean filter: none, nbstripout's, ours; and how it grows with them."""

from __future__ import annotations

import base64
import json
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import environment, milliseconds, progress, ratio, ratio_of, table, verdict

NOTEBOOKS = 5
_CELLS, _IMAGE_BYTES = 200, 18_700
_PYTHON = shlex.quote(sys.executable)
_OURS = f"{_PYTHON} -P -m mlops_jupyter.faces.git_filter"
# What each tool's own installation writes.
FILTERS = {
    "no filter": {},
    "nbstripout": {"clean": f"{_PYTHON} -m nbstripout", "smudge": "cat", "required": "true"},
    "ours": {"process": _OURS, "clean": f"{_OURS} clean", "required": "false"},
}
# nbstripout takes seconds a notebook: to see it grow, few are enough.
GROWTH = {"no filter": (1, 5, 20), "nbstripout": (1, 5), "ours": (1, 5, 20)}
STARTS = {"python -c pass": ["-c", "pass"], "the filter alone": ["-P", "-m", "mlops_jupyter.faces.git_filter"]}
LIMIT = 3.0


def measure(rounds: int) -> list[dict[str, Any]]:
    """Return one row for each case, with the milliseconds of each round."""
    rows = [{"case": case, "notebooks": count, "ms": []} for case, counts in GROWTH.items() for count in counts]
    rows += [{"case": case, "notebooks": 0, "ms": []} for case in STARTS]
    with tempfile.TemporaryDirectory() as told:
        top = Path(told)
        notebooks = _write_notebooks(top / "notebooks", max(max(counts) for counts in GROWTH.values()))
        env = environment(top / "home")
        for turn in range(rounds):
            progress(f"git add: round {turn + 1} of {rounds}")
            at = turn % len(rows)
            for row in [*rows[at:], *rows[:at]]:
                if row["notebooks"]:
                    row["ms"].append(_add(top / "repository", notebooks[: row["notebooks"]], row["case"], env))
                else:
                    row["ms"].append(_timed([sys.executable, *STARTS[row["case"]]], top, env))
    return rows


def report(rows: list[dict[str, Any]]) -> str:
    """Return the table."""
    plain = {row["notebooks"]: row["ms"] for row in rows if row["case"] == "no filter"}
    plain[0] = next(row["ms"] for row in rows if row["case"] == "python -c pass")
    shown = [
        (
            row["case"] if row["notebooks"] == 0 else f"git add, {row['case']}",
            str(row["notebooks"] or ""),
            milliseconds(row["ms"]),
            ratio(row["ms"], plain[row["notebooks"]]),
        )
        for row in sorted(rows, key=lambda row: row["notebooks"])
    ]
    return table(("what", "notebooks", "ms", "ratio (quartiles)"), shown)


def targets(rows: list[dict[str, Any]]) -> list[str]:
    """Return the issue's target beside what was measured."""
    ms = {(row["case"], row["notebooks"]): row["ms"] for row in rows}
    measured = ratio_of(ms["ours", NOTEBOOKS], ms["no filter", NOTEBOOKS])
    return [verdict(f"git add of {NOTEBOOKS} notebooks with 5 MB of outputs each", measured, LIMIT, "x plain")]


def _write_notebooks(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    files = []
    for number in range(count):
        generator = random.Random(number)  # noqa: S311 -- pictures, not keys
        cells = [
            {
                "cell_type": "code",
                "execution_count": place + 1,
                "id": f"cell-{place}",
                "metadata": {},
                "outputs": [
                    {
                        "data": {"image/png": base64.b64encode(generator.randbytes(_IMAGE_BYTES)).decode()},
                        "metadata": {},
                        "output_type": "display_data",
                    }
                ],
                "source": [f"x_{place} = {place}\n", f"plot(x_{place})"],
            }
            for place in range(_CELLS)
        ]
        file = folder / f"{number}.ipynb"
        told = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        file.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        files.append(file)
    return files


def _add(repository: Path, notebooks: list[Path], case: str, env: dict[str, str]) -> float:
    subprocess.run(["git", "init", "-q", str(repository)], check=True, env=env)
    try:
        for key, value in FILTERS[case].items():
            subprocess.run(["git", "-C", str(repository), "config", f"filter.x.{key}", value], check=True, env=env)
        if FILTERS[case]:
            (repository / ".gitattributes").write_text("*.ipynb filter=x\n", encoding="utf-8")
        for file in notebooks:
            shutil.copy(file, repository)
        return _timed(["git", "add", "."], repository, env)
    finally:
        shutil.rmtree(repository)


def _timed(words: list[str], directory: Path, env: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(words, cwd=directory, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    taken = (time.perf_counter() - started) * 1000
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return taken
