"""The Open Inference Protocol: requests in JSON and binary, answers in both."""

from __future__ import annotations

import json
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import inference
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.inference import InferenceCall
from mlops_jupyter.serving.schema import Schema

LIMITS = Limits(rows=1000, columns=50)


def signature(*columns: tuple[str, str], **more: object) -> Schema:
    inputs = [{"type": kind, "name": name, "required": True} for name, kind in columns]
    return Schema.from_signature({"inputs": json.dumps(inputs)})


def tensor_signature(dtype: str, shape: list[int], name: str | None = None) -> Schema:
    spec = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}
    return Schema.from_signature({"inputs": json.dumps([spec if name is None else {**spec, "name": name}])})


DOUBLES = signature(("a", "double"), ("b", "double"))
MIXED = signature(("name", "string"), ("on", "boolean"), ("n", "integer"), ("x", "double"), ("raw", "binary"))
FREE = Schema()


def one(name: str, datatype: str, shape: list[int], data: object, **parameters: object) -> dict[str, object]:
    made: dict[str, object] = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    return {**made, "parameters": parameters} if parameters else made


def asked(schema: Schema, *inputs: dict[str, object], **more: object) -> InferenceCall:
    return inference.decode(json.dumps({"inputs": inputs, **more}).encode(), None, schema, LIMITS)


def refused(schema: Schema, *inputs: dict[str, object], **more: object) -> str:
    with pytest.raises(Failure) as caught:
        asked(schema, *inputs, **more)
    assert 400 <= caught.value.status < 500
    return caught.value.message


def test_one_input_for_each_column():
    call = asked(DOUBLES, one("b", "FP64", [2], [3.0, 4.0]), one("a", "FP32", [2, 1], [[1], [2]]))
    assert call.rows.names == ("a", "b")
    np.testing.assert_array_equal(call.rows.matrix, [[1.0, 3.0], [2.0, 4.0]])
    assert call.rows.matrix.flags.c_contiguous
    assert call.rows.matrix.dtype == np.float64


def test_a_plain_column_and_a_nested_one_are_the_same():
    plain = [one("a", "FP32", [2], [0.1, None]), one("b", "FP32", [2, 1], [3, 4], content_type="np")]
    nested = [one("a", "FP32", [2, 1], [[0.1], [None]]), one("b", "FP32", [2, 1], [[3], [4]])]
    quick, slow = asked(DOUBLES, *plain).rows, asked(DOUBLES, *nested).rows
    np.testing.assert_array_equal(quick.matrix, slow.matrix)
    assert quick.matrix[0, 0] == np.float64(np.float32(0.1))
    assert quick.matrix.flags.c_contiguous
    for wrong in ([True, 1], ["1", 2], [1]):
        assert "input 'a'" in refused(DOUBLES, one("a", "FP64", [2], wrong), one("b", "FP64", [2], [3, 4]))
    lacking = {"name": "b", "shape": [2], "parameters": {"content_type": "np"}}
    assert "'datatype' must be" in refused(DOUBLES, one("a", "FP64", [2], [1, 2]), lacking)


def test_one_tensor_is_all_columns_in_their_order():
    for data in ([[1, 2], [3, 4]], [1, 2, 3, 4]):
        call = asked(DOUBLES, one("input-0", "INT64", [2, 2], data))
        np.testing.assert_array_equal(call.rows.matrix, [[1.0, 2.0], [3.0, 4.0]])


def test_columns_of_all_types():
    call = asked(
        MIXED,
        one("name", "BYTES", [2], ["u", "v"]),
        one("on", "BOOL", [2], [True, False]),
        one("n", "INT64", [2], [1, 2]),
        one("x", "FP64", [2], [0.5, None]),
        one("raw", "BYTES", [2], ["AAE=", "eA=="], content_type="base64"),
    )
    assert call.rows.count == 2
    assert call.rows.matrix is None
    assert call.rows.columns["name"].tolist() == ["u", "v"]
    assert call.rows.columns["on"].dtype == np.bool_
    assert call.rows.columns["n"].dtype == np.int32
    assert np.isnan(call.rows.columns["x"][1])
    assert call.rows.columns["raw"].tolist() == [b"\x00\x01", b"x"]


def test_a_tensor_is_a_tensor_with_or_without_a_name():
    for schema in (tensor_signature("float32", [-1, 2, 2]), tensor_signature("float32", [-1, 2, 2], "image")):
        call = asked(schema, one("any", "FP32", [1, 2, 2], [1, 2, 3, 4]))
        found = call.rows.matrix if call.rows.columns is None else call.rows.columns["image"]
        assert found.dtype == np.float32
        assert found.tolist() == [[[1.0, 2.0], [3.0, 4.0]]]


