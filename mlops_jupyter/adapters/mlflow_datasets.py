"""A table or an array as MLflow's input of a run."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import mlflow.data
import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow.exceptions import MlflowException

from ..capabilities.content_digest import OBJECT_BYTES, TEXT_BYTES, Content, digest
from ..capabilities.redaction import without_credentials
from ..errors import CommandError
from ..records import DatasetInput

_KINDS = "a pandas DataFrame or Series, a numpy array, a polars frame, an Arrow table or a Hugging Face dataset"
# MLflow's own limits, in characters.
LONGEST_NAME, LONGEST_SOURCE, LONGEST_SCHEMA = 500, 65_535, 1_048_575
# MLflow looks at each value in Python to tell a column's type: five million rows take it half a minute.
_ROWS_FOR_SCHEMA = 1000
# Its constructors are made when it is imported, where type checkers do not see them.
_mlflow: Any = mlflow.data
_TALKATIVE = ("mlflow.data.pandas_dataset", "mlflow.data.polars_dataset", "mlflow.data.numpy_dataset", "root")


class _Column(NamedTuple):
    """A column of a table: its name and type as the table says them, and whether no value is missing."""

    name: Any
    type: str
    required: bool


class _Table(NamedTuple):
    """What is asked of every kind of table.

    ``first`` gives MLflow's dataset of the table's first rows, of all columns or of the one at a position. A source
    that is known already is given to it: to find one, MLflow asks git and others.
    """

    columns: list[_Column]
    content: Content
    first: Callable[[int | None, Any], Any]


class MlflowDatasets:
    """Datasets as MLflow's entity of that name has them."""

    def describe(self, name: str, value: object) -> DatasetInput:
        """Describe a live table or array; nothing of its content is kept.

        A polars LazyFrame is collected. The source is the code that runs, unless a pandas DataFrame says another
        in ``df.attrs["source"]``.

        Parameters
        ----------
        name
            What it is called.
        value
            The table or array.

        Raises
        ------
        CommandError
            When it is neither.
        """
        if isinstance(value, np.ndarray):
            return _array(name, value)
        table = _as_table(value)
        if table is None:
            raise CommandError(f"{name} is a {type(value).__name__}, no dataset", f"name {_KINDS}")
        computed = digest(table.content)
        with _quiet():
            dataset = table.first(None, None)
            told = dataset.to_dict()
            columns = _colspecs(table, told["schema"], dataset.source)
        rows = table.content.rows
        profile = {"num_rows": rows, "num_elements": rows * len(columns), "digest_method": computed.method}
        return _input(name, computed.value, told, _schema(columns), profile)


def _array(name: str, array: np.ndarray[Any, Any]) -> DatasetInput:
    rows = array.shape[0] if array.ndim else 1
    row_bytes = (OBJECT_BYTES if array.dtype.hasobject else array.dtype.itemsize) * int(np.prod(array.shape[1:]))
    table = array.reshape(1) if array.ndim == 0 else array
    about = f"numpy {array.dtype.str} {array.shape}"
    computed = digest(Content(about, rows, row_bytes, lambda start, end: [table[start:end]]))
    with _quiet():
        told = _mlflow.from_numpy(array, name=name, digest=computed.value).to_dict()
    profile = {"num_rows": rows, **json.loads(told["profile"]), "digest_method": computed.method}
    return _input(name, computed.value, told, told["schema"], profile)


def _input(name: str, computed: str, told: dict[str, Any], schema: str | None, profile: object) -> DatasetInput:
    source = told["source"]
    if len(source) > LONGEST_SOURCE:
        source = json.dumps({"tags": {}}) if told["source_type"] == "code" else json.dumps({"uri": "(too long)"})
    if schema is not None and len(schema) > LONGEST_SCHEMA:
        schema = None
    return DatasetInput(
        name=name[:LONGEST_NAME],
        digest=computed,
        source_type=told["source_type"],
        source=source,
        schema=schema,
        profile=json.dumps(profile),
    )


def _as_table(value: object) -> _Table | None:
    if isinstance(value, pd.DataFrame | pd.Series):
        return _pandas(value.to_frame() if isinstance(value, pd.Series) else value, value.attrs)
    if isinstance(value, pa.RecordBatch):
        return _arrow(pa.Table.from_batches([value]))
    if isinstance(value, pa.Table):
        return _arrow(value)
    # Whoever has such a value has imported its library.
    polars: Any = sys.modules.get("polars")
    if polars is not None and isinstance(value, polars.DataFrame | polars.LazyFrame | polars.Series):
        return _polars(polars.DataFrame(value) if isinstance(value, polars.Series) else value.lazy().collect())
    hugging: Any = sys.modules.get("datasets")
    return _hugging_face(value) if hugging is not None and isinstance(value, hugging.Dataset) else None


def _pandas(frame: pd.DataFrame, attrs: dict[Any, Any]) -> _Table:
    columns = [
        _Column(name, str(frame.dtypes.iloc[at]), not frame.iloc[:, at].isna().any())
        for at, name in enumerate(frame.columns)
    ]
    # The index counts, unless it only numbers the rows.
    index = None if frame.index.equals(pd.RangeIndex(len(frame))) else frame.index.to_frame(index=False)
    parts = [frame] if index is None else [index, frame]
    every = [part.iloc[:, at] for part in parts for at in range(part.shape[1])]

    def block(start: int, end: int) -> Iterator[pd.Series]:
        for column in every:
            yield column.iloc[start:end]

    def first(at: int | None, source: Any) -> Any:
        part = frame.head(_ROWS_FOR_SCHEMA)
        return _from_pandas(part if at is None else part.iloc[:, [at]], source or attrs.get("source"))

    row_bytes = sum(_value_bytes(column) for column in every)
    about = _about("pandas", columns, [str(column.dtype) for column in every])
    return _Table(columns, Content(about, len(frame), row_bytes, block), first)


