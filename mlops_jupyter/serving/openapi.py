"""An endpoint's OpenAPI 3.1 document, made from the model's signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .datatypes import DATATYPES
from .examples import about, example_inference, example_request
from .schema import Parameter, Schema, Tensor

_TYPES: Mapping[str, dict[str, Any]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    "long": {"type": "integer", "format": "int64"},
    "float": {"type": ["number", "null"], "format": "float"},
    "double": {"type": ["number", "null"], "format": "double"},
    "string": {"type": ["string", "null"]},
    "binary": {"type": "string", "contentEncoding": "base64"},
    "datetime": {"type": ["string", "null"], "description": "A date or time without a time zone, as ISO 8601 has it"},
    "any": {},
}
_JSON = "application/json"


def document(schema: Schema, name: str, version: str, example: str | None = None) -> dict[str, Any]:
    """Return the OpenAPI document of an endpoint.

    Parameters
    ----------
    schema
        What the model wants.
    name, version
        The model's, as the addresses of the Open Inference Protocol have them.
    example
        A scoring request that the model is known to answer, as JSON; one is made up without.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Model {name}", "version": version, "description": about(schema)},
        "servers": [{"url": "."}],
        "security": [{"token": []}],
        "paths": {
            **_scoring(schema, example_request(schema, example)),
            **_inference(schema, name),
            **_feedback(),
            **_health(),
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(schema),
            "responses": _responses(),
        },
    }


def _scoring(schema: Schema, request: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        _JSON: {"schema": {"$ref": "#/components/schemas/ScoringRequest"}, "example": request},
    }
    if not schema.tensors:
        content["text/csv"] = {"schema": {"type": "string"}}
    content["application/vnd.apache.parquet"] = {"schema": {}}
    answer = {"description": "The predictions", "content": {_JSON: {"schema": _ref("ScoringAnswer")}}}
    operation = {
        "operationId": "score",
        "summary": "Predict, as MLflow's scoring server does",
        "tags": ["MLflow scoring"],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {**answer, "headers": _headers()}, **_refusals("Scoring")},
    }
    return {"/invocations": {"post": operation}}


def _inference(schema: Schema, name: str) -> dict[str, Any]:
    content: dict[str, Any] = {
        _JSON: {"schema": _ref("InferenceRequest"), "example": example_inference(schema)},
        "application/octet-stream": {"schema": {}},
    }
    body = {"required": True, "content": content}
    length = {
        "name": "Inference-Header-Content-Length",
        "in": "header",
        "description": "How many bytes of the body are JSON, where raw tensors follow",
        "schema": {"type": "integer", "minimum": 0},
    }
    answer = {"description": "The outputs", "content": {_JSON: {"schema": _ref("InferenceAnswer")}}}
    infer = {
        "operationId": "infer",
        "summary": "Predict, by the Open Inference Protocol",
        "tags": ["Open Inference Protocol v2"],
        "parameters": [length],
        "requestBody": body,
        "responses": {"200": {**answer, "headers": _headers()}, **_refusals("Inference")},
    }
    said = {"description": "The model's inputs and outputs", "content": {_JSON: {"schema": {"type": "object"}}}}
    metadata = {
        "operationId": "metadata",
        "summary": "Tell the model's inputs and outputs",
        "tags": ["Open Inference Protocol v2"],
        "responses": {"200": said, "401": _response("Unauthorised")},
    }
    return {f"/v2/models/{name}/infer": {"post": infer}, f"/v2/models/{name}": {"get": metadata}}


def _feedback() -> dict[str, Any]:
    labels = {"labels": [{"request_id": "the x-request-id of an answer", "row": 0, "label": 1}]}
    content: dict[str, Any] = {
        _JSON: {"schema": _ref("FeedbackRequest"), "example": labels},
        "text/csv": {"schema": {"type": "string"}},
        "application/vnd.apache.parquet": {"schema": {}},
    }
    answer = {"description": "What became of them", "content": {_JSON: {"schema": _ref("FeedbackAnswer")}}}
    about = {"409": "Unkept", "413": "TooMuch", "415": "UnknownType", "400": "Unfit", "429": "Busy", "503": "Busy"}
    refusals = {status: _response(f"Scoring{kind}") for status, kind in sorted(about.items())}
    operation = {
        "operationId": "feedback",
        "summary": "Tell what was true of rows that were answered before",
        "tags": ["Feedback"],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": answer, **refusals, "401": _response("Unauthorised")},
    }
    return {"/feedback": {"post": operation}}


def _health() -> dict[str, Any]:
    def get(name: str, summary: str) -> dict[str, Any]:
        responses = {"200": {"description": "It is"}, "503": {"description": "It is not"}}
        return {
            "get": {"operationId": name, "summary": summary, "tags": ["Health"], "security": [], "responses": responses}
        }

    return {
        "/ping": get("ping", "Tell whether the endpoint is there"),
        "/v2/health/live": get("live", "Tell whether the endpoint is there"),
        "/v2/health/ready": get("ready", "Tell whether the endpoint answers requests"),
    }


def _refusals(protocol: str) -> dict[str, Any]:
    kinds = {"400": "Unfit", "413": "TooMuch", "415": "UnknownType"}
    kinds |= {"429": "Busy", "500": "Broken", "503": "Busy", "504": "TooLate"}
    made = {status: _response(f"{protocol}{kind}") for status, kind in kinds.items()}
    return {**made, "401": _response("Unauthorised")}


