"""Tables and tensors of a request as arrays that fit the model's signature."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from mlops_jupyter.capabilities.endpoints import Limits

from .failures import Failure, malformed, named, too_much, unfit
from .rows import Array, Rows
from .schema import Schema, Tensor
from .values import FLOATS, free, typed

_WIDE = 8
_ROWS = frozenset({list, tuple})
_NUMBERS = frozenset({float, int})
# By numpy's letter for a type: what Python's arrays call the one that is read, and numpy.
_READ: Mapping[str, tuple[str, type]] = {
    "d": ("d", np.float64),
    "f": ("d", np.float64),
    "i": ("i", np.int32),
    "l": ("q", np.int64),
    "q": ("q", np.int64),
}


def narrowed(found: Array, wanted: np.dtype[Any]) -> Array:
    """Return numbers as floats; what is beyond a narrow type is infinite, as in MLflow."""
    if found.dtype == wanted:
        return found
    if wanted.itemsize >= _WIDE:
        return found.astype(wanted)
    with np.errstate(over="ignore"):
        return found.astype(wanted)


def quick_matrix(rows: Sequence[Any], width: int, wanted: np.dtype[Any]) -> Array | None:
    """Return rows of numbers as one array, or ``None`` where it takes a closer look to say what is wrong.

    The types are looked at all at once, and numpy is told what to expect: it would take true for 1 and "1" for 1.
    """
    if len(rows) == 1 and type(rows[0]) is list and len(rows[0]) == width:
        flat = rows[0]  # one row is most of what an endpoint is asked
    elif not _ROWS.issuperset(map(type, rows)) or set(map(len, rows)) != {width}:
        return None
    else:
        flat = list(chain.from_iterable(rows))
    kinds = set(map(type, flat))
    if wanted.kind == "f" and kinds <= FLOATS:
        found = np.fromiter(flat, np.float64, len(flat)) if kinds <= _NUMBERS else np.array(flat, dtype=np.float64)
        return narrowed(found, wanted).reshape(-1, width)
    if wanted.kind != "f" and kinds == {int}:
        try:
            return np.array(flat, dtype=wanted).reshape(-1, width)
        except OverflowError:
            return None
    return None


def plain_matrix(rows: Sequence[Any], width: int, wanted: np.dtype[Any]) -> Array | None:
    """Return the same as `quick_matrix`, of rows in which there is no truth value: those would be taken for numbers."""
    try:
        if len(rows) == 1:
            flat = rows[0]
            if len(flat) != width:
                return None
        elif set(map(len, rows)) == {width}:
            flat = list(chain.from_iterable(rows))
        else:
            return None
        # It takes numbers of one kind and nothing else, and is filled faster than numpy's.
        letter, read = _READ[wanted.char]
        found: Array = np.frombuffer(array(letter, flat), read)
    except (TypeError, KeyError, OverflowError):
        return None
    return narrowed(found, wanted).reshape(-1, width) if wanted.kind == "f" else found.reshape(-1, width)


def check_count(count: int, limits: Limits) -> None:
    """Refuse a table without rows, and one with too many."""
    if not count:
        raise unfit("there are no rows")
    if count > limits.rows:
        raise too_much(f"there are more than {limits.rows} rows, the most that this endpoint takes at once")


def check_width(width: int, limits: Limits) -> None:
    """Refuse a table with too many columns."""
    if width > limits.columns:
        raise too_much(f"there are more than {limits.columns} columns, the most that this endpoint takes")


def check_names(names: Sequence[Any], schema: Schema, *, say_undeclared: bool = True) -> None:
    """Refuse column names that occur twice, that the signature does not declare, or that it requires and are missing.

    Parameters
    ----------
    names
        What the request has.
    schema
        What the model wants.
    say_undeclared
        Whether the names of undeclared columns may be said; not where a first row of data could be taken for names,
        which has not all those that are wanted.
    """
    if names == schema.name_list:
        return
    if not all(type(name) is str for name in names):
        raise malformed("a column's name must be a text")
    given = set(names)
    if len(given) != len(names):
        raise malformed("a column's name occurs twice")
    if not schema.named:
        return
    declared = set(schema.names)
    required = schema.required or declared
    problems = []
    if missing := [name for name in schema.names if name in required and name not in given]:
        problems.append(f"missing columns: {named(missing)}")
    if extra := [(position, name) for position, name in enumerate(names) if name not in declared]:
        sure = say_undeclared or not missing
        said = named(name for _, name in extra) if sure else f"number {named(at for at, _ in extra)}"
        problems.append(f"columns that the model's signature does not declare: {said}")
    if problems:
        raise unfit("; ".join(problems), columns=missing)


def table(
    names: Sequence[Any] | None, rows: Sequence[Any], schema: Schema, limits: Limits, *, base64_text: bool = True
) -> Rows:
    """Return a table given row by row.

    Parameters
    ----------
    names
        The columns' names; ``None`` for a table without.
    rows
        Lists of values, all as long as there are names.
    schema, limits
        What the table must fit.
    base64_text
        Whether binary data comes as base64.
    """
    rows, width = _even_rows(names, rows, limits)
    _check_columns(names, width, schema)
    if schema.tensors:
        return _tensors_of_table(names, rows, schema)
    if schema.matrix is not None and width == len(schema.columns):
        quick = quick_matrix(rows, width, schema.matrix)
        if quick is not None:
            return Rows(len(rows), schema.names, in_order(quick, names, schema))
    labels = names if names is not None and (schema.named or schema.is_free) else [str(at) for at in range(width)]
    given = dict(zip(labels, zip(*rows, strict=True), strict=True))
    return columns(given, schema, base64_text=base64_text)


def _even_rows(names: Sequence[Any] | None, rows: Sequence[Any], limits: Limits) -> tuple[Sequence[Any], int]:
    """Return rows that are all of one length, and the length."""
    check_count(len(rows), limits)
    if names is None and type(rows[0]) is not list:
        rows = [[value] for value in rows]  # pandas takes a list of values for a table of one column
    width = len(rows[0] if names is None else names)
    check_width(width, limits)
    for at, row in enumerate(rows):
        if type(row) not in {list, tuple} or len(row) != width or not width:
            raise malformed(f"row {at} must be a list of {width or 'some'} values, one for each column")
    return rows, width


def _check_columns(names: Sequence[Any] | None, width: int, schema: Schema) -> None:
    if names is not None:
        check_names(names, schema)
    elif schema.named:
        raise unfit("the columns need names: the model's signature has them")
    if schema.columns and not schema.named and width != len(schema.columns):
        raise unfit(f"each row must have {len(schema.columns)} values, as the model's signature says; it has {width}")


def in_order(found: Array, names: Sequence[str] | None, schema: Schema) -> Array:
    """Return a table's columns in the signature's order."""
    if names is None or not schema.named or list(names) == schema.name_list:
        return found
    at = {name: position for position, name in enumerate(names)}
    return np.ascontiguousarray(found[:, [at[name] for name in schema.names]])


def columns(given: Mapping[str, Sequence[Any]], schema: Schema, *, base64_text: bool = True) -> Rows:
    """Return a table given column by column, whose names are checked."""
    if schema.is_free:
        arrays = {name: free(values) for name, values in given.items()}
    else:
        arrays = {
            column.name: typed(given[column.name], column, base64_text=base64_text)
            for column in schema.columns
            if column.name in given
        }
    return of_arrays(arrays, named_columns=schema.named or schema.is_free)


def of_arrays(arrays: Mapping[str, Array], *, named_columns: bool = True) -> Rows:
    """Return columns that are arrays already; as one array where they are numbers of one type."""
    names = tuple(arrays) if named_columns else ()
    first = next(iter(arrays.values()))
    dtype = first.dtype
    if dtype.kind in "fiu" and all(array.dtype == dtype and array.ndim == 1 for array in arrays.values()):
        joined = np.concatenate(list(arrays.values())).reshape(len(arrays), len(first))
        return Rows(len(first), names, np.ascontiguousarray(joined.T))
    return Rows(len(first), names, None, arrays)


def _tensors_of_table(names: Sequence[str] | None, rows: Sequence[Sequence[Any]], schema: Schema) -> Rows:
    """Return a table as the tensors of the signature: a column holds numbers, or flat lists of them."""
    by_position = list(zip(*rows, strict=True))
    if schema.named:
        given = dict(zip(names or (), by_position, strict=True))
        return tensors({spec.name: _reshaped(given[str(spec.name)], spec) for spec in schema.tensors if spec.name})
    spec = schema.tensors[0]
    if len(by_position) == 1:
        found = _reshaped(by_position[0], spec)
    elif spec.shape == (-1, len(by_position)):
        found = tensor([list(row) for row in rows], spec)
    else:
        raise unfit(f"a table of {len(by_position)} columns cannot be a tensor of shape {list(spec.shape)}")
    return Rows(len(found), (), found)


def _reshaped(values: Sequence[Any], spec: Tensor) -> Array:
    inner = spec.shape[1:]
    if spec.shape[0] != -1 or -1 in inner:
        raise unfit(f"a table's column cannot be a tensor of shape {list(spec.shape)}")
    flat = Tensor(spec.name, spec.dtype, (-1, int(np.prod(inner))))
    lists = [value if type(value) is list else [value] for value in values]
    return tensor(lists, flat).reshape(-1, *inner)


class Unfit(Exception):
    """What is the matter with an array's values, as the rest of a sentence about it."""


