"""Requests that need pandas: CSV, Parquet, and dates in other forms than ISO's.

This module is loaded by ``values.tables`` alone, when the first such request comes.
"""

from __future__ import annotations

from io import BytesIO, StringIO
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_jupyter.capabilities.endpoints import Limits

from .arrays import Unfit, cast, check_count, check_names, check_width, of_arrays, table
from .failures import Failure, malformed, named, too_much, unfit
from .rows import Array, Rows
from .schema import Column, Schema
from .values import Values, free, typed

# How much more than its body a Parquet file may hold.
_UNPACKED = 8
_POINTER = 8
_TEXT_TYPES = frozenset({"BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"})
_CSV_DTYPES = {"double": np.float64, "float": np.float32, "long": np.int64, "integer": np.int64, "boolean": np.bool_}


def of_csv(body: bytes, schema: Schema, limits: Limits) -> Rows:
    """Return the rows of a CSV body, read as ``pandas.read_csv`` does with the signature's types."""
    if schema.tensors:
        raise unfit("the model takes tensors, which CSV cannot hold: send JSON")
    if body.count(b"\n") > limits.rows + 1:
        check_count(limits.rows + 1, limits)
    check_width(body[: body.find(b"\n")].count(b",") + 1, limits)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise malformed(f"the CSV is not UTF-8: byte {error.start}") from None
    types: dict[str, Any] = {column.name: _CSV_DTYPES.get(column.type, object) for column in schema.columns}
    try:
        with np.errstate(invalid="ignore"):  # pandas casts to see whether it may
            frame = pd.read_csv(StringIO(text), dtype=types or None)
    except (ValueError, OverflowError, TypeError):
        raise _bad_csv(text, schema) from None
    return _of_frame(frame, schema, limits, says_names=False)


def _bad_csv(text: str, schema: Schema) -> Exception:
    """Look for the value that made pandas give up, whose own message would repeat it."""
    try:
        frame = pd.read_csv(StringIO(text), dtype=object)
    except (ValueError, OverflowError, TypeError):
        return malformed("the body is not CSV that pandas can read")
    check_names([str(name) for name in frame.columns], schema, say_undeclared=False)
    for column in schema.columns:
        if column.name not in frame.columns or column.type not in _CSV_DTYPES:
            continue
        for row, value in enumerate(frame[column.name]):
            try:
                pd.read_csv(StringIO(f"x\n{value}\n"), dtype={"x": _CSV_DTYPES[column.type]})
            except (ValueError, OverflowError, TypeError):
                return unfit(
                    f"column {named([column.name])}: must be of type {column.type}",
                    value=value,
                    row=row,
                    columns=(column.name,),
                )
    return malformed("the body is not CSV that fits the model's signature")


def of_parquet(body: bytes, schema: Schema, limits: Limits) -> Rows:
    """Return the rows of a Parquet body."""
    try:
        told = pq.read_metadata(BytesIO(body))
        check_count(told.num_rows, limits)
        check_width(told.num_columns, limits)
        texts = _check_size(told, limits)
        # As dictionaries, in which a text that is there a million times takes its place once.
        read = pq.ParquetFile(BytesIO(body), read_dictionary=texts).read()
        _check_texts(read, limits)
        frame = read.to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, OverflowError):
        raise malformed("the body is not a Parquet file that can be read") from None
    return _of_frame(frame, schema, limits)


def _check_size(told: pq.FileMetaData, limits: Limits) -> list[str]:
    """Refuse a file that grows too large when it is read; return the paths of its columns of text.

    A file can say more of itself, by column; but pyarrow aborts the process when it is asked and the file is damaged.
    """
    if sum(told.row_group(at).total_byte_size for at in range(told.num_row_groups)) > limits.body_bytes * _UNPACKED:
        raise _swollen()
    columns = [told.schema.column(at) for at in range(told.num_columns)]
    return sorted({column.path for column in columns if column.physical_type in _TEXT_TYPES})


def _check_texts(read: pa.Table, limits: Limits) -> None:
    if read.nbytes + sum(_text_size(chunk) for column in read.columns for chunk in column.chunks) > (
        limits.body_bytes * _UNPACKED
    ):
        raise _swollen()


def _text_size(array: pa.Array) -> int:
    """Return how many bytes the texts of a column take that are dictionaries yet."""
    if pa.types.is_dictionary(array.type):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return pc.sum(lengths.cast(pa.int64())).as_py() or 0
    if pa.types.is_struct(array.type):
        parts = [array.field(at) for at in range(array.type.num_fields)]
    elif pa.types.is_map(array.type):
        parts = [array.keys, array.items]
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        parts = [array.flatten()]
    else:
        return 0
    return sum(len(part) * _POINTER + _text_size(part) for part in parts)


