"""The Open Inference Protocol v2 over REST, with its binary extension: a body of ``…/infer`` to rows, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_jupyter.capabilities.endpoints import Limits

from .arrays import check_width
from .datatypes import BYTES, COLUMN_WORDS, INPUT, OUTPUT, word_for, word_of
from .documents import parsed, too_large
from .failures import malformed, named, unfit
from .inference_inputs import parameters_of, read_inputs
from .inference_outputs import outputs_of, written_output
from .inference_rows import plain_columns, rows_of
from .rows import Rows
from .schema import Schema
from .scoring import media_type, written
from .values import parameters

BINARY_HEADER = "inference-header-content-length"
_MEDIA = ("application/json", "application/octet-stream")


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


def check_media(content_type: str | None) -> None:
    """Refuse a body of a kind that the protocol does not have.

    One that does not say what it is is taken: Triton's client says so of none, and the protocol has only this one.

    Raises
    ------
    Failure
        When it is said to be something else.
    """
    if content_type is not None:
        media_type(content_type, _MEDIA)


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
    said = parameters_of(document, "the request")
    check_width(len(document["inputs"]), limits)
    rows = None if raw else plain_columns(document["inputs"], schema, limits)
    if rows is None:
        rows = rows_of(read_inputs(document["inputs"], raw, limits), schema, is_table=said.get("content_type") == "pd")
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


def _wanted(document: Mapping[str, Any]) -> Mapping[str, bool | None]:
    outputs = document.get("outputs")
    if outputs is None:
        return {}
    if type(outputs) is not list or not all(type(one) is dict and type(one.get("name")) is str for one in outputs):
        raise malformed("'outputs' must be a list of objects, each with a 'name'")
    made = {}
    for one in outputs:
        asked = parameters_of(one, "an output").get("binary_data")
        made[one["name"]] = asked if type(asked) is bool else None
    return made


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
    outputs = outputs_of(predictions)
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
        said.append(written_output(name, values, raw, is_binary=call.binary if asked is None else asked))
    head = written(answer)
    if not raw:
        return head, {"content-type": "application/json"}
    headers = {"content-type": "application/octet-stream", BINARY_HEADER: str(len(head))}
    return b"".join([head, *raw]), headers


def model_metadata(schema: Schema, model_name: str, versions: Sequence[str]) -> dict[str, Any]:
    """Return what ``GET /v2/models/NAME`` answers of a model."""
    inputs = [(column.name, COLUMN_WORDS.get(column.type, BYTES), [-1]) for column in schema.columns if schema.named]
    inputs += [(one.name or INPUT, word_for(one.dtype), list(one.shape)) for one in schema.tensors]
    outputs = [
        {"name": name or OUTPUT, "datatype": COLUMN_WORDS.get(word) or word_of(word), "shape": list(shape)}
        for name, word, shape in schema.outputs
    ]
    return {
        "name": model_name,
        "versions": list(versions),
        "platform": "mlflow",
        "inputs": [{"name": name, "datatype": word, "shape": shape} for name, word, shape in inputs],
        "outputs": outputs,
    }
