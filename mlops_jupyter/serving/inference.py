"""The Open Inference Protocol v2 over REST, with its binary extension: a body of ``…/infer`` to rows, and back."""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from mlops_jupyter.capabilities.endpoints import Limits

from .arrays import Unfit, any_tensor, cast, check_count, check_names, check_shape, check_width, of_arrays
from .documents import parsed, too_large
from .failures import INTERNAL, Failure, malformed, named, unfit
from .rows import Array, Rows
from .schema import NESTED, Column, Schema, Tensor
from .scoring import plain_value, written
from .values import parameters, typed

BINARY_HEADER = "inference-header-content-length"

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
}
DATATYPES = {dtype: word for word, dtype in _DTYPES.items()}
COLUMN_WORDS = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
}
_BYTES = "BYTES"
_LENGTH = struct.Struct("<I")
_MOST_DIMENSIONS = 32
_OBJECT = np.dtype(object)
_JSON_TYPES = {"BOOL": "boolean", "FP32": "double", "FP64": "double", "BYTES": "string"}

OUTPUT = "output-1"
"""The name of an answer that has none: MLServer's."""

INPUT = "input-1"
"""The name of a tensor that has none."""


@dataclass(slots=True)
class InferenceCall:
    """One request of the protocol.

    Attributes
    ----------
    rows
        What the model is asked.
    id
        The caller's id, which the answer repeats.
    wanted
        The outputs that the caller asks for, with whether each is to be binary (``None``: as ``binary`` says); empty
        for all.
    binary
        Whether the outputs are to be binary.
    """

    rows: Rows
    id: str | None = None
    wanted: Mapping[str, bool | None] = field(default_factory=dict)
    binary: bool = False


@dataclass(slots=True)
class _Input:
    name: str
    shape: tuple[int, ...]
    datatype: str
    content_type: str | None
    values: Array
    """Of that shape; texts and bytes are objects."""


def decode(body: bytes, header_length: str | int | None, schema: Schema, limits: Limits) -> InferenceCall:
    """Return what an inference request asks.

    Parameters
    ----------
    body
        The request's body: JSON, then the raw tensors that the JSON names.
    header_length
        The header ``Inference-Header-Content-Length``: how much of the body is JSON; ``None`` for all.
    schema
        What the model wants.
    limits
        What a request may have.

    Raises
    ------
    Failure
        When the request is refused.
    """
    if len(body) > limits.body_bytes:
        raise too_large(limits)
    head, raw = _parts(body, header_length)
    document = parsed(head, limits)
    if type(document) is not dict or type(document.get("inputs")) is not list or not document["inputs"]:
        raise malformed("the body must be a JSON object with a list of 'inputs'")
    said = _parameters_of(document, "the request")
    check_width(len(document["inputs"]), limits)
    inputs, at = [], 0
    for position, one in enumerate(document["inputs"]):
        made, at = _input(one, position, raw, at, limits)
        inputs.append(made)
    if at != len(raw):
        raise malformed("the body goes on after its last binary tensor")
    rows = _rows(inputs, schema, is_table=said.get("content_type") == "pd")
    given = parameters({name: said[name] for name in said if name in {p.name for p in schema.parameters}}, schema)
    if given is not None:
        rows.params = given
    request_id = document.get("id")
    if request_id is not None and type(request_id) is not str:
        raise malformed("'id' must be a text")
    return InferenceCall(rows, request_id or None, _wanted(document), said.get("binary_data_output") is True)


def _parts(body: bytes, header_length: str | int | None) -> tuple[bytes, memoryview]:
    if header_length is None:
        return body, memoryview(b"")
    text = str(header_length)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= len(body)):  # noqa: PLR2004 - digits
        raise malformed("Inference-Header-Content-Length must be a number of bytes within the body")
    return body[: int(text)], memoryview(body)[int(text) :]


def _parameters_of(said: Mapping[str, Any], what: str) -> Mapping[str, Any]:
    found = said.get("parameters")
    if found is None:
        return {}
    if type(found) is not dict:
        raise malformed(f"'parameters' of {what} must be an object")
    return found


def _wanted(document: Mapping[str, Any]) -> Mapping[str, bool | None]:
    outputs = document.get("outputs")
    if outputs is None:
        return {}
    if type(outputs) is not list or not all(type(one) is dict and type(one.get("name")) is str for one in outputs):
        raise malformed("'outputs' must be a list of objects, each with a 'name'")
    made = {}
    for one in outputs:
        asked = _parameters_of(one, "an output").get("binary_data")
        made[one["name"]] = asked if type(asked) is bool else None
    return made


