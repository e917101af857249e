"""From the start of a process until its first point is durable: the process ends itself right after the call."""

from __future__ import annotations

import subprocess
from statistics import median
from time import perf_counter

from measuring import milliseconds, ratio, table
from measuring.peers import python_of
from measuring.projects import Project, Unmeasured

_OURS = """
import os
import mlops_jupyter as mlops
with mlops.track("bench"):
    mlops.log(loss=1.0)
    os._exit(0)
"""
_MLFLOW = """
import os
import mlflow
mlflow.start_run()
mlflow.log_metric("loss", 1.0)
os._exit(0)
"""
LABELS = {
    "MLflow": "mlflow.start_run, log_metric, sqlite",
    "ours": "mlops.track, mlops.log",
    "pass": "python -c pass",
}
_CODE = {"MLflow": _MLFLOW, "ours": _OURS, "pass": "pass"}


def measure(how: str, project: Project) -> float:
    """Return the milliseconds from the process's start to its end, once its point has been found in MLflow."""
    command = [str(python_of("mlflow" if how == "MLflow" else "")), "-c", _CODE[how]]
    began = perf_counter()
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False
    )
    took = (perf_counter() - began) * 1000
    if done.returncode != 0:
        raise Unmeasured((done.stderr.strip().splitlines() or ["it failed"])[-1])
    if how == "ours":
        project.ship()
    if how != "pass" and project.stored() != 1:
        raise Unmeasured("its point did not arrive")
    return took


def report(values: dict[str, list[float]]) -> str:
    rows = [
        [label, milliseconds(values[how]), ratio(values[how], values["MLflow"])]
        for how, label in LABELS.items()
        if values[how]
    ]
    return table(["process", "ms", "ratio (quartiles)"], rows)


def middle(values: list[float]) -> float | None:
    return median(values) if values else None
