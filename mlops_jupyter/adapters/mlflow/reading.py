"""How many runs are read at once, and what a run holds, where MLflow's client has no short way."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import DatasetInput
from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval
from mlflow.store.tracking.rest_store import RestStore
from mlflow.utils.proto_json_utils import message_to_json

from ...capabilities.redaction import without_credentials
from ...capabilities.thinning import FEWEST, thin
from ...records import Dataset, MetricPoint

_RUNS_A_CALL = 100
# What MLflow searches and sorts by; their sizes are told to sqlite when they have grown so many times.
_TABLES_TO_KNOW = ("metrics", "latest_metrics", "params", "tags")
_FEW_ROWS, _GROWN = 1000, 4
_BARS = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
_bars = threading.RLock()


def histories(
    client: mlflow.MlflowClient, run_ids: Sequence[str], metric: str, most: int
) -> dict[str, tuple[MetricPoint, ...]]:
    """Read a metric's points of several runs, thinned to ``most`` of each by the store itself.

    MLflow's client reads whole histories only, a run at a time; its own pages do what is done here.
    """
    store = client._tracking_client.store  # noqa: SLF001 -- docs/decisions/0005
    points: dict[str, list[MetricPoint]] = {run_id: [] for run_id in run_ids}
    for start in range(0, len(run_ids), _RUNS_A_CALL):
        some = list(run_ids[start : start + _RUNS_A_CALL])
        if isinstance(store, RestStore):
            asked = GetMetricHistoryBulkInterval(run_ids=some, metric_key=metric, max_results=most)
            answer = store._call_endpoint(GetMetricHistoryBulkInterval, message_to_json(asked))  # noqa: SLF001
            found = answer.metrics
        else:
            found = store.get_metric_history_bulk_interval(some, metric, most, None, None)
        for point in found:
            points[point.run_id].append(MetricPoint(point.step, point.timestamp, point.value))
    # Not every store keeps to the limit where several points have one step.
    return {run_id: thin(found, max(most, FEWEST)) for run_id, found in points.items()}


def inform_planner(file: Path | None) -> None:
    """Let sqlite know how many rows its tables have.

    Without that it takes a metric to have ten rows: to sort 100,000 runs by one then takes minutes, and a run's
    history is looked for among the points of all. A sample is enough, it takes milliseconds; MLflow's own pages
    gain as well.
    """
    if file is None or not file.exists():
        return
    try:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as database:
            database.execute("PRAGMA analysis_limit=400").fetchall()
            known = _known_sizes(database)
            for table in _TABLES_TO_KNOW:
                (rows,) = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608 -- ours
                if (rows or 0) > max(_FEW_ROWS, _GROWN * known.get(table, 0)):
                    database.execute(f"ANALYZE {table}")
    except sqlite3.DatabaseError:
        # Another process writes, or the file cannot be written, or is no database: MLflow's own call, which
        # comes next, is right without this, and says what is the matter if anything is.
        return


def _known_sizes(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows sqlite takes its tables to have; it has no word of that before it was told first."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
        return {}
    return dict(database.execute("SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl"))


@contextmanager
def without_bars() -> Iterator[None]:
    """Keep MLflow from drawing a progress bar for each small file that we read."""
    # The variable is the process's.
    with _bars:
        said = os.environ.get(_BARS)
        os.environ[_BARS] = "false"
        try:
            yield
        finally:
            if said is None:
                del os.environ[_BARS]
            else:
                os.environ[_BARS] = said


def dataset(logged: DatasetInput) -> Dataset:
    """Read what MLflow keeps of a run's data."""
    data = logged.dataset
    schema, profile = _object(data.schema), _object(data.profile)
    columns: dict[str, str] = {}
    for place, one in enumerate(schema.get("mlflow_colspec") or ()):
        columns[str(one.get("name", place))] = str(one.get("type"))
    for part, specs in (schema.get("mlflow_tensorspec") or {}).items():
        # Features and targets, each one tensor or several by name.
        for name, spec in specs.items() if isinstance(specs, dict) and "tensor-spec" not in specs else [("", specs)]:
            columns[f"{part}.{name}".strip(".")] = json.dumps(spec, sort_keys=True)
    if not columns and data.schema and data.schema != "null":
        columns["schema"] = data.schema
    shape = profile.get("features_shape")
    rows = profile.get("num_rows", shape[0] if isinstance(shape, list) and shape else None)
    source = data.source
    if data.source_type == "code":
        # Its tags are those of the run itself.
        source = "code"
    elif len(named := _object(source)) == 1:
        source = str(next(iter(named.values())))
    context = next((tag.value for tag in logged.tags if tag.key == "mlflow.data.context"), "")
    return Dataset(
        name=data.name,
        digest=data.digest,
        context=context,
        columns=columns,
        rows=rows if isinstance(rows, int) else None,
        source=without_credentials(source) if "://" in source else source,
    )


def _object(text: str | None) -> dict[str, Any]:
    """Read a JSON object; anything else has nothing to say."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
