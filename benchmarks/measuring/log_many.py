"""Log many points in one process; print when the first began, how long the loop took, and the memory it added.

    python -P log_many.py ours|batches POINTS

`ours` calls mlops.log for each, `batches` MLflow's own log_batch with 1,000 at a time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

_BATCH = 1_000


def memory_mb(name: str) -> float:
    """Return VmRSS (now) or VmHWM (the most since it was forgotten) of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def ours(points: int) -> Iterator[float]:
    import mlops_jupyter as mlops

    with mlops.track("bench", autolog=False):
        mlops.log(warm=1.0)
        yield 0.0
        longest = 0.0
        for step in range(points):
            value = 1.0 / (step + 1)
            began = perf_counter()
            mlops.log(loss=value)
            took = perf_counter() - began
            longest = max(longest, took)
        yield longest


def batches(points: int) -> Iterator[float]:
    import mlflow
    from mlflow.entities import Metric

    client = mlflow.MlflowClient()
    run_id = mlflow.start_run().info.run_id
    client.log_metric(run_id, "warm", 1.0)
    yield 0.0
    longest = 0.0
    for first in range(0, points, _BATCH):
        now = time.time_ns() // 1_000_000
        batch = [Metric("loss", 1.0 / (step + 1), now, step) for step in range(first, min(points, first + _BATCH))]
        began = perf_counter()
        client.log_batch(run_id, metrics=batch)
        longest = max(longest, perf_counter() - began)
    yield longest


def main() -> None:
    logging: dict[str, Callable[[int], Iterator[float]]] = {"ours": ours, "batches": batches}
    steps = logging[sys.argv[1]](int(sys.argv[2]))
    next(steps)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, began, clock = memory_mb("VmRSS"), time.time(), perf_counter()
    longest = next(steps)
    loop_s = perf_counter() - clock
    said = {
        "began": began,
        "loop_s": loop_s,
        "longest_ms": longest * 1000,
        "added_mb": memory_mb("VmHWM") - before,
    }
    print("\n" + json.dumps(said), flush=True)
    next(steps, None)


main()
