"""Tables in files of Parquet and CSV, read by Arrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..capabilities.drift.files import first_rows
from ..capabilities.drift.tables import MOST_ROWS


class ArrowTables:
    """Reads tables for what works on DataFrames."""

    def first_rows(self, path: Path) -> Any:
        """Return as many of the first rows as are looked at, as a DataFrame."""
        return first_rows(path, MOST_ROWS)
