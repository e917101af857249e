"""Make an sqlite store with many runs: FILE, in which each run has params, tags, two metrics and their histories.

    python -P fill_store.py FILE EXPERIMENT RUNS

MLflow makes the tables and the experiment; the rows are then written as MLflow writes them, but in bulk. The newest
runs have long histories, the others short ones.
"""

from __future__ import annotations

import json
import math
import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mlflow

BEGAN_MS = 1_760_000_000_000
MINUTE_MS = 60_000
NEWEST, LONG, SHORT = 100, 1000, 3
PARAMS = {"criterion": "gini", "min_samples_leaf": "1"}
TAGS = {"mlflow.source.git.branch": "main", "mlflow.source.git.dirty": "false", "mlflow.user": "ana"}


def main() -> None:
    file, experiment, runs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    mlflow.set_tracking_uri(f"sqlite:///{file}")
    found = mlflow.set_experiment(experiment)
    chance = random.Random(0)  # noqa: S311 -- values to sort by
    seeds = [(f"{chance.getrandbits(128):032x}", place, chance.random()) for place in range(runs)]
    with closing(sqlite3.connect(file)) as database, database:
        database.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, status, start_time, end_time, lifecycle_stage,"
            " artifact_uri, experiment_id, user_id) VALUES (?, ?, 'LOCAL', 'FINISHED', ?, ?, 'active', ?, ?, 'ana')",
            (
                (
                    run,
                    f"fit-{place}",
                    start(place),
                    start(place) + 30_000,
                    f"file:///nowhere/{run}",
                    found.experiment_id,
                )
                for run, place, _ in seeds
            ),
        )
        database.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            (
                (name, value, run)
                for run, place, _ in seeds
                for name, value in (*PARAMS.items(), ("max_depth", str(place % 17)))
            ),
        )
        database.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)",
            (
                (name, value, run)
                for run, place, _ in seeds
                for name, value in (*TAGS.items(), ("mlflow.runName", f"fit-{place}"))
            ),
        )
        database.executemany(
            "INSERT INTO metrics (run_uuid, key, step, value, timestamp, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
            (point for seed in seeds for point in history(*seed, runs)),
        )
        database.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " SELECT key, value, timestamp, max(step), 0, run_uuid FROM metrics GROUP BY run_uuid, key"
        )
    print("\n" + json.dumps({"runs": runs, "mb": file.stat().st_size / 1e6}))


def start(place: int) -> int:
    return BEGAN_MS + place * MINUTE_MS


def history(run: str, place: int, talent: float, runs: int) -> Iterator[tuple[str, str, int, float, int]]:
    steps = LONG if place >= runs - NEWEST else SHORT
    for step in range(steps):
        share = (step + 1) / steps
        at = start(place) + step * 10
        yield run, "accuracy", step, talent * (1 - math.exp(-4 * share)), at
        yield run, "loss", step, (1 - talent) * math.exp(-3 * share), at


main()