def _input(one: Any, position: int, raw: memoryview, at: int, limits: Limits) -> tuple[_Input, int]:
    if type(one) is not dict or type(one.get("name")) is not str:
        raise malformed(f"input {position} must be an object with 'name', 'shape', 'datatype' and 'data'")
    what = f"input {named([one['name']])}"
    shape, datatype = one.get("shape"), one.get("datatype")
    if type(shape) is not list or not all(type(length) is int and length >= 0 for length in shape):
        raise malformed(f"{what}: 'shape' must be a list of lengths")
    if not 0 < len(shape) <= _MOST_DIMENSIONS:
        raise malformed(f"{what}: 'shape' must have 1 to {_MOST_DIMENSIONS} lengths")
    if type(datatype) is not str or (datatype not in _DTYPES and datatype != _BYTES):
        raise malformed(f"{what}: 'datatype' must be one of {', '.join([*_DTYPES, _BYTES])}")
    check_count(shape[0], limits)
    if len(shape) == 2:  # noqa: PLR2004 - a table; more dimensions are bounded by the body's size
        check_width(shape[1], limits)
    said = _parameters_of(one, what)
    size = said.get("binary_data_size")
    if size is None:
        values = _of_json(one.get("data"), datatype, shape, what)
    else:
        if type(size) is not int or not 0 <= size <= len(raw) - at or "data" in one:
            raise malformed(f"{what}: 'binary_data_size' must be the number of its bytes after the JSON")
        values = _of_bytes(raw[at : at + size], datatype, shape, what)
        at += size
    content_type = said.get("content_type")
    text = content_type if type(content_type) is str else None
    return _Input(one["name"], tuple(shape), datatype, text, values.reshape(shape)), at


def _of_json(data: Any, datatype: str, shape: Sequence[int], what: str) -> Array:
    """Return the values of JSON, nested or flat, as a flat array."""
    if type(data) is not list:
        raise malformed(f"{what}: 'data' must be a list")
    if datatype == "FP16":
        raise malformed(f"{what}: FP16 can only be sent as binary data")
    flat = _flat(data)
    count = math.prod(shape)
    if len(flat) != count:
        raise malformed(f"{what}: 'shape' says {count} values, and 'data' has {len(flat)}")
    try:
        return _values(flat, datatype)
    except (Failure, Unfit):
        width = count // shape[0]
        for row in range(shape[0]):
            part = flat[row * width : (row + 1) * width]
            try:
                _values(part, datatype)
            except (Failure, Unfit):
                raise unfit(f"{what}: its data must be {datatype}", value=part, row=row) from None
        raise unfit(f"{what}: its data must be {datatype}") from None


def _values(flat: list[Any], datatype: str) -> Array:
    if datatype == "UINT64":
        return cast(any_tensor(flat), _DTYPES[datatype])
    word = _JSON_TYPES.get(datatype, "long")
    return typed(flat, Column("", word, _DTYPES.get(datatype, _OBJECT)))


def _flat(data: list[Any]) -> list[Any]:
    """Take nested lists apart, however uneven, level by level."""
    while any(type(value) is list for value in data):
        data = [one for value in data for one in (value if type(value) is list else (value,))]
    return data


def _of_bytes(raw: memoryview, datatype: str, shape: Sequence[int], what: str) -> Array:
    """Return the values of a binary tensor as a flat array."""
    count = math.prod(shape)
    if datatype == _BYTES:
        return _of_lengths(raw, count, what)
    dtype = _DTYPES[datatype]
    if len(raw) != count * dtype.itemsize:
        raise malformed(f"{what}: 'shape' says {count * dtype.itemsize} bytes, and 'binary_data_size' {len(raw)}")
    if datatype == "BOOL":
        found = np.frombuffer(raw, dtype=np.uint8)
        if found.size and found.max() > 1:
            raise malformed(f"{what}: each byte of a BOOL must be 0 or 1")
        return found.astype(np.bool_)
    return np.frombuffer(raw, dtype=dtype)


