"""A training process for fault tests: it logs until it is told to stop, and counts the calls that have returned.

``python -m tests.fakes.training COUNTER STOP PACE MOST`` logs a point each PACE seconds until the file STOP is there
or MOST points are logged: by `mlops_jupyter.log`, and where it has a pace by plain MLflow in turn.
COUNTER is a shared file of 8 bytes, which outlives a SIGKILL.
"""

from __future__ import annotations

import functools
import json
import mmap
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes import waiting

REPOSITORY = Path(__file__).parents[2]
SLOW_S = 90
wait_for = functools.partial(waiting.wait_for, limit_s=SLOW_S)

Point = tuple[str, int, float]


def value_at(step: int) -> float:
    """Return what is logged at a step: never the same twice."""
    return step * 0.5


def expected(points: int) -> Counter[Point]:
    """Return what MLflow should hold when so many points were logged."""
    return Counter(("loss", step, value_at(step)) for step in range(points))


class Training:
    """The process, as its test holds it."""

    def __init__(self, project: Path, *, pace_s: float, most: int = 10**9, environment: Mapping[str, str]) -> None:
        self._files = project.parent / f"training-{time.monotonic_ns()}"
        self._files.mkdir()
        (self._files / "counter").write_bytes(bytes(8))
        words = [str(self._files / "counter"), str(self._files / "stop"), str(pace_s), str(most)]
        self._errors = (self._files / "errors").open("w+")
        self.began_ms = time.time_ns() // 1_000_000
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.training", *words],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        self.run_id = self.process.stdout.readline().strip()
        assert self.run_id, self.errors

    @property
    def errors(self) -> str:
        """What it has written to standard error."""
        return (self._files / "errors").read_text()

    def returned(self) -> int:
        """Count the calls that have returned."""
        return int.from_bytes((self._files / "counter").read_bytes(), "little")

    def wait_for(self, points: int) -> None:
        """Wait until it has logged so many points."""
        wait_for(lambda: self.returned() >= points or self.process.poll() is not None)
        assert self.returned() >= points, self.errors

    def stop(self) -> dict[str, Any]:
        """Let it end by itself; return what it says of its run."""
        (self._files / "stop").touch()
        out, _ = self.process.communicate(timeout=SLOW_S)
        assert self.process.returncode == 0, self.errors
        said: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return said

    def end(self) -> None:
        """Leave no process behind."""
        self.process.kill()
        self.process.communicate()
        self._errors.close()


def train(counter: memoryview, stop: Path, pace_s: float, most: int) -> None:
    """Log until told to stop."""
    import mlops_jupyter as mlops

    # Of a loop at full speed, the speed is the point.
    ways = [lambda step: mlops.log(loss=value_at(step), step=step)]
    if pace_s:
        import mlflow

        ways.append(lambda step: mlflow.log_metric("loss", value_at(step), step=step))
    with warnings.catch_warnings(record=True) as caught, mlops.track("train", autolog=False) as run:
        warnings.simplefilter("always")
        print(run.run_id, flush=True)
        for step in range(most):
            ways[step % len(ways)](step)
            counter[0] = step + 1
            if stop.exists():
                break
            if pace_s:
                time.sleep(pace_s)
    said = {"status": run.record.status, "notes": run.record.notes, "warnings": [str(one.message) for one in caught]}
    print("\n" + json.dumps(said))


if __name__ == "__main__":
    with Path(sys.argv[1]).open("r+b") as file:
        shared = memoryview(mmap.mmap(file.fileno(), 8)).cast("q")
    train(shared, Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
