"""What an endpoint has answered, as a table with a line a row: which request it was in, and which row of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import ConfigurationError

FORMATS = (".csv", ".parquet", ".json")
# As the labels that come later name a row.
_REQUEST, _ROW = "request_id", "row"


def table(predictions: Sequence[Any], request_ids: Sequence[str], rows: Sequence[int]) -> dict[str, list[Any]]:
    """Return answers as columns.

    Parameters
    ----------
    predictions
        One a row; a dict of them has a column each.
    request_ids, rows
        Of each request its id, and how many rows it had.
    """
    columns: dict[str, list[Any]] = {
        _REQUEST: [one for one, count in zip(request_ids, rows, strict=True) for _ in range(count)],
        _ROW: [row for count in rows for row in range(count)],
    }
    if predictions and all(isinstance(one, dict) for one in predictions):
        for name in dict.fromkeys(str(name) for one in predictions for name in one):
            values = [one.get(name) for one in predictions]
            columns[f"prediction_{name}" if name in columns else name] = values
    else:
        columns["prediction"] = list(predictions)
    return columns


def write_csv(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns as CSV; what is missing is empty, a list or an object is JSON."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(tuple(map(_cell, row)) for row in zip(*columns.values(), strict=True))


def write_json(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns as a list of objects, one a row."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def unwritable(path: Path, error: OSError) -> ConfigurationError:
    """Return the error of a file that cannot be written."""
    return ConfigurationError(f"cannot write {path}: {error.strerror or error}", "name another file: --output FILE")


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value