def _value_bytes(column: pd.Series) -> int:
    if not isinstance(column.dtype, np.dtype):
        return TEXT_BYTES
    if not column.dtype.hasobject:
        return column.dtype.itemsize
    # Objects of one simple type, such as the texts of pandas 2, are read by Arrow all at once.
    kind = pd.api.types.infer_dtype(column, skipna=True)
    return OBJECT_BYTES if kind.startswith("mixed") or kind == "unknown-array" else TEXT_BYTES


def _from_pandas(frame: pd.DataFrame, source: object) -> Any:
    if isinstance(source, str | os.PathLike):
        source = without_credentials(os.fspath(source))
    if isinstance(source, str | mlflow.data.dataset_source.DatasetSource):
        try:
            return _mlflow.from_pandas(frame, source=source, digest="-")
        except MlflowException:
            # It names no place that MLflow knows; the code that runs is the source then.
            pass
    return _mlflow.from_pandas(frame, digest="-")


def _arrow(table: pa.Table) -> _Table:
    columns = [
        _Column(field.name, str(field.type), table.column(at).null_count == 0) for at, field in enumerate(table.schema)
    ]

    def block(start: int, end: int) -> Any:
        return table.slice(start, end - start).columns

    def first(at: int | None, source: Any) -> Any:
        part = table.slice(0, _ROWS_FOR_SCHEMA)
        return _from_pandas((part if at is None else part.select([at])).to_pandas(), source)

    row_bytes = sum(_arrow_bytes(field.type) for field in table.schema)
    return _Table(columns, Content(_about("arrow", columns, []), table.num_rows, row_bytes, block), first)


def _arrow_bytes(kind: pa.DataType) -> int:
    if pa.types.is_nested(kind):
        return OBJECT_BYTES
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:
        return TEXT_BYTES


def _polars(frame: Any) -> _Table:
    columns = [_Column(series.name, str(series.dtype), series.null_count() == 0) for series in frame.get_columns()]

    def block(start: int, end: int) -> Iterator[Any]:
        for series in frame.get_columns():
            yield _polars_values(series.slice(start, end - start))

    def first(at: int | None, source: Any) -> Any:
        part = frame.head(_ROWS_FOR_SCHEMA)
        return _mlflow.from_polars(part if at is None else part[:, [at]], source=source, digest="-")

    kinds = [getattr(_polars_values(series.clear()), "type", None) for series in frame.get_columns()]
    row_bytes = sum(OBJECT_BYTES if kind is None else _arrow_bytes(kind) for kind in kinds)
    return _Table(columns, Content(_about("polars", columns, []), frame.height, row_bytes, block), first)


def _polars_values(series: Any) -> Any:
    # Of Python objects Arrow would be given the addresses.
    if str(series.dtype) != "Object":
        try:
            return series.to_arrow()
        except pa.ArrowException:
            # Integers of 128 bits, for one, are not Arrow's.
            pass
    return pd.Series(series.to_list(), dtype=object)


def _hugging_face(dataset: Any) -> _Table:
    # Its rows may be chosen and shuffled: only its own access knows their order.
    rows = dataset.with_format("arrow")
    like = _arrow(rows[: min(_ROWS_FOR_SCHEMA, len(dataset))])
    columns = [
        column._replace(required=column.required and dataset.data.column(column.name).null_count == 0)
        for column in like.columns
    ]

    def first(at: int | None, source: Any) -> Any:
        if at is not None:
            return like.first(at, source)
        return _mlflow.from_huggingface(dataset.select(range(min(_ROWS_FOR_SCHEMA, len(dataset)))), digest="-")

    content = like.content._replace(
        about=_about("huggingface", columns, []), rows=len(dataset), block=lambda start, end: rows[start:end].columns
    )
    return _Table(columns, content, first)


def _about(kind: str, columns: list[_Column], more: list[str]) -> str:
    return json.dumps([kind, [[repr(column.name), column.type] for column in columns], more])


def _colspecs(table: _Table, schema: str | None, source: Any) -> list[dict[str, Any]]:
    """Return the columns as MLflow's schema has them; a type that MLflow does not know, as the table calls it."""
    specs = json.loads(schema or "null")
    # One column that MLflow does not know leaves it without a schema: then each is asked for alone.
    inferred = specs["mlflow_colspec"] if specs else [_colspec(table, at, source) for at in range(len(table.columns))]
    return [
        {**spec, "name": name if isinstance(name, str | int) else str(name), "required": required}
        for spec, (name, _, required) in zip(inferred, table.columns, strict=True)
    ]


def _colspec(table: _Table, at: int, source: Any) -> dict[str, Any]:
    inferred = table.first(at, source).schema
    spec: dict[str, Any] = inferred.to_dict()[0] if inferred is not None else {"type": table.columns[at].type}
    return spec


def _schema(columns: list[dict[str, Any]]) -> str:
    """Return the schema; of very many columns the first ones and how many more there are."""
    whole = json.dumps({"mlflow_colspec": columns})
    kept = len(columns)
    while len(whole) > LONGEST_SCHEMA and kept:
        kept = min(kept - 1, kept * LONGEST_SCHEMA // len(whole))
        rest = {"type": "string", "name": f"… and {len(columns) - kept:,} more columns", "required": False}
        whole = json.dumps({"mlflow_colspec": [*columns[:kept], rest]})
    return whole


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow's advice about schemas of models to itself: nobody has asked for a model."""

    def silent(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    loggers = [logging.getLogger(None if name == "root" else name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(silent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(silent)