def tensor(data: object, spec: Tensor, *, plain: bool = False) -> Array:
    """Return nested lists as an array of a tensor's type and shape.

    Parameters
    ----------
    data
        What JSON had.
    spec
        What it must be.
    plain
        Whether no truth value can be among the values, which numpy takes for numbers.

    Raises
    ------
    Failure
        When a value or a length is another, with the row's number where one row is to blame.
    """
    what = "the tensor" if spec.name is None else f"tensor {named([spec.name])}"
    if type(data) is not list:
        raise malformed(f"{what} must be a list")
    try:
        found = cast(_even(data, plain=plain), spec.dtype)
    except Unfit as problem:
        raise _blamed(data, spec, what, problem) from None
    check_shape(found.shape, spec, what)
    return found


def any_tensor(data: list[Any]) -> Array:
    """Return nested lists that no signature speaks of as an array."""
    try:
        return _even(data, plain=False)
    except Unfit as problem:
        raise unfit(f"the tensor {problem}") from None


def check_shape(shape: tuple[int, ...], spec: Tensor, what: str) -> None:
    """Refuse a shape that is not a tensor's."""
    if spec.dtype.kind == "O" and spec.shape == (-1,):
        return
    wanted = spec.shape
    if len(shape) == len(wanted) and shape[1:] == wanted[1:] and wanted[0] in {-1, shape[0]}:
        return
    if len(shape) != len(wanted) or any(want not in {-1, have} for want, have in zip(wanted, shape, strict=True)):
        raise unfit(f"{what} must have shape {list(spec.shape)}, and has {list(shape)}")


