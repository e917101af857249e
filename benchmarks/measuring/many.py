"""Many points: how long until all are in MLflow, and what memory that takes."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from statistics import median
from typing import Any

from measuring import HERE, number, ratio, table
from measuring.peers import python_of
from measuring.projects import Project, Unmeasured

LABELS = {"batches": "mlflow log_batch, 1,000 at a time", "ours": "mlops.log, one at a time"}
_WARM = 1
_STALLED_S = 120


def measure(how: str, points: int, project: Project) -> dict[str, Any]:
    """Log in one process and watch the store and the shipper from this one."""
    python = python_of("mlflow" if how == "batches" else "")
    log = project.folder / "said"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [str(word) for word in (python, "-P", HERE / "log_many.py", how, points)],
            cwd=project.folder,
            env=project.environment,
            stdout=said,
            stderr=subprocess.DEVNULL,
        )
    try:
        complete, shipper_mb = _watch(process, points + _WARM, project)
    finally:
        process.kill()
        process.wait()
    lines = log.read_text("utf-8").strip().splitlines()
    found = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    return {**found, "until_stored_s": complete - found["began"], "shipper_mb": shipper_mb}


def _watch(process: subprocess.Popen[bytes], wanted: int, project: Project) -> tuple[float, float]:
    """Return the time at which all points were stored, and the shipper's peak of memory."""
    shipper_mb, stored, moved = 0.0, 0, time.monotonic()
    while True:
        if (pid := project.shipper()) is not None:
            shipper_mb = max(shipper_mb, _peak_mb(pid))
        # Rows are only added: the last one's number costs nothing to ask for, the count is checked at the end.
        with closing(sqlite3.connect(f"file:{project.folder}/.mlops/mlflow.db?mode=ro", uri=True)) as database:
            now = database.execute("SELECT max(rowid) FROM metrics").fetchone()[0] or 0
        if now >= wanted:
            complete = time.time()
            break
        if now > stored:
            stored, moved = now, time.monotonic()
        elif process.poll() is not None and time.monotonic() - moved > _STALLED_S:
            raise Unmeasured(f"{stored:,} of {wanted:,} points arrived")
        time.sleep(0.1)
    process.wait(600)
    if (counted := project.stored()) != wanted:
        raise Unmeasured(f"{counted:,} points are stored, not {wanted:,}")
    return complete, shipper_mb


def _peak_mb(pid: int) -> float:
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return 0.0


def report(values: Mapping[str, list[dict[str, Any]]]) -> str:
    rows = []
    for how, label in LABELS.items():
        found = values[how]
        if not found:
            continue
        stored = [value["until_stored_s"] for value in found]
        base = [value["until_stored_s"] for value in values["batches"]]
        middle = {key: median(value[key] for value in found) for key in found[0]}
        rows.append(
            [
                label,
                number(middle["until_stored_s"]),
                ratio(stored, base),
                number(middle["loop_s"]),
                number(middle["longest_ms"]),
                number(middle["added_mb"]),
                number(middle["shipper_mb"]) if how == "ours" else "-",
            ]
        )
    heads = ["how", "s until stored", "ratio", "s in the loop", "longest call ms", "memory added MB", "shipper MB"]
    return table(heads, rows)
