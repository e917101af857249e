"""Make sqlite stores with runs in them: FOLDER/10.db and FOLDER/1000.db.

    python -P make_store.py FOLDER EXPERIMENT

One run is logged through MLflow, which also makes the tables; its rows are then copied.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import mlflow

SIZES = (10, 1000)


def log_one(store: Path, experiment: str) -> str:
    mlflow.set_tracking_uri(f"sqlite:///{store}")
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        mlflow.set_tags(
            {"mlops.cell_id": "seed", "mlflow.source.git.branch": "main", "mlflow.source.git.dirty": "false"}
        )
        mlflow.log_params({"max_depth": 6, "criterion": "gini", "min_samples_leaf": 1})
        mlflow.log_metrics({"accuracy": 0.93, "loss": 0.2})
    return str(run.info.run_id)


def copy_run(store: Path, run_id: str, times: int) -> None:
    with closing(sqlite3.connect(store)) as database, database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            if "run_uuid" not in columns:
                continue
            taken = ", ".join("?" if column == "run_uuid" else column for column in columns)
            copy = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {taken} FROM {table} WHERE run_uuid = ?"  # noqa: S608 -- names from the schema
            database.executemany(copy, ((f"{new:032x}", run_id) for new in range(times)))


def main() -> None:
    folder, experiment = Path(sys.argv[1]), sys.argv[2]
    first = folder / f"{uuid4().hex}.db"
    run_id = log_one(first, experiment)
    for size in SIZES:
        shutil.copy(first, folder / f"{size}.db")
        copy_run(folder / f"{size}.db", run_id, size - 1)
    first.unlink()
    print("\n" + json.dumps(SIZES))


main()
