"""A file of Parquet cut into smaller ones; no more than a part is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import ConfigurationError
from ...protocols import ScoringBody
from .cutting import Portion, cut

_PARQUET = "application/vnd.apache.parquet"


def of_parquet(path: Path, portion: Portion) -> Iterator[ScoringBody]:
    """Yield a file as requests: as it is, where it is one.

    Raises
    ------
    ConfigurationError
        When it is no Parquet that can be read.
    OSError
        When it cannot be read at all.
    """
    try:
        with pq.ParquetFile(path) as file:
            told = file.metadata
            if told.num_rows <= portion.rows and path.stat().st_size <= portion.size:
                yield ScoringBody(path.read_bytes(), _PARQUET)
                return
            first = 0
            for batch in file.iter_batches(batch_size=portion.rows):
                # Of pandas' index too, which the endpoint sets aside.
                table = pa.Table.from_batches([batch]).replace_schema_metadata(file.schema_arrow.metadata)
                for body in cut(len(batch), partial(_written, table), portion, _PARQUET):
                    done = (first + body.done * len(batch)) / told.num_rows
                    yield body._replace(first_row=first + body.first_row, done=done)
                first += len(batch)
    except pa.ArrowException as error:
        said = str(error).partition("\n")[0]
        raise ConfigurationError(f"{path} is no Parquet that can be read: {said}", "write it anew") from error


def _written(table: pa.Table, start: int, end: int) -> bytes:
    sink = BytesIO()
    pq.write_table(table.slice(start, end - start), sink)
    return sink.getvalue()