def _of_lengths(raw: memoryview, count: int, what: str) -> Array:
    if len(raw) < count * _LENGTH.size:
        raise malformed(f"{what}: its binary data is too short for {count} values")
    values, at = [], 0
    for _ in range(count):
        if at + _LENGTH.size > len(raw):
            raise malformed(f"{what}: its binary data ends within a value")
        (size,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if at + size > len(raw):
            raise malformed(f"{what}: its binary data ends within a value")
        values.append(bytes(raw[at : at + size]))
        at += size
    if at != len(raw):
        raise malformed(f"{what}: its binary data goes on after its last value")
    return np.fromiter(values, dtype=object, count=count)


def _rows(inputs: Sequence[_Input], schema: Schema, *, is_table: bool) -> Rows:
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
        return Rows(inputs[0].shape[0], (), _texts(inputs[0]))
    if schema.columns and not schema.named:
        raise unfit(f"the model takes one input of shape [-1, {len(schema.columns)}]")
    check_names(names, schema)
    given = {one.name: one for one in inputs}
    if schema.is_free:
        return of_arrays({name: _texts(_flat_column(one)) for name, one in given.items()})
    return of_arrays(
        {
            column.name: _column(_flat_column(given[column.name]), column)
            for column in schema.columns
            if column.name in given
        }
    )


def _is_matrix(one: _Input, schema: Schema) -> bool:
    width = len(schema.columns)
    return len(one.shape) == 2 and one.shape[1] == width and (width > 1 or one.name not in schema.known)  # noqa: PLR2004


def _of_matrix(one: _Input, schema: Schema) -> Rows:
    """Return one tensor as all columns of a table, in the signature's order."""
    if schema.matrix is not None and one.values.dtype.kind in "fiu":
        try:
            return Rows(one.shape[0], schema.names, np.ascontiguousarray(cast(one.values, schema.matrix)))
        except Unfit as problem:
            raise unfit(f"input {named([one.name])} {problem}") from None
    parts = {
        column.name: _Input(column.name, (one.shape[0],), one.datatype, one.content_type, one.values[:, at])
        for at, column in enumerate(schema.columns)
    }
    arrays = {column.name: _column(parts[column.name], column) for column in schema.columns}
    return of_arrays(arrays, named_columns=schema.named)


def _flat_column(one: _Input) -> _Input:
    if one.values.size != one.shape[0]:
        raise unfit(f"input {named([one.name])} must have shape [{one.shape[0]}] or [{one.shape[0]}, 1], as a column")
    return _Input(one.name, (one.shape[0],), one.datatype, one.content_type, one.values.reshape(-1))


def _column(one: _Input, column: Column) -> Array:
    """Return an input's values as a column of the signature's type."""
    if one.values.dtype.kind in "fiub" and column.dtype.kind in "fiub":
        for row, value in _unfit_values(one.values, column.dtype):
            message = f"input {named([one.name])}: {one.datatype} does not fit the signature's {column.type}"
            raise unfit(message, value=value, row=row)
        return cast(one.values, column.dtype)
    if one.datatype != _BYTES:
        raise unfit(f"input {named([one.name])}: {one.datatype} does not fit the signature's {column.type}")
    if column.type == "binary" and one.content_type != "base64":
        values = [value.encode() if type(value) is str else value for value in one.values]
        return np.fromiter(values, dtype=object, count=len(values))
    values = _texts(one).tolist()
    if column.type in NESTED:
        values = [_nested(value, row, one) for row, value in enumerate(values)]
    return typed(values, column)


def _unfit_values(values: Array, wanted: np.dtype[Any]) -> list[tuple[int, Any]]:
    """Return the first value that is no value of a type, with its row; an empty list where all are."""
    try:
        cast(values, wanted)
    except Unfit:
        for row in range(len(values)):
            try:
                cast(values[row : row + 1], wanted)
            except Unfit:
                return [(row, values[row])]
    return []


def _nested(value: Any, row: int, one: _Input) -> Any:
    try:
        return orjson.loads(value)
    except (orjson.JSONDecodeError, TypeError):
        raise unfit(f"input {named([one.name])}: must be JSON text", value=value, row=row) from None


def _texts(one: _Input) -> Array:
    """Return BYTES as texts, and other types as they are."""
    if one.datatype != _BYTES:
        return one.values
    made = []
    for at, value in enumerate(one.values.reshape(-1)):
        try:
            made.append(value.decode("utf-8") if type(value) is bytes else value)
        except UnicodeDecodeError:
            row = at // max(1, one.values.size // one.shape[0])
            raise unfit(f"input {named([one.name])}: must be UTF-8 text", value=value, row=row) from None
    return np.fromiter(made, dtype=object, count=len(made)).reshape(one.shape)


def _tensors(inputs: Sequence[_Input], schema: Schema) -> Rows:
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


def _tensor(one: _Input, spec: Tensor) -> Array:
    what = f"input {named([one.name])}"
    values = one.values
    if one.datatype == _BYTES and spec.dtype.kind in "US":
        texts = [_wire(value) if spec.dtype.kind == "S" else value for value in _texts(one).reshape(-1)]
        values = np.array(texts, dtype=spec.dtype).reshape(one.shape)
    check_shape(one.shape, spec, what)
    try:
        return np.ascontiguousarray(cast(values, spec.dtype))
    except Unfit:
        raise unfit(f"{what}: {one.datatype} does not fit the signature's {spec.dtype.name}") from None


def encode(predictions: Any, call: InferenceCall, model_name: str, version: str | None) -> tuple[bytes, dict[str, str]]:
    """Return the answer to an inference request, and the headers that it needs.

    Parameters
    ----------
    predictions
        What the model answered.
    call
        What it was asked.
    model_name, version
        Who answered.

    Raises
    ------
    Failure
        When the caller wants an output that there is none of, or the answer cannot be written.
    """
    outputs = _outputs(predictions)
    if call.wanted:
        if unknown := [name for name in call.wanted if name not in outputs]:
            raise unfit(f"there is no output {named(unknown)}; there is {named(outputs)}")
        outputs = {name: outputs[name] for name in call.wanted}
    answer: dict[str, Any] = {"model_name": model_name}
    if version is not None:
        answer["model_version"] = version
    if call.id is not None:
        answer["id"] = call.id
    raw: list[bytes] = []
    said = answer["outputs"] = []
    for name, values in outputs.items():
        asked = call.wanted.get(name)
        said.append(_output(name, values, raw, is_binary=call.binary if asked is None else asked))
    head = written(answer)
    if not raw:
        return head, {"content-type": "application/json"}
    headers = {"content-type": "application/octet-stream", BINARY_HEADER: str(len(head))}
    return b"".join([head, *raw]), headers


def _outputs(predictions: Any) -> dict[str, Array]:
    """Return a model's answer as arrays by name: those of a table or an object, else one."""
    pandas = sys.modules.get("pandas")  # who answers with a table has loaded it
    if pandas is not None and isinstance(predictions, pandas.DataFrame):
        return {str(name): predictions.iloc[:, at].to_numpy() for at, name in enumerate(predictions.columns)}
    if pandas is not None and isinstance(predictions, pandas.Series):
        return {OUTPUT: predictions.to_numpy()}
    if isinstance(predictions, Mapping):
        return {str(name): _array(values) for name, values in predictions.items()}
    return {OUTPUT: _array(predictions)}


def _array(values: Any) -> Array:
    if isinstance(values, np.ndarray):
        return values if values.ndim else values.reshape(1)
    if not isinstance(values, list | tuple):
        values = [values]
    try:
        return np.array(values)
    except (ValueError, OverflowError):
        return np.fromiter(values, dtype=object, count=len(values))


def _output(name: str, values: Array, raw: list[bytes], *, is_binary: bool) -> dict[str, Any]:
    word = DATATYPES.get(values.dtype.newbyteorder("=")) if values.dtype.kind in "fiub" else _BYTES
    if word is None:
        values, word = values.astype(np.float64), "FP64"  # of numpy's wider floats
    made: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": word}
    if word == _BYTES:
        texts = [_text(value) for value in values.reshape(-1).tolist()]
        if not is_binary:
            made["data"] = [text if isinstance(text, str) else text.decode("utf-8", "replace") for text in texts]
            return made
        parts = [_wire(text) for text in texts]
        data = b"".join(one for part in parts for one in (_LENGTH.pack(len(part)), part))
    elif is_binary:
        data = np.ascontiguousarray(values, dtype=_DTYPES[word]).tobytes()
    else:
        if word == "FP16":
            made["datatype"] = "FP32"  # FP16 has no form in JSON
        made["data"] = values.reshape(-1).tolist()
        return made
    made["parameters"] = {"binary_data_size": len(data)}
    raw.append(data)
    return made


def _wire(text: str | bytes | None) -> bytes:
    return text if isinstance(text, bytes) else (text or "").encode("utf-8", "surrogatepass")


def _text(value: Any) -> str | bytes:
    """Return a value of an output that is no number as text; what has a structure as JSON."""
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, dict | list | tuple | bool | int | float) or value is None:
        return written(value).decode()
    try:
        return str(plain_value(value))
    except TypeError:
        raise Failure(500, INTERNAL, "the model's answer holds what this protocol has no type for") from None


def model_metadata(schema: Schema, model_name: str, versions: Sequence[str]) -> dict[str, Any]:
    """Return what ``GET /v2/models/NAME`` answers of a model."""
    inputs = [(column.name, COLUMN_WORDS.get(column.type, _BYTES), [-1]) for column in schema.columns if schema.named]
    inputs += [(one.name or INPUT, _word(one.dtype), list(one.shape)) for one in schema.tensors]
    outputs = [
        {"name": name or OUTPUT, "datatype": COLUMN_WORDS.get(word) or _word_of(word), "shape": list(shape)}
        for name, word, shape in schema.outputs
    ]
    return {
        "name": model_name,
        "versions": list(versions),
        "platform": "mlflow",
        "inputs": [{"name": name, "datatype": word, "shape": shape} for name, word, shape in inputs],
        "outputs": outputs,
    }


def _word_of(said: str) -> str:
    try:
        return _word(np.dtype(said))
    except TypeError:
        return _BYTES


def _word(dtype: np.dtype[Any]) -> str:
    return DATATYPES.get(dtype, _BYTES)