def _swollen() -> Failure:
    return too_much("the Parquet file holds more than this endpoint takes at once")


def _of_frame(frame: pd.DataFrame, schema: Schema, limits: Limits, *, says_names: bool = True) -> Rows:
    check_count(len(frame), limits)
    names = [str(name) for name in frame.columns]
    check_width(len(names), limits)
    if schema.tensors:
        lists = [_python(frame.iloc[:, at]) for at in range(len(names))]
        rows = [list(row) for row in zip(*lists, strict=True)]
        return table(names if schema.named else None, rows, schema, limits)
    if schema.named or schema.is_free:
        check_names(names, schema, say_undeclared=says_names)
    elif len(names) != len(schema.columns):
        raise unfit(f"the table must have {len(schema.columns)} columns, and has {len(names)}")
    if schema.is_free:
        return of_arrays({name: _free(frame.iloc[:, at]) for at, name in enumerate(names)})
    arrays = {}
    for position, column in enumerate(schema.columns):
        at = position if not schema.named else names.index(column.name) if column.name in names else None
        if at is not None:
            arrays[column.name] = _typed(frame.iloc[:, at], column)
    return of_arrays(arrays, named_columns=schema.named)


def _typed(series: pd.Series, column: Column) -> Array:
    values = series.to_numpy()
    if values.dtype.kind in "fiub" and column.dtype.kind in "fiub":
        try:
            return cast(values, column.dtype)
        except Unfit as problem:
            raise _blamed(values, column, problem) from None
    if values.dtype.kind == "M" and column.type == "datetime":
        try:
            return _nanoseconds(series)
        except ValueError:
            raise unfit(
                f"column {named([column.name])}: a date or time is beyond what nanoseconds can say",
                columns=(column.name,),
            ) from None
    if column.type == "binary":
        return _binaries(series, column)
    return typed(_python(series), column)


def _blamed(values: Array, column: Column, problem: Unfit) -> Exception:
    for row, value in enumerate(values):
        try:
            cast(np.array([value]), column.dtype)
        except Unfit:
            return unfit(f"column {named([column.name])}: {problem}", value=value, row=row, columns=(column.name,))
    return unfit(f"column {named([column.name])}: {problem}", columns=(column.name,))


def _binaries(series: pd.Series, column: Column) -> Array:
    """Return bytes as they are: neither CSV nor Parquet has them as base64."""
    values = _python(series)
    for row, value in enumerate(values):
        if not isinstance(value, bytes | str):
            raise unfit(
                f"column {named([column.name])}: must be binary data", value=value, row=row, columns=(column.name,)
            )
    return np.fromiter(values, dtype=object, count=len(values))


def _free(series: pd.Series) -> Array:
    values: Array = series.to_numpy()
    return values if values.dtype.kind in "fiubM" else free(_python(series))


def _python(series: pd.Series) -> list[Any]:
    """Return values as JSON would have them: None where one is missing, lists for arrays."""
    return [_plain(value) for value in series.tolist()]


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    if isinstance(value, pd.Timestamp) and value is not pd.NaT:
        # Not isoformat, which Python's calendar limits: a damaged file has years beyond it.
        return str(value.to_datetime64()) + ("" if value.tz is None else "Z")
    if isinstance(value, list | dict | str | bytes):
        return value
    return None if pd.isna(value) else value


def moments(values: Values, column: Column) -> Array:
    """Return dates and times in any form that pandas reads, as long as it reads them all in one way."""
    try:
        found = pd.to_datetime(pd.Series(values, dtype=object))
        if found.dtype.kind == "M" and found.dt.tz is None:
            return _nanoseconds(found)
    except (ValueError, TypeError, OverflowError):
        pass
    raise _no_moment(values, column)


def _nanoseconds(series: pd.Series) -> Array:
    found: Array = series.dt.as_unit("ns").to_numpy()
    return found


def _no_moment(values: Values, column: Column) -> Exception:
    for row, value in enumerate(values):
        try:
            moment = pd.Timestamp(value)
            fits = moment is pd.NaT or moment.as_unit("ns").tz is None
        except (ValueError, TypeError, OverflowError):
            fits = False
        if not fits:
            what = "must be a date or time without a time zone, as text"
            return unfit(f"column {named([column.name])}: {what}", value=value, row=row, columns=(column.name,))
    return unfit(f"column {named([column.name])}: its dates and times are of several forms", columns=(column.name,))