def cast(found: Array, wanted: np.dtype[Any]) -> Array:
    """Return an array as another type, where no value is changed but by a float's precision.

    Raises
    ------
    Unfit
        When the values are of another kind.
    """
    if found.dtype == wanted:
        return found
    kind, given = wanted.kind, found.dtype.kind
    if kind == "f" and given in "fiu":
        return narrowed(found, wanted)
    if kind in "iu" and given in "fiu":
        return _whole(found, wanted)
    if kind == "O" or (kind == "U" and given == "U"):
        return found.astype(object) if kind == "O" else found
    if given == "U" and kind in "SM":
        try:
            return found.astype(wanted if kind == "S" else "datetime64[ns]")
        except ValueError:
            pass
    raise Unfit(f"must be {_KINDS.get(kind, wanted.name)}")


_KINDS = {"f": "numbers", "i": "integers", "u": "integers", "b": "true or false", "U": "texts", "S": "ASCII texts"}


def _whole(found: Array, wanted: np.dtype[Any]) -> Array:
    limits = np.iinfo(wanted)
    if found.dtype.kind == "f" and not (np.isfinite(found).all() and (found == np.floor(found)).all()):
        raise Unfit("must be integers, and none can be missing")
    # As Python's integers, which compare right with every type's limits.
    if found.size and (int(found.min()) < limits.min or int(found.max()) > limits.max):
        raise Unfit(f"must be within {wanted.name}")
    return found.astype(wanted)


def _even(data: Sequence[Any], *, plain: bool) -> Array:
    """Return nested lists as an array, if their lengths are even and their values of one kind."""
    try:
        found: Array = np.array(data)
    except (ValueError, OverflowError):
        raise Unfit(_UNEVEN) from None
    if plain and found.dtype.kind in "fiu":
        return found
    level: Iterable[Any] = data
    for _ in range(found.ndim - 1):
        level = chain.from_iterable(level)
    kinds = set(map(type, level))
    if kinds in ({bool}, {str}) or kinds <= {float, int}:
        return found
    if kinds <= FLOATS:
        return np.array(data, dtype=np.float64)
    raise Unfit(_UNEVEN)


_UNEVEN = "must be nested lists of even lengths, with values of one kind"


def _blamed(data: Sequence[Any], spec: Tensor, what: str, problem: Unfit) -> Failure:
    """Look for the row that is to blame for what is the matter with the whole."""
    for row, value in enumerate(data):
        try:
            cast(_even([value], plain=False), spec.dtype)
        except Unfit as its:
            return unfit(f"{what} {its}", value=value, row=row)
    return unfit(f"{what} {problem}")


def tensors(found: Mapping[str, Array]) -> Rows:
    """Return tensors with names, which must have equally many rows."""
    lengths = {len(array) if array.ndim else 0 for array in found.values()}
    if len(lengths) != 1:
        raise unfit("the tensors have different numbers of rows")
    return Rows(lengths.pop(), tuple(found), None, found)
