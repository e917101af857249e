"""Tables, arrays and files as scoring requests, and the answers in the kind that the data had."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import CommandError, ConfigurationError, NotFound
from ...protocols import ScoringBody, TableFiles
from .csv_files import of_csv
from .cutting import cut
from .documents import SHAPES, Takes, of_records, of_request, of_table, of_tensor, split

_FORMATS = {".json", ".csv", ".parquet"}


class Asked(NamedTuple):
    """What is to be sent, and how all answers together look like what was given."""

    bodies: Iterator[ScoringBody]
    like: Callable[[list[Any]], Any]


def asked(data: Any, takes: Takes, tables: Callable[[], TableFiles]) -> Asked:
    """Return data as requests, each of a size that an endpoint takes.

    Parameters
    ----------
    data
        A pandas DataFrame or Series, a NumPy array, a list, a dict, JSON text, or a file of CSV, JSON or Parquet.
    takes
        What the model takes: data without names gets those of its columns.
    tables
        Returns what reads Parquet.

    Raises
    ------
    CommandError
        When it is nothing that can be sent.
    NotFound
        When it names a file that is not there.
    ConfigurationError
        When it names a file that is empty or cannot be read.
    """
    kind = type(data).__name__
    if isinstance(data, str) and data.lstrip()[:1] in {"{", "["}:
        return Asked(_of_json(_parsed(data, "the data", CommandError), takes), list)
    if isinstance(data, str | Path):
        return Asked(_of_file(Path(data), takes, tables), list)
    if kind == "DataFrame" and hasattr(data, "columns"):
        return _frame(data, takes)
    if kind == "Series" and hasattr(data, "index"):
        return _series(data, takes)
    if hasattr(data, "__array__") or isinstance(data, list | tuple):
        return _array(data, takes)
    if isinstance(data, Mapping):
        return _mapping(data, takes)
    raise CommandError(
        f"a {kind} cannot be sent to an endpoint", "give a DataFrame, an array, a list, a dict, JSON or a file"
    )


def _of_file(given: Path, takes: Takes, tables: Callable[[], TableFiles]) -> Iterator[ScoringBody]:
    path = given.expanduser()
    kind = path.suffix.lower()
    try:
        with path.open("rb") as file:
            # A few spaces are no more than nothing is.
            is_empty = not file.read(1024).strip() and not file.read(1)
    except FileNotFoundError as error:
        live = f"; in a cell ${given} is the object" if str(given).isidentifier() else ""
        hint = f"give JSON text, or a file of CSV, JSON or Parquet{live}"
        raise NotFound(f"there is no file {given}", hint) from error
    except OSError as error:
        raise _unreadable(given, error) from error
    if kind not in _FORMATS:
        raise CommandError(f"{given} is no CSV, JSON or Parquet by its name", "call it .csv, .json or .parquet")
    if is_empty:
        raise ConfigurationError(f"{given} is empty", "give a file of CSV, JSON or Parquet with rows")
    if kind == ".csv":
        return _reading(of_csv(path, takes.portion), given)
    if kind == ".parquet":
        return _reading(tables().requests(path, *takes.portion), given)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(given, error) from error
    return _of_json(_parsed(content, str(given), ConfigurationError), takes)


def _reading(bodies: Iterator[ScoringBody], given: Path) -> Iterator[ScoringBody]:
    try:
        yield from bodies
    except OSError as error:
        raise _unreadable(given, error) from error


def _unreadable(given: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot read {given}: {error.strerror or error}", "check the path")


def _parsed(text: str | bytes, what: str, wrong: type[CommandError | ConfigurationError]) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise wrong(f"{what} is not valid JSON: {error}", "give a scoring request, or a list of rows") from error


def _of_json(told: Any, takes: Takes) -> Iterator[ScoringBody]:
    """Yield scoring requests, of which plain rows are none yet."""
    if isinstance(told, dict) and len(SHAPES & told.keys()) == 1:
        return of_request(told, takes)
    if isinstance(told, dict) and told and all(isinstance(one, list) for one in told.values()):
        # Columns, as a dict in Python.
        return _mapping(told, takes).bodies
    if isinstance(told, dict):
        return of_records([told], takes)
    if isinstance(told, list) and all(isinstance(one, dict) for one in told):
        return of_records(told, takes)
    return of_request({"inputs": told}, takes)


def _frame(frame: Any, takes: Takes) -> Asked:
    names = list(frame.columns)

    def encode(first: int, last: int) -> bytes:
        part = frame.iloc[first:last]
        columns = [part.iloc[:, place].astype(object).tolist() for place in range(len(names))]
        return split(names, list(zip(*columns, strict=True)))

    def like(values: list[Any]) -> Any:
        # A model may give one answer for many rows.
        index = frame.index if len(values) == len(frame) else None
        if values and all(isinstance(one, dict) for one in values):
            return type(frame)(values, index=index)
        if values and all(isinstance(one, list) for one in values):
            return type(frame)(values, index=index)
        return type(frame)({"prediction": values}, index=index)

    return Asked(cut(len(frame), encode, takes.portion), like)


def _series(series: Any, takes: Takes) -> Asked:
    columns = takes.columns
    if columns and set(columns) == {str(one) for one in series.index}:
        # One row, as a DataFrame gives it.
        row = of_table(list(series.index), [series.astype(object).tolist()], takes)
        return Asked(row, lambda values: type(series)(values, name="prediction"))
    name = columns[0] if len(columns) == 1 else series.name if series.name is not None else "0"
    rows = [[one] for one in series.astype(object).tolist()]
    return Asked(
        of_table([name], rows, takes), lambda values: type(series)(values, index=series.index, name="prediction")
    )


def _array(data: Any, takes: Takes) -> Asked:
    like = list if isinstance(data, list | tuple) else _as_array
    columns = takes.columns
    if isinstance(data, list | tuple) and data and all(isinstance(one, Mapping) for one in data):
        return Asked(of_records(data, takes), list)
    if columns and hasattr(data, "shape") and hasattr(data, "tolist"):
        if tuple(data.shape) == (len(columns),):
            return Asked(of_table(columns, [data.tolist()], takes), like)
        if len(data.shape) > 1 and data.shape[1] == len(columns):
            return Asked(
                cut(len(data), lambda first, last: split(columns, data[first:last].tolist()), takes.portion), like
            )
    elif columns:
        rows = list(data)
        if rows and not isinstance(rows[0], list | tuple) and len(rows) == len(columns):
            rows = [rows]
        if rows and all(isinstance(one, list | tuple) and len(one) == len(columns) for one in rows):
            return Asked(of_table(columns, rows, takes), like)
    return Asked(of_tensor(data, takes), like)


def _as_array(values: list[Any]) -> Any:
    # Whoever has given an array has it; the others are spared the import.
    numpy = import_module("numpy")
    return numpy.asarray([math.nan if one is None else one for one in values])


def _mapping(data: Mapping[str, Any], takes: Takes) -> Asked:
    def like(values: list[Any]) -> Any:
        return {"predictions": values}

    if len(SHAPES & data.keys()) == 1:
        return Asked(of_request(data, takes), like)
    several = {name: _several(value) for name, value in data.items()}
    lengths = {len(value) for value in several.values() if value is not None}
    if not lengths:
        return Asked(of_records([data], takes), like)
    if len(lengths) > 1 or None in several.values():
        raise CommandError("the columns of the data are not of one length", "give a value each, or a list each")
    rows = list(zip(*(value or () for value in several.values()), strict=True))
    return Asked(of_table(list(data), rows, takes), like)


def _several(value: Any) -> list[Any] | None:
    if isinstance(value, list | tuple):
        return list(value)
    return list(value.tolist()) if hasattr(value, "__len__") and hasattr(value, "tolist") else None
