"""One notebook of ten trivial cells, from the command's start to its end; and the commands' starts alone."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

import psutil

from . import milliseconds, progress, ratio, ratio_of, table, verdict
from .headless_projects import TRIVIAL, project, run

_PAPERMILL = ["papermill", "--no-progress-bar", "notebook.ipynb", "out.ipynb"]
_OURS = ["mlops", "run", "notebook.ipynb", "--output", "out.ipynb"]
CASES = {
    "papermill": _PAPERMILL,
    "papermill --engine mlops": [*_PAPERMILL[:1], "--engine", "mlops", *_PAPERMILL[1:]],
    "mlops run, cold": _OURS,
    "mlops run, warm": _OURS,
    "papermill --help": ["papermill", "--help"],
    "mlops run --help": ["mlops", "run", "--help"],
}


def measure(rounds: int) -> dict[str, list[float]]:
    """Return of each case the milliseconds of each round."""
    found: dict[str, list[float]] = {case: [] for case in CASES}
    with project(TRIVIAL) as (cold, cold_env), project(TRIVIAL) as (warm, warm_env):
        for turn in range(rounds + 1):
            progress(f"one notebook: round {turn} of {rounds}")
            cases = list(CASES)
            at = turn % len(cases)
            for case in [*cases[at:], *cases[:at]]:
                if case.endswith("warm"):
                    # Until an hour has passed without use, neither ends; what ships runs ends sooner.
                    run(["mlops", "warm", "notebook.ipynb"], warm, warm_env)
                    run(_OURS, warm, warm_env)
                    taken = run(CASES[case], warm, warm_env)
                else:
                    _end_shipper(cold)
                    taken = run(CASES[case], cold, cold_env)
                # The first round fills the disk's cache, and makes the store's tables.
                if turn:
                    found[case].append(taken)
    return found


def report(found: dict[str, list[float]]) -> str:
    """Return the table."""
    rows = []
    for case, values in found.items():
        base = found["papermill --help" if "--help" in case else "papermill"]
        rows.append((case, milliseconds(values), ratio(values, base)))
    return table(("command", "ms", "ratio to papermill's (quartiles)"), rows)


def targets(found: dict[str, list[float]]) -> list[str]:
    """Return the issue's targets beside what was measured."""
    papermill = found["papermill"]
    return [
        verdict("one trivial notebook, warm", ratio_of(found["mlops run, warm"], papermill), 1 / 6, "x papermill"),
        verdict("one trivial notebook, cold", ratio_of(found["mlops run, cold"], papermill), 1.0, "x papermill"),
        verdict(
            "the command's own start",
            ratio_of(found["mlops run --help"], found["papermill --help"]),
            0.7,
            "x papermill",
        ),
    ]


def _end_shipper(root: Path) -> None:
    """End the process that has MLflow imported: a cold start has none."""
    state = root / ".mlops" / "journal" / "shipper.json"
    if not state.exists():
        return
    pid = json.loads(state.read_text(encoding="utf-8"))["pid"]
    with suppress(psutil.NoSuchProcess):
        shipper = psutil.Process(pid)
        shipper.terminate()
        # Where nobody waits for orphans, its entry stays.
        while shipper.is_running() and shipper.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
