"""Twenty notebooks with a parameter each, that import pandas, scikit-learn and MLflow: cold, on two cores."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

from . import milliseconds, progress, ratio, ratio_of, table, verdict
from .headless_projects import HEAVY, project, run

COUNT = 20
_SEEDS = ",".join(map(str, range(COUNT)))
CASES = ("papermill, one after the other", "papermill, two at once", "mlops run --sweep --jobs 2")


def measure(rounds: int) -> dict[str, list[float]]:
    """Return of each case the milliseconds of each round."""
    found: dict[str, list[float]] = {case: [] for case in CASES}
    cores = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, cores)
    with project(HEAVY, "seed = 0") as (root, env):
        run(["mlops", "run", "notebook.ipynb"], root, env)
        for turn in range(rounds):
            at = turn % len(CASES)
            for case in [*CASES[at:], *CASES[:at]]:
                progress(f"{COUNT} notebooks, {case}: round {turn + 1} of {rounds}")
                folder = root / f"{turn}-{CASES.index(case)}"
                folder.mkdir()
                found[case].append(_run(case, root, folder, env))
        _check(root)
    return found


def report(found: dict[str, list[float]]) -> str:
    """Return the table."""
    base = found[CASES[0]]
    rows = [(case, milliseconds(values), ratio(values, base)) for case, values in found.items()]
    return table(("how", "ms", "ratio to one after the other (quartiles)"), rows)


def targets(found: dict[str, list[float]]) -> list[str]:
    """Return the issue's targets beside what was measured."""
    ours, (one, two) = found[CASES[2]], (found[case] for case in CASES[:2])
    return [
        verdict(f"{COUNT} notebooks", ratio_of(ours, one), 1 / 12, "x papermill, one after the other"),
        verdict(f"{COUNT} notebooks", ratio_of(ours, two), 1 / 7, "x papermill, two at once"),
    ]


def _run(case: str, root: Path, folder: Path, env: dict[str, str]) -> float:
    if case == CASES[2]:
        words = ["mlops", "run", "notebook.ipynb", "--sweep", f"seed={_SEEDS}", "--jobs", "2", "--output", str(folder)]
        return run(words, root, env)

    def one(seed: int) -> float:
        output = str(folder / f"{seed}.ipynb")
        return run(["papermill", "--no-progress-bar", "notebook.ipynb", output, "-p", "seed", str(seed)], root, env)

    if case == CASES[0]:
        return sum(map(one, range(COUNT)))
    from time import perf_counter

    started = perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(COUNT)))
    return (perf_counter() - started) * 1000


def _check(root: Path) -> None:
    """Raise unless all ways have brought out the same."""
    found = {}
    for folder in (path for path in root.iterdir() if path.is_dir() and path.name[0].isdigit()):
        texts = []
        for file in folder.glob("*.ipynb"):
            cells = nbformat.read(file, as_version=4).cells
            texts.append("".join(output.get("text", "") for cell in cells for output in cell.get("outputs", ())))
        found[folder.name] = sorted(texts)
    first = next(iter(found.values()))
    assert len(first) == COUNT
    assert all(texts == first for texts in found.values()), found
