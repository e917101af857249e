"""Labels as they are given: a file, a table or plain values, as batches of one form."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ...errors import CommandError, ConfigurationError, NotFound
from ..csv_types import later
from .parts import ID, LABEL, ROW

_BATCH = 65_536
_HINT = "give CSV, JSON or Parquet with the columns request_id and label, and row where a request had several"
# How much more than its body a Parquet file may hold.
_UNPACKED = 8
_MOST_ROW, _LONGEST = 2**31 - 1, 1_024
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
# Where some rows are not said, pandas makes them floats.
_ROW_TYPES = (pa.types.is_null, pa.types.is_integer, pa.types.is_floating)


class Columns(NamedTuple):
    """Which columns of what is given hold what."""

    request_id: str = ID
    label: str = LABEL
    row: str = ROW


USUAL = Columns()


class _Unreadable(Exception):
    """What was given is not what it says that it is; the message says so."""


@contextmanager
def _blaming(wrong: type[CommandError | ConfigurationError]) -> Iterator[None]:
    """Say of what cannot be read whose fault that is: the file's, or that of whoever has sent or typed it."""
    try:
        yield
    except _Unreadable as error:
        raise wrong(str(error), _HINT) from error


def batches(data: Any, columns: Columns = USUAL) -> Iterator[pa.Table]:
    """Yield labels as tables of ``request_id``, ``row`` and ``label``, some 65,000 rows each.

    Parameters
    ----------
    data
        A file of CSV, JSON, JSON lines or Parquet; JSON text; a DataFrame or Arrow table; a list of objects or a dict
        of columns. Where a label does not say its row, that is null here. Rows without a label are left out.
    columns
        The names of its columns.

    Raises
    ------
    CommandError
        When it holds no labels, or a column is missing or of a kind that no label has.
    NotFound
        When it names a file that is not there.
    ConfigurationError
        When it names a file that is empty or cannot be read.
    """
    for table in _tables(data, columns):
        yield _checked(table, columns)


def of_body(body: bytes, kind: str, most: int) -> Iterator[pa.Table]:
    """Yield the labels of a request's body; ``kind`` is its media type.

    Raises
    ------
    CommandError
        As of `batches`, and when there are more than ``most``; its message holds no value of the body.
    """
    columns = Columns()
    count = 0
    with _blaming(CommandError):
        if kind == "text/csv":
            read = _csv(lambda: BytesIO(body), "the body", columns)
        elif kind == "application/vnd.apache.parquet":
            read = _parquet(BytesIO(body), "the body", columns, len(body) * _UNPACKED)
        else:
            read = _of_values(_parsed(body, "the body"), columns)
        for table in read:
            count += table.num_rows
            if count > most:
                raise CommandError(f"there are more than {most:,} labels", "send them in parts")
            yield _checked(table, columns)


def _tables(data: Any, columns: Columns) -> Iterator[pa.Table]:
    if isinstance(data, Path) or (isinstance(data, str) and data.lstrip()[:1] not in {"{", "["}):
        return _file(Path(data).expanduser(), columns)
    if isinstance(data, str):
        with _blaming(CommandError):
            return _of_values(_parsed(data, "the text"), columns)
    if isinstance(data, pa.Table):
        return _cut(data)
    if isinstance(data, pd.DataFrame):
        return _frame(data, columns)
    if hasattr(data, "__arrow_c_stream__"):
        return _cut(pa.table(data))
    if isinstance(data, Mapping | list | tuple):
        return _of_values(data, columns)
    raise CommandError(f"a {type(data).__name__} holds no labels", _HINT)


def _file(path: Path, columns: Columns) -> Iterator[pa.Table]:
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet", ".json", ".jsonl", ".ndjson"}:
        raise CommandError(f"{path} is no CSV, JSON or Parquet by its name", "call it .csv, .json, .jsonl or .parquet")
    try:
        with path.open("rb") as file, _blaming(ConfigurationError):
            if os.fstat(file.fileno()).st_size == 0:
                raise _Unreadable(f"{path} is empty")
            if suffix == ".csv":
                yield from _csv(lambda: path.open("rb"), str(path), columns)
            elif suffix == ".parquet":
                yield from _parquet(file, str(path), columns)
            elif suffix == ".json":
                yield from _of_values(_parsed(file.read(), str(path)), columns)
            else:
                yield from _lines(file, str(path), columns)
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {path}", _HINT) from error
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}", "check the path") from error


