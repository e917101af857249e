"""The inputs of an inference request as the rows that the model's signature wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from mlops_jupyter.capabilities.endpoints import Limits

from .arrays import Unfit, cast, check_count, check_names, check_shape, of_arrays, quick_matrix
from .datatypes import BYTES, DTYPES
from .failures import Failure, malformed, named, unfit
from .inference_inputs import Input, texts_of
from .inference_outputs import wire
from .rows import Array, Rows
from .schema import NESTED, Column, Schema, Tensor
from .values import typed

_PLAIN_INPUT = {"name", "shape", "datatype", "data"}
_WITH_PARAMETERS = {*_PLAIN_INPUT, "parameters"}
_QUICK = frozenset(DTYPES) - {"BOOL", "FP16"}


def plain_columns(inputs: list[Any], schema: Schema, limits: Limits) -> Rows | None:
    """Return a numeric table sent as one plain input for each column, or ``None`` where it takes a closer look.

    That is how a frame is sent by most clients, and to look at each input by itself takes ten times as long.
    """
    if schema.matrix is None or not all(map(_is_plain, inputs)):
        return None
    datatype, data = inputs[0]["datatype"], [one["data"] for one in inputs]
    if type(datatype) is not str or datatype not in _QUICK or type(data[0]) is not list:
        return None
    count, names = len(data[0]), [one["name"] for one in inputs]
    shapes = ([count], [count, 1])
    if not all(one["datatype"] == datatype and one["shape"] in shapes for one in inputs) or names != schema.name_list:
        return None
    check_count(count, limits)
    found = quick_matrix(data, count, DTYPES[datatype])
    if found is None:
        return None
    try:
        return Rows(count, schema.names, np.ascontiguousarray(cast(found, schema.matrix).T))
    except Unfit:
        return None


def _is_plain(one: Any) -> bool:
    if type(one) is not dict:
        return False
    if one.keys() == _PLAIN_INPUT:
        return True
    said = one.get("parameters")
    return type(said) is dict and "binary_data_size" not in said and one.keys() == _WITH_PARAMETERS


def rows_of(inputs: Sequence[Input], schema: Schema, *, is_table: bool) -> Rows:
    """Return inputs as a table or as tensors; ``is_table`` is what the request says itself."""
    names = [one.name for one in inputs]
    if len(set(names)) != len(names):
        raise malformed("an input's name occurs twice")
    lengths = {one.shape[0] for one in inputs}
    if len(lengths) != 1:
        raise unfit("the inputs have different numbers of rows")
    if schema.tensors:
        return _tensors(inputs, schema)
    if len(inputs) == 1 and not is_table and _is_matrix(inputs[0], schema):
        return _of_matrix(inputs[0], schema)
    if schema.is_free and len(inputs) == 1 and not is_table and inputs[0].content_type != "pd":
        return Rows(inputs[0].shape[0], (), texts_of(inputs[0]))
    if schema.columns and not schema.named:
        raise unfit(f"the model takes one input of shape [-1, {len(schema.columns)}]")
    check_names(names, schema)
    given = {one.name: one for one in inputs}
    if schema.is_free:
        return of_arrays({name: texts_of(_flat_column(one)) for name, one in given.items()})
    return of_arrays(
        {
            column.name: _column(_flat_column(given[column.name]), column)
            for column in schema.columns
            if column.name in given
        }
    )


def _is_matrix(one: Input, schema: Schema) -> bool:
    width = len(schema.columns)
    if not width:
        # Of a model without a signature no tensor is a table, not even one that has no columns.
        return False
    return len(one.shape) == 2 and one.shape[1] == width and (width > 1 or one.name not in schema.known)  # noqa: PLR2004


def _of_matrix(one: Input, schema: Schema) -> Rows:
    """Return one tensor as all columns of a table, in the signature's order."""
    if schema.matrix is not None and one.values.dtype.kind in "fiu":
        try:
            return Rows(one.shape[0], schema.names, np.ascontiguousarray(cast(one.values, schema.matrix)))
        except Unfit as problem:
            raise unfit(f"input {named([one.name])} {problem}") from None
    parts = {
        column.name: Input(column.name, (one.shape[0],), one.datatype, one.content_type, one.values[:, at])
        for at, column in enumerate(schema.columns)
    }
    arrays = {column.name: _column(parts[column.name], column) for column in schema.columns}
    return of_arrays(arrays, named_columns=schema.named)


def _flat_column(one: Input) -> Input:
    if one.values.size != one.shape[0]:
        raise unfit(
            f"input {named([one.name])} must have shape [{one.shape[0]}] or [{one.shape[0]}, 1], as a column",
            columns=(one.name,),
        )
    return Input(one.name, (one.shape[0],), one.datatype, one.content_type, one.values.reshape(-1))


def _column(one: Input, column: Column) -> Array:
    """Return an input's values as a column of the signature's type."""
    if one.values.dtype.kind in "fiub" and column.dtype.kind in "fiub":
        try:
            return cast(one.values, column.dtype)
        except Unfit:
            raise _blamed(one, column) from None
    if one.datatype != BYTES:
        raise unfit(
            f"input {named([one.name])}: {one.datatype} does not fit the signature's {column.type}",
            columns=(column.name,),
        )
    if column.type == "binary" and one.content_type != "base64":
        values = [value.encode() if type(value) is str else value for value in one.values]
        return np.fromiter(values, dtype=object, count=len(values))
    values = texts_of(one).tolist()
    if column.type in NESTED:
        values = [_nested(value, row, one) for row, value in enumerate(values)]
    return typed(values, column)


def _blamed(one: Input, column: Column) -> Failure:
    """Look for the row that is to blame for numbers that are no values of a column."""
    message = f"input {named([one.name])}: {one.datatype} does not fit the signature's {column.type}"
    for row in range(len(one.values)):
        try:
            cast(one.values[row : row + 1], column.dtype)
        except Unfit:
            return unfit(message, value=one.values[row], row=row, columns=(column.name,))
    return unfit(message, columns=(column.name,))


def _nested(value: Any, row: int, one: Input) -> Any:
    try:
        return orjson.loads(value)
    except (orjson.JSONDecodeError, TypeError):
        raise unfit(
            f"input {named([one.name])}: must be JSON text", value=value, row=row, columns=(one.name,)
        ) from None


def _tensors(inputs: Sequence[Input], schema: Schema) -> Rows:
    if not schema.named or (len(schema.tensors) == 1 and len(inputs) == 1):
        if len(inputs) != 1:
            raise unfit("the model takes one input")
        found = _tensor(inputs[0], schema.tensors[0])
        if not schema.named:
            return Rows(len(found), (), found)
        return Rows(len(found), schema.names, None, {schema.names[0]: found})
    check_names([one.name for one in inputs], schema)
    given = {one.name: one for one in inputs}
    arrays = {name: _tensor(given[name], spec) for name, spec in zip(schema.names, schema.tensors, strict=True)}
    return Rows(inputs[0].shape[0], schema.names, None, arrays)


def _tensor(one: Input, spec: Tensor) -> Array:
    what = f"input {named([one.name])}"
    values = one.values
    if one.datatype == BYTES and spec.dtype.kind in "US":
        texts = [wire(value) if spec.dtype.kind == "S" else value for value in texts_of(one).reshape(-1)]
        values = np.array(texts, dtype=spec.dtype).reshape(one.shape)
    check_shape(one.shape, spec, what)
    try:
        return np.ascontiguousarray(cast(values, spec.dtype))
    except Unfit:
        raise unfit(f"{what}: {one.datatype} does not fit the signature's {spec.dtype.name}") from None