def test_without_a_signature_the_content_type_says_table_or_tensor():
    assert asked(FREE, one("x", "FP32", [2, 2], [1, 2, 3, 4])).rows.matrix.shape == (2, 2)
    call = asked(FREE, one("x", "INT32", [2], [1, 2]), parameters={"content_type": "pd"})
    assert call.rows.names == ("x",)
    call = asked(FREE, one("x", "INT32", [1], [1]), one("y", "BYTES", [1], ["u"]))
    assert call.rows.columns["y"].tolist() == ["u"]
    assert asked(FREE, one("x", "FP64", [1, 0], [])).rows.matrix.shape == (1, 0)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([one("a", "FP64", [1], [1.0])], "missing columns: 'b'"),
        ([one("a", "FP64", [1], [1]), one("b", "FP64", [1], [1]), one("d", "FP64", [1], [1])], "not declare: 'd'"),
        ([one("a", "FP64", [1], [1]), one("b", "FP64", [2], [1, 2])], "different numbers of rows"),
        ([one("a", "FP64", [1], [1]), one("a", "FP64", [1], [1])], "twice"),
        ([one("a", "FP64", [2], [1]), one("b", "FP64", [2], [1, 2])], "says 2 values, and 'data' has 1"),
        ([one("a", "FP64", [1], ["x"]), one("b", "FP64", [1], [1])], "row 0, input 'a': its data must be FP64"),
        ([one("x", "FP64", [2, 2], [1, 2, 3, True])], "row 1, input 'x'"),
        ([one("x", "BOOL", [1, 2], [True, False])], "BOOL does not fit"),
        ([one("x", "FP16", [1, 2], [1, 2])], "FP16 can only be sent as binary"),
        ([one("x", "FP128", [1, 2], [1, 2])], "'datatype' must be one of"),
        ([one("x", "INT8", [1, 2], [1, 200])], "row 0, input 'x': its data must be INT8"),
        ([one("x", "FP64", [0, 2], [])], "no rows"),
        ([one("x", "FP64", [-1, 2], [])], "'shape' must be"),
        ([one("x", "FP64", [2000, 2], [])], "more than 1000 rows"),
        ([one("x", "FP64", [1, 51], [])], "more than 50 columns"),
        ([], "a list of 'inputs'"),
    ],
)
def test_what_does_not_fit_is_refused(inputs, words):
    assert words in refused(DOUBLES, *inputs)


def test_a_fraction_is_no_integer_and_a_float_without_one_is():
    ints = signature(("a", "long"), ("b", "long"))
    assert "does not fit the signature's long" in refused(
        ints, one("a", "FP64", [2], [1.0, 2.5]), one("b", "INT64", [2], [1, 2])
    )
    call = asked(ints, one("a", "FP64", [2], [1.0, 2.0]), one("b", "UINT64", [2], [1, 2]))
    assert call.rows.matrix.tolist() == [[1, 1], [2, 2]]


DTYPES = {
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
    "INT8": "i1",
    "INT64": "<i8",
    "UINT8": "u1",
    "UINT64": "<u8",
    "BOOL": "?",
}


@given(st.data(), st.sampled_from(sorted(DTYPES)))
def test_a_binary_tensor_comes_back_as_it_was(data, datatype):
    dtype = np.dtype(DTYPES[datatype])
    shape = data.draw(arrays.array_shapes(min_dims=1, max_dims=3, max_side=4))
    sent = data.draw(arrays.arrays(dtype, shape))
    raw = sent.tobytes()
    head = json.dumps(
        {
            "id": "7",
            "parameters": {"binary_data_output": True},
            "inputs": [
                {"name": "x", "datatype": datatype, "shape": list(shape), "parameters": {"binary_data_size": len(raw)}}
            ],
        }
    ).encode()
    call = inference.decode(head + raw, str(len(head)), FREE, LIMITS)
    assert call.rows.matrix.tobytes() == raw
    assert call.rows.matrix.flags.writeable
    assert call.rows.matrix.flags.aligned
    body, headers = inference.encode(call.rows.matrix, call, "m", "3")
    assert headers["content-type"] == "application/octet-stream"
    length = int(headers[inference.BINARY_HEADER])
    answer = json.loads(body[:length])
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("m", "3", "7")
    (output,) = answer["outputs"]
    assert (output["datatype"], output["shape"]) == (datatype, list(shape))
    assert body[length:] == raw
    assert output["parameters"]["binary_data_size"] == len(raw)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_texts_come_back_in_binary_as_they_were(texts):
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    parts = [text.encode() for text in texts]
    raw = b"".join(struct.pack("<I", len(part)) + part for part in parts)
    said = {"name": "x", "datatype": "BYTES", "shape": [len(texts)], "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps(
        {"inputs": [said], "outputs": [{"name": "output-1", "parameters": {"binary_data": True}}]}
    ).encode()
    call = inference.decode(head + raw, len(head), FREE, LIMITS)
    assert call.rows.matrix.tolist() == texts
    body, headers = inference.encode(call.rows.matrix, call, "m", None)
    assert body[int(headers[inference.BINARY_HEADER]) :] == raw