def _csv(opened: Callable[[], IO[bytes]], what: str, columns: Columns) -> Iterator[pa.Table]:
    """Read CSV; the beginning tells the types, of which whole numbers may become others later, and nothing anything."""
    try:
        with opened() as file, pa_csv.open_csv(file) as first:
            schema = first.schema
        _there(schema.names, columns)
        kinds = {name: schema.field(name).type for name in dict.fromkeys(columns) if name in schema.names}
        types = {name: later(kind) for name, kind in kinds.items()}
        # An id of digits alone is text as well.
        types[columns.request_id] = pa.string()
        unsaid = [name for name, kind in kinds.items() if pa.types.is_null(kind) and name != columns.request_id]
        options = pa_csv.ConvertOptions(column_types=types, include_columns=list(kinds))
        with opened() as file, pa_csv.open_csv(file, convert_options=options) as reader:
            for batch in reader:
                yield _emptied(pa.table(batch), unsaid, options.null_values)
    except (pa.ArrowInvalid, csv.Error) as error:
        raise _Unreadable(f"{what} is no CSV that can be read") from error


def _emptied(table: pa.Table, names: Sequence[str], empty: Sequence[str]) -> pa.Table:
    """Return a table in whose columns of text nothing stands where it is missing; numbers in them are numbers."""
    for name in names:
        texts = table[name]
        kept = pc.if_else(pc.is_in(texts, pa.array(empty)), None, texts)
        # Words stay words.
        with suppress(pa.ArrowInvalid):
            kept = kept.cast(pa.float64())
        table = table.set_column(table.column_names.index(name), name, kept)
    return table


def _parquet(file: Any, what: str, columns: Columns, most_bytes: int | None = None) -> Iterator[pa.Table]:
    try:
        told = pq.read_metadata(file)
        file.seek(0)
        size = sum(told.row_group(at).total_byte_size for at in range(told.num_row_groups))
        if most_bytes is not None and size > most_bytes:
            raise CommandError(f"{what} holds more than is taken at once", "send it in parts")
        # As dictionaries, in which a text that is there a million times takes its place once.
        said = [told.schema.column(at) for at in range(told.num_columns)]
        texts = [one.path for one in said if one.physical_type == "BYTE_ARRAY"]
        parquet = pq.ParquetFile(file, read_dictionary=texts)
        _there(parquet.schema_arrow.names, columns)
        wanted = [name for name in parquet.schema_arrow.names if name in columns]
        for batch in parquet.iter_batches(_BATCH, columns=wanted):
            yield pa.table(batch)
    except (pa.ArrowException, OSError) as error:
        raise _Unreadable(f"{what} is no Parquet that can be read") from error


def _lines(file: Any, what: str, columns: Columns) -> Iterator[pa.Table]:
    waiting = []
    for line in file:
        if line.strip():
            waiting.append(_parsed(line, what))
        if len(waiting) == _BATCH:
            yield from _of_values(waiting, columns)
            waiting = []
    if waiting:
        yield from _of_values(waiting, columns)