def _responses() -> dict[str, Any]:
    about = {
        "Unfit": "The request is malformed, or does not fit the model's signature",
        "TooMuch": "The request is larger than this endpoint takes",
        "UnknownType": "The Content-Type is none that is taken",
        "Busy": "The endpoint has too much to do; the header Retry-After says when to try again",
        "Broken": "The model failed",
        "Unkept": "The endpoint does not keep what it answers",
        "TooLate": "The model did not answer in time",
    }
    made = {
        f"{protocol}{kind}": {"description": said, "content": {_JSON: {"schema": _ref(f"{protocol}Error")}}}
        for protocol in ("Scoring", "Inference")
        for kind, said in about.items()
    }
    return {**made, "Unauthorised": {"description": "The token is missing or wrong"}}


def _headers() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    return {
        "x-request-id": {"description": "The request's id, taken or made", **text},
        "x-mlops-version": {"description": "The version of the model that answered", **text},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _response(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{name}"}


def _schemas(schema: Schema) -> dict[str, Any]:
    shapes = _shapes(schema)
    if schema.parameters:
        params = {"type": "object", "properties": {one.name: _parameter(one) for one in schema.parameters}}
        for shape in shapes:
            shape["properties"]["params"] = params
    text = {"type": "string"}
    said = {
        "name": text,
        "shape": _list({"type": "integer"}),
        "datatype": {**text, "enum": [*DATATYPES.values(), "BYTES"]},
    }
    extra = {"parameters": {"type": "object"}}
    tensor = _object({**said, **extra, "data": {"type": "array"}}, ["name", "shape", "datatype"])
    request = {
        "id": text,
        **extra,
        "inputs": {**_list(tensor), "minItems": 1},
        "outputs": _list(_object({"name": text, **extra}, ["name"])),
    }
    answer = {"model_name": text, "model_version": text, "id": text, "outputs": _list(tensor)}
    whole = {"type": "integer", "minimum": 0}
    label = {
        "request_id": {"type": ["string", "integer"], "minLength": 1, "maxLength": 1_024},
        "row": {"type": ["integer", "null"], "minimum": 0, "default": 0},
        "label": {"type": ["number", "string", "boolean", "null"]},
    }
    became = dict.fromkeys(("labels", "joined", "duplicates", "unknown"), whole)
    return {
        "FeedbackRequest": _object({"labels": _list(_object(label, ["request_id", "label"]))}, ["labels"]),
        "FeedbackAnswer": _object({**became, "notes": _list(text)}, list(became)),
        "ScoringRequest": {"oneOf": shapes},
        "ScoringAnswer": _object({"predictions": {}}, ["predictions"]),
        "ScoringError": _object({"error_code": text, "message": text}, ["error_code", "message"]),
        "InferenceRequest": _object(request, ["inputs"]),
        "InferenceAnswer": _object(answer, ["model_name", "outputs"]),
        "InferenceError": _object({"error": text}, ["error"]),
    }


def _shapes(schema: Schema) -> list[dict[str, Any]]:
    record = _record(schema)
    columns: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    row: dict[str, Any] = {"type": "array"}
    if schema.named and all(one.required for one in schema.columns):
        columns |= {"minItems": len(schema.names), "maxItems": len(schema.names), "uniqueItems": True}
        columns["items"] = {"enum": schema.name_list}
        row |= {"minItems": len(schema.names), "maxItems": len(schema.names)}
    rows = {**_list(row), "minItems": 1}
    needed = ["columns", "data"] if schema.named else ["data"]
    split = _object({"columns": columns, "data": rows, "index": {"type": ["array", "null"]}}, needed)
    tensors = _tensor_inputs(schema)
    return [
        _object({"dataframe_split": split}, ["dataframe_split"]),
        _object({"dataframe_records": {**_list(record), "minItems": 1}}, ["dataframe_records"]),
        _object({"inputs": tensors}, ["inputs"]),
        _object({"instances": tensors}, ["instances"]),
    ]


def _record(schema: Schema) -> dict[str, Any]:
    if not schema.named:
        return {"type": "object"}
    properties = {one.name: _column(one.type, one.spec) for one in schema.columns}
    properties |= {str(one.name): {"type": "array"} for one in schema.tensors}
    required = [name for name in schema.names if name in schema.required or schema.tensors]
    return {**_object(properties, required), "additionalProperties": False}


def _tensor_inputs(schema: Schema) -> dict[str, Any]:
    if schema.tensors and not schema.named:
        return _nested(schema.tensors[0])
    if schema.tensors:
        named = {str(one.name): _nested(one) for one in schema.tensors}
        return {
            "anyOf": [{**_object(named, list(named)), "additionalProperties": False}, {"type": "array", "minItems": 1}]
        }
    return {"anyOf": [{"type": "object"}, {"type": "array", "minItems": 1}]}


def _nested(tensor: Tensor) -> dict[str, Any]:
    kinds = {"f": ["number", "null"], "i": "integer", "u": "integer", "b": "boolean"}
    made: dict[str, Any] = {"type": kinds[tensor.dtype.kind]} if tensor.dtype.kind in kinds else {}
    for length in reversed(tensor.shape):
        made = {**_list(made), **({"minItems": length, "maxItems": length} if length >= 0 else {})}
    return {**made, "minItems": max(made.get("minItems", 1), 1)}


def _column(word: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    if word == "array":
        return _list(_column(spec["items"]["type"], spec["items"]))
    if word == "map":
        return {"type": "object", "additionalProperties": _column(spec["values"]["type"], spec["values"])}
    if word == "object":
        properties = {name: _column(one["type"], one) for name, one in spec["properties"].items()}
        required = [name for name, one in spec["properties"].items() if one.get("required", True)]
        return {**_object(properties, required), "additionalProperties": False}
    return dict(_TYPES[word])


def _parameter(one: Parameter) -> dict[str, Any]:
    said = {"type": "object"} if one.type == "object" else _column(one.type, one.spec)
    return {**(_list(said) if one.is_list else said), "default": one.default}


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": required}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}