@pytest.mark.parametrize(
    ("size", "length", "words"),
    [
        (8, None, "must be the number of its bytes"),
        (16, -1, "within the body"),
        (16, 10**9, "within the body"),
        (8, 0, "says 16 bytes, and 'binary_data_size' 8"),
        (16, 8, "the body goes on after its last binary tensor"),
    ],
)
def test_binary_data_that_is_not_as_said_is_refused(size, length, words):
    said = {"name": "x", "datatype": "FP64", "shape": [1, 2], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [said]}).encode()
    raw = bytes(size if words.startswith("says") else 16)
    header = {None: None, -1: "-1", 10**9: str(10**9), 0: str(len(head)), 8: str(len(head))}[length]
    rest = b"" if header is None else raw + bytes(8 if length == 8 else 0)
    with pytest.raises(Failure, match=words):
        inference.decode(head + rest, header, DOUBLES, LIMITS)


def test_the_outputs_are_those_that_are_wanted():
    frame = pd.DataFrame({"p": [0.5, np.nan], "label": ["u", "v"]})
    call = asked(DOUBLES, one("x", "FP64", [2, 2], [1, 2, 3, 4]), id="q")
    answer = json.loads(inference.encode(frame, call, "m", "1")[0])
    assert answer["outputs"] == [
        {"name": "p", "shape": [2], "datatype": "FP64", "data": [0.5, None]},
        {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["u", "v"]},
    ]
    call = asked(DOUBLES, one("x", "FP64", [2, 2], [1, 2, 3, 4]), outputs=[{"name": "label"}])
    assert [one["name"] for one in json.loads(inference.encode(frame, call, "m", "1")[0])["outputs"]] == ["label"]
    call = asked(DOUBLES, one("x", "FP64", [2, 2], [1, 2, 3, 4]), outputs=[{"name": "other"}])
    with pytest.raises(Failure, match="there is no output 'other'; there is 'p', 'label'"):
        inference.encode(frame, call, "m", "1")


@pytest.mark.parametrize(
    ("predictions", "datatype", "shape", "data"),
    [
        (np.array([1, 0]), "INT64", [2], [1, 0]),
        (np.array([[0.1]], dtype=np.float32), "FP32", [1, 1], [0.10000000149011612]),
        (np.array([0.5], dtype=np.float16), "FP32", [1], [0.5]),
        (np.array([True]), "BOOL", [1], [True]),
        (np.array(["u"]), "BYTES", [1], ["u"]),
        ([1.5, 2], "FP64", [2], [1.5, 2.0]),
        (["u", None], "BYTES", [2], ["u", "null"]),
        (pd.Series([1.5]), "FP64", [1], [1.5]),
        ([{"k": 1}], "BYTES", [1], ['{"k":1}']),
    ],
)
def test_what_a_model_answers_has_a_datatype(predictions, datatype, shape, data):
    call = asked(DOUBLES, one("x", "FP64", [1, 2], [1, 2]))
    (output,) = json.loads(inference.encode(predictions, call, "m", "1")[0])["outputs"]
    assert output == {"name": "output-1", "shape": shape, "datatype": datatype, "data": data}


def test_the_metadata_names_inputs_and_outputs():
    schema = Schema.from_signature(
        {
            "inputs": json.dumps([{"type": "double", "name": "a", "required": True}, {"type": "string", "name": "b"}]),
            "outputs": json.dumps([{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]),
        }
    )
    assert inference.model_metadata(schema, "m", ["1", "2"]) == {
        "name": "m",
        "versions": ["1", "2"],
        "platform": "mlflow",
        "inputs": [
            {"name": "a", "datatype": "FP64", "shape": [-1]},
            {"name": "b", "datatype": "BYTES", "shape": [-1]},
        ],
        "outputs": [{"name": "output-1", "datatype": "INT64", "shape": [-1]}],
    }
