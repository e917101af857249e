"""Answers and logged rows of an endpoint, written as its watcher writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START_MS = 1_764_000_000_000


def answered(
    watch: Path,
    ids: Any,
    version: str = "1",
    *,
    at_ms: int = START_MS,
    rows: Any = None,
    kind: str = "answers",
    **more: Any,
) -> Path:
    """Write a part of answers, or of logged rows with ``kind="payloads"``; more are its columns."""
    folder = watch / kind
    folder.mkdir(parents=True, exist_ok=True)
    count = len(ids)
    at = pa.array(np.full(count, at_ms * 1000, dtype=np.int64)).cast(pa.timestamp("us", tz="UTC"))
    table = pa.table(
        {
            "request_id": pa.array(ids, pa.string()),
            "row": pa.array(np.zeros(count) if rows is None else rows, pa.int32()),
            "at": at,
            "version": pa.array([version] * count, pa.string()),
            **more,
        }
    )
    path = folder / f"{at_ms:013d}-{len(list(folder.iterdir()))}.parquet"
    pq.write_table(table, path)
    return path