def _parsed(text: str | bytes, what: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Unreadable(f"{what} is not valid JSON") from error


def _frame(frame: pd.DataFrame, columns: Columns) -> Iterator[pa.Table]:
    # An id is as often the index as a column.
    if columns.request_id not in frame.columns and columns.request_id in frame.index.names:
        frame = frame.reset_index()
    _there(list(map(str, frame.columns)), columns)
    wanted = [name for name in columns if name in frame.columns]
    if len(set(wanted)) != len(wanted) or frame.columns.duplicated().any():
        raise CommandError("the table has two columns of one name", _HINT)
    for start in range(0, max(1, len(frame)), _BATCH):
        part = frame[wanted].iloc[start : start + _BATCH]
        try:
            yield pa.Table.from_pandas(part, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise CommandError("a column of the table holds values of several kinds", _HINT) from error


def _of_values(told: Any, columns: Columns) -> Iterator[pa.Table]:
    if isinstance(told, Mapping) and set(told) == {"labels"}:
        told = told["labels"]
    try:
        if isinstance(told, Mapping):
            _there(list(map(str, told)), columns)
            listed = {str(name): list(each) for name, each in told.items() if name in columns}
            yield from _cut(pa.table(listed))
        elif isinstance(told, list | tuple) and all(isinstance(one, Mapping) for one in told):
            _there(list(map(str, dict.fromkeys(name for one in told for name in one))), columns)
            names = [name for name in columns if any(name in one for one in told)]
            listed = {name: [one.get(name) for one in told] for name in names}
            yield from _cut(pa.table(listed))
        else:
            raise CommandError("the labels are no list of objects", _HINT)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
        raise CommandError("a column of the labels holds values of several kinds", _HINT) from error


def _cut(table: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, max(1, table.num_rows), _BATCH):
        yield table.slice(start, _BATCH)


def _checked(table: pa.Table, columns: Columns) -> pa.Table:
    """Return a batch with the columns as they are kept."""
    _there(table.column_names, columns)
    ids, labels = _short(table[columns.request_id]), _short(table[columns.label])
    if pa.types.is_null(labels.type):
        labels = labels.cast(pa.float64())
    kept = pc.is_valid(labels)
    if pa.types.is_floating(labels.type):
        kept = pc.and_(kept, pc.invert(pc.fill_null(pc.is_nan(labels), fill_value=True)))
    if ids.null_count and pc.any(pc.and_(kept, pc.is_null(ids))).as_py():
        raise CommandError("a label has no request id", _HINT)
    texts = _text(ids, columns)
    if pc.any(pc.and_(kept, pc.equal(texts, ""))).as_py():
        raise CommandError("a label's request id is empty", _HINT)
    made = pa.table({ID: texts, ROW: _numbers(table, columns), LABEL: _plain(labels)})
    return made.filter(kept)


def _there(names: Sequence[str], columns: Columns) -> None:
    for name in (columns.request_id, columns.label):
        if name not in names:
            has = ", ".join(names[:10]) or "none"
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""  # noqa: PLR2004 -- as many as are named
            option = "--label" if name == columns.label else "--request-id"
            raise CommandError(f"the labels have no column {name}; their columns are {has}{more}", f"{option} COLUMN")


def _short(column: Any) -> Any:
    """Refuse texts that are longer than an id or a label is."""
    for chunk in column.chunks:
        texts = chunk.dictionary if pa.types.is_dictionary(chunk.type) else chunk
        if any(check(texts.type) for check in _TEXTS) and (pc.max(pc.binary_length(texts)).as_py() or 0) > _LONGEST:
            raise CommandError(f"a request id or a label is longer than {_LONGEST} bytes", _HINT)
    return column


def _text(ids: Any, columns: Columns) -> Any:
    kind = ids.type.value_type if pa.types.is_dictionary(ids.type) else ids.type
    if any(check(kind) for check in (pa.types.is_null, pa.types.is_integer, *_TEXTS)):
        return ids.cast(pa.string())
    raise CommandError(f"the column {columns.request_id} holds no request ids but {kind}", _HINT)


def _numbers(table: pa.Table, columns: Columns) -> Any:
    if columns.row not in table.column_names:
        return pa.nulls(table.num_rows, pa.int32())
    given = table[columns.row]
    if not any(check(given.type) for check in _ROW_TYPES):
        raise CommandError(f"the column {columns.row} holds no numbers of rows", _HINT)
    try:
        numbers = given.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise CommandError(f"the column {columns.row} holds no numbers of rows", _HINT) from error
    if (
        numbers.length() > numbers.null_count
        and not 0 <= pc.min(numbers).as_py() <= pc.max(numbers).as_py() <= _MOST_ROW
    ):
        raise CommandError(f"the column {columns.row} holds no numbers of rows: they count from 0", _HINT)
    return numbers.cast(pa.int32())


def _plain(labels: Any) -> Any:
    """Return labels in one of the kinds that are kept: truth values, numbers, text."""
    kind = labels.type
    if pa.types.is_dictionary(kind):
        return _plain(labels.cast(kind.value_type))
    if pa.types.is_boolean(kind):
        return labels
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return labels.cast(pa.float64())
    if any(check(kind) for check in _TEXTS):
        return labels.cast(pa.string())
    raise CommandError(f"labels are numbers, text or truth values, not {kind}", _HINT)
