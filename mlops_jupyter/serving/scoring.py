"""MLflow's scoring protocol: a body of ``POST /invocations`` to rows, predictions to the answer.

What MLflow answers with a prediction is answered with the same here. What it takes and should not (undeclared columns,
text for a number, a fraction for an integer) is refused; docs/serving_protocols.md lists each.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from mlops_jupyter.capabilities.endpoints import Limits

from .arrays import (
    any_tensor,
    check_count,
    check_names,
    check_width,
    columns,
    in_order,
    plain_matrix,
    quick_matrix,
    table,
    tensor,
    tensors,
)
from .documents import is_too_deep, parsed, too_large
from .failures import BAD, INTERNAL, Failure, malformed, named, unfit
from .rows import Rows
from .schema import NESTED, Schema
from .values import parameters, tables

_JSON = "application/json"
_CSV = "text/csv"
_PARQUET = "application/vnd.apache.parquet"
# What ends a body whose rows come last; and all of it before them.
_END = b"}}"
_BEGINNING = re.compile(rb'\s*\{\s*"dataframe_split"\s*:\s*\{\s*"columns"\s*:.*?"data"\s*:\s*', re.DOTALL)
_BEGINNINGS = 4
# By these MLflow's server knows what it hands to a language model as it is.
_CHAT = frozenset({"messages", "prompt", "input"})
_SHAPES = ("dataframe_split", "dataframe_records", "inputs", "instances")


def decode(body: bytes, content_type: str | None, schema: Schema, limits: Limits) -> Rows:
    """Return the rows of a scoring request.

    Parameters
    ----------
    body
        The request's body.
    content_type
        Its ``Content-Type``.
    schema
        What the model wants.
    limits
        What a request may have.

    Raises
    ------
    Failure
        When the request is refused.
    """
    kind = content_type if content_type == _JSON else media_type(content_type)
    if kind == _JSON:
        return _of_json(body, schema, limits)
    if len(body) > limits.body_bytes:
        raise too_large(limits)
    rows: Rows = (tables().of_csv if kind == _CSV else tables().of_parquet)(body, schema, limits)
    return rows


def media_type(content_type: str | None, taken: tuple[str, ...] = (_JSON, _CSV, _PARQUET)) -> str:
    """Return what kind of body a request says that it has.

    Parameters
    ----------
    content_type
        Its ``Content-Type``.
    taken
        The kinds that are taken.

    Raises
    ------
    Failure
        When it does not say, or that is nothing that is taken here.
    """
    if not content_type:
        raise _unsupported("the request has no Content-Type", taken)
    kind, *pairs = (part.strip() for part in content_type.lower().split(";"))
    for pair in pairs:
        key, _, value = pair.partition("=")
        if key != "charset":
            raise _unsupported("of a Content-Type's parameters only charset is known", taken)
        if value.strip('"') != "utf-8":
            raise _unsupported("the only charset that is taken is utf-8", taken)
    if kind not in taken:
        raise _unsupported("the request's Content-Type is not known here", taken)
    return kind


def _unsupported(message: str, taken: tuple[str, ...]) -> Failure:
    return Failure(415, BAD, f"{message}: send {', '.join(taken[:-1])} or {taken[-1]}")


def _of_json(body: bytes, schema: Schema, limits: Limits) -> Rows:
    if schema.beginnings and (known := _as_before(body, schema, limits)) is not None:
        return known
    document = parsed(body, limits)
    if type(document) is not dict:
        raise malformed(f"the body must be a JSON object with one of {named(_SHAPES)}")
    if schema.matrix is not None and len(document) == 1 and (usual := _usual(document, schema, limits)) is not None:
        _remember(body, schema)
        return usual
    said = [shape for shape in _SHAPES if shape in document]
    if len(said) != 1:
        found = f"it has {named(said)}" if said else "it has none"
        if not said and not _CHAT.isdisjoint(document):
            found += ": what a chat is asked goes into 'inputs'"
        raise malformed(f"the body must have exactly one of {named(_SHAPES)}; {found}")
    shape = said[0]
    data = document[shape]
    if shape == "dataframe_split":
        rows = _split(data, schema, limits)
    elif shape == "dataframe_records":
        rows = _records(data, schema, limits)
    else:
        rows = _tensor_input(data, schema, limits, body)
    if "params" in document:
        given = parameters(document["params"], schema)
        return rows if given is None else replace(rows, params=given)
    return rows


def _usual(document: Mapping[str, Any], schema: Schema, limits: Limits) -> Rows | None:
    """Return the rows of what most clients send, a table of numbers that names its columns as the signature does."""
    data = document.get("dataframe_split")
    if type(data) is not dict or len(data) != 2 or data.get("columns") != schema.name_list:  # noqa: PLR2004
        return None
    rows = data.get("data")
    if type(rows) is not list or not 0 < len(rows) <= limits.rows or schema.matrix is None:
        return None
    quick = quick_matrix(rows, len(schema.names), schema.matrix)
    return None if quick is None else Rows(len(rows), schema.names, quick)


def _as_before(body: bytes, schema: Schema, limits: Limits) -> Rows | None:
    """Return the rows of a body that begins as an earlier one, whose names of columns need not be read again.

    Beginning, rows and end are then the whole document, so that what is read is what would be read of the whole.
    ``None`` where a closer look is needed.
    """
    if len(body) > limits.body_bytes or not body.endswith(_END) or is_too_deep(body, limits):
        return None
    for beginning in schema.beginnings:
        if body.startswith(beginning):
            break
    else:
        return None
    data = body[len(beginning) : -len(_END)]
    # Numbers have neither letter: there is no true, false or null.
    if b"u" in data or b"l" in data or schema.matrix is None:
        return None
    try:
        rows = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if type(rows) is not list or not 0 < len(rows) <= limits.rows:
        return None
    matrix = plain_matrix(rows, len(schema.names), schema.matrix)
    return None if matrix is None else Rows(len(rows), schema.names, matrix)


def _remember(body: bytes, schema: Schema) -> None:
    """Note how a body of the usual form began; of as many forms as clients there may be, the first few."""
    if len(schema.beginnings) >= _BEGINNINGS:
        return
    found = _BEGINNING.match(body)
    if found is None or not body.endswith(_END) or found[0] in schema.beginnings:
        return
    whole = {"dataframe_split": {"columns": schema.name_list, "data": []}}
    try:
        if orjson.loads(found[0] + b"[]" + _END) == whole:
            schema.beginnings += (found[0],)
    except orjson.JSONDecodeError:
        # A column's name looks like the key.
        return


def _split(data: Any, schema: Schema, limits: Limits) -> Rows:
    if type(data) is not dict or "data" not in data:
        raise malformed("'dataframe_split' must be an object with 'columns' and 'data'")
    names, rows = data.get("columns"), data["data"]
    if type(rows) is not list:
        raise malformed("'data' of 'dataframe_split' must be a list of rows")
    quick = None
    if schema.matrix is not None and names == schema.name_list:
        check_count(len(rows), limits)
        quick = quick_matrix(rows, len(names), schema.matrix)
    if len(data) > 1 + (names is not None):
        _check_index(data, len(rows))
    if quick is not None:
        return Rows(len(rows), schema.names, quick)
    if names is not None and type(names) is not list:
        raise malformed("'columns' of 'dataframe_split' must be a list of names")
    return table(names, rows, schema, limits)


def _check_index(data: Mapping[str, Any], count: int) -> None:
    if data.keys() - {"columns", "data", "index"}:
        raise malformed("'dataframe_split' may have 'columns', 'data' and 'index', and nothing else")
    index = data.get("index")
    if index is not None and (type(index) is not list or len(index) != count):
        raise malformed("'index' of 'dataframe_split' must be a list as long as 'data'")


def _records(data: Any, schema: Schema, limits: Limits, *, base64_text: bool = True) -> Rows:
    if type(data) is not list or not all(type(record) is dict for record in data):
        raise malformed("records must be a list of objects, one for each row")
    check_count(len(data), limits)
    wanted = schema.names
    width = len(wanted)
    same = wanted and all(len(record) == width and tuple(record) == wanted for record in data)
    if same:
        rows = [list(record.values()) for record in data]
        if schema.matrix is not None:
            quick = quick_matrix(rows, width, schema.matrix)
            if quick is not None:
                return Rows(len(data), wanted, quick)
        return table(wanted, rows, schema, limits, base64_text=base64_text)
    names = list(dict.fromkeys(name for record in data for name in record))
    check_width(len(names), limits)
    if not schema.named and not schema.is_free:
        return table(None, [list(record.values()) for record in data], schema, limits, base64_text=base64_text)
    check_names(names, schema)
    required = schema.required or (set(wanted) if schema.tensors else set())
    for at, record in enumerate(data):
        if len(record) < len(names) and (missing := [name for name in names if name in required - record.keys()]):
            raise unfit(f"row {at}: missing columns: {named(missing)}", columns=missing)
    return table(
        names, [[record.get(name) for name in names] for record in data], schema, limits, base64_text=base64_text
    )


def _tensor_input(data: Any, schema: Schema, limits: Limits, body: bytes) -> Rows:
    """Return what ``inputs`` and ``instances`` hold: columns or tensors by name, records, or one tensor."""
    if type(data) is list and data and type(data[0]) is not dict and len(schema.names) == 1:
        data = {schema.names[0]: data}  # of a model with one name, the name may be left out
    if type(data) is dict:
        return _by_name(data, schema, limits, body)
    if schema.columns and not schema.named and type(data) is not list:
        return table(None, [[data]], schema, limits, base64_text=False)
    if type(data) is not list:
        raise malformed("'inputs' must be a list, or an object with a list for each name")
    check_count(len(data), limits)
    if type(data[0]) is dict:
        if schema.tensors:
            return _stacked(data, schema, body)
        return _records(data, schema, limits, base64_text=False)
    if schema.columns or schema.named:
        return table(None, data, schema, limits, base64_text=False)
    found = tensor(data, schema.tensors[0], plain=_is_plain(body)) if schema.tensors else any_tensor(data)
    if found.ndim == 2:  # noqa: PLR2004 - a table; more dimensions are bounded by the body's size
        check_width(found.shape[1], limits)
    return Rows(len(data), (), found)


def _is_plain(body: bytes) -> bool:
    return b"true" not in body and b"false" not in body


def _by_name(data: Mapping[str, Any], schema: Schema, limits: Limits, body: bytes) -> Rows:
    check_width(len(data), limits)
    if (schema.columns or schema.tensors) and not schema.named:
        raise unfit("the model takes one list without names")
    check_names(list(data), schema)
    if not data:
        raise unfit("there are no columns")
    if schema.tensors:
        plain = _is_plain(body)
        found = tensors({name: tensor(data[name], spec, plain=plain) for name, spec in _named_tensors(schema)})
        check_count(found.count, limits)
        return found
    has_lists = [type(values) is list for values in data.values()]
    if not any(has_lists) or any(column.type in NESTED for column in schema.columns):
        return columns({name: [value] for name, value in data.items()}, schema, base64_text=False)
    if not all(has_lists) or len({len(values) for values in data.values()}) != 1:
        raise malformed("each column must be a list, all of one length")
    count = len(next(iter(data.values())))
    check_count(count, limits)
    if schema.matrix is not None and len(data) == len(schema.names):
        quick = quick_matrix(list(data.values()), count, schema.matrix)
        if quick is not None:
            return Rows(count, schema.names, in_order(np.ascontiguousarray(quick.T), list(data), schema))
    return columns(data, schema, base64_text=False)


def _named_tensors(schema: Schema) -> list[tuple[str, Any]]:
    return list(zip(schema.names, schema.tensors, strict=True))


def _stacked(data: list[Any], schema: Schema, body: bytes) -> Rows:
    """Return tensors given row by row, as ``instances`` may have them."""
    if not schema.named:
        raise unfit("the model takes one list without names")
    for at, record in enumerate(data):
        if type(record) is not dict or len(record) != len(schema.names):
            raise malformed(f"row {at} must be an object with a value for each tensor: {named(schema.names)}")
        check_names(list(record), schema)
    plain = _is_plain(body)
    return tensors(
        {name: tensor([record[name] for record in data], spec, plain=plain) for name, spec in _named_tensors(schema)}
    )


def encode(predictions: Any) -> bytes:
    """Return the answer to a scoring request: what MLflow's would be after parsing, but null where MLflow writes NaN.

    Raises
    ------
    Failure
        When the model answered with what JSON cannot hold.
    """
    if type(predictions) is np.ndarray and predictions.dtype.kind in "fiub" and predictions.ndim:
        if predictions.dtype.kind == "f" and predictions.dtype != np.float64:
            predictions = predictions.astype(np.float64)  # MLflow's numbers: 0.1 of float32 is 0.10000000149011612
        elif not predictions.flags.c_contiguous:
            predictions = np.ascontiguousarray(predictions)
        try:
            return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
        except orjson.JSONEncodeError:  # of a byte order or size that orjson does not know
            predictions = predictions.tolist()
    pandas = sys.modules.get("pandas")  # who answers with a table has loaded it
    if pandas is not None and isinstance(predictions, pandas.DataFrame | pandas.Series):
        predictions = pandas.DataFrame(predictions).to_dict("records")
    return written({"predictions": predictions})


def written(answer: Any) -> bytes:
    """Return any answer as JSON, as MLflow's encoder has it.

    Raises
    ------
    Failure
        When it holds what JSON cannot.
    """
    try:
        return orjson.dumps(answer, default=plain_value, option=_OPTIONS)
    except orjson.JSONEncodeError:
        pass  # an integer beyond 64 bits, half a surrogate pair, or something that is no JSON at all
    try:
        return json.dumps(_without_nan(answer), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        message = "the model's answer holds what JSON cannot"
        raise Failure(500, INTERNAL, message) from None


_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME


def plain_value(value: Any) -> Any:
    """Return a value that JSON does not know as one that it does: numpy's, bytes as base64, moments in ISO form."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes | bytearray):
        return base64.encodebytes(value).decode("ascii")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if hasattr(value, "model_dump"):  # pydantic's
        return value.model_dump()
    if type(value).__name__ == "NAType":  # pandas' missing value, which MLflow fails at
        return None
    raise TypeError(type(value).__name__)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    return _without_nan(plain_value(value))
