"""Tables in files of Parquet and CSV, read by Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..capabilities.drift.files import first_rows
from ..capabilities.drift.tables import MOST_ROWS
from ..capabilities.predictions.cutting import Portion
from ..capabilities.predictions.parquet_files import of_parquet
from ..errors import ConfigurationError
from ..protocols import ScoringBody


class ArrowTables:
    """Reads tables for what works on DataFrames."""

    def first_rows(self, path: Path) -> Any:
        """Return as many of the first rows as are looked at, as a DataFrame."""
        return first_rows(path, MOST_ROWS)

    def requests(self, path: Path, rows: int, size: int) -> Iterator[ScoringBody]:
        """Yield a file of Parquet as scoring requests."""
        return of_parquet(path, Portion(rows, size))

    def write(self, path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write columns as a file of Parquet."""
        try:
            table = pa.table({name: list(values) for name, values in columns.items()})
        except pa.ArrowException as error:
            said = str(error).partition("\n")[0]
            raise ConfigurationError(f"the values of a column have no type in common: {said}", "write .json") from error
        pq.write_table(table, path)
