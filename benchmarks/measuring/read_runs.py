"""Read runs in one way, twice, and print what the second time took as JSON.

python -P read_runs.py WORK EXPERIMENT RUNS
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

QUERY = "metrics.accuracy > 0.9 and params.max_depth = '6'"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def command() -> int:
    done = subprocess.run([Path(sys.executable).parent / "mlops", "runs", "-n", "20"], capture_output=True, check=True)
    return len(done.stdout.splitlines()) - 3


def work(name: str, experiment: str, runs: int) -> tuple[Callable[[], int], int]:
    """Return what is measured, which returns how many runs it has seen, and how many those must be."""
    if name == "command":
        return command, 20
    import mlflow

    import mlops_jupyter
    from mlops_jupyter.faces import render

    def plain(most: int, order: str) -> int:
        return len(mlflow.search_runs(experiment_names=[experiment], max_results=most, order_by=[order]))

    def as_json() -> int:
        pieces = 0
        for piece in render.json_pieces(mlops_jupyter.runs(limit=1_000_000)):
            pieces += piece.count('"run_id"')
        return pieces

    def drawn() -> int:
        table = mlops_jupyter.runs(limit=20)
        return len(table) if render.mime_bundle(table)["text/html"].count("<svg") == 40 else -1  # noqa: PLR2004

    works: dict[str, tuple[Callable[[], int], int]] = {
        "plain": (lambda: plain(20, "attributes.start_time DESC"), 20),
        "plain sorted": (lambda: plain(20, "metrics.accuracy DESC"), 20),
        "plain whole": (lambda: plain(1_000_000, "attributes.start_time DESC"), runs),
        "ours": (lambda: len(mlops_jupyter.runs(limit=20)), 20),
        "html": (drawn, 20),
        "sorted": (lambda: len(mlops_jupyter.runs(sort="accuracy", limit=20)), 20),
        "filtered": (lambda: len(mlops_jupyter.runs(QUERY, sort="accuracy", limit=20)), min(20, runs // 170)),
        "whole": (lambda: sum(1 for _ in mlops_jupyter.runs(limit=1_000_000)), runs),
        "pandas": (lambda: len(mlops_jupyter.runs(limit=1_000_000).to_pandas()), runs),
        "json": (as_json, runs),
    }
    return works[name]


def main() -> None:
    name, experiment, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    measured, wanted = work(name, experiment, runs)
    # What reads everything is not done twice: the store is opened by a small search.
    warm = work("command" if name == "command" else "plain", experiment, runs)[0] if wanted == runs else measured
    warm()
    had = peak_mb()
    began = perf_counter()
    seen = measured()
    took = perf_counter() - began
    if seen < wanted if name == "filtered" else seen != wanted:
        sys.exit(f"{name}: {seen} runs, not {wanted}")
    print("\n" + json.dumps({"ms": took * 1000, "mb": peak_mb() - had}))


main()
