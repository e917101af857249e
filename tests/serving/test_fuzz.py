"""Whatever is sent, it is answered or refused: no other exception, and no value of the caller's in the refusal."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from io import BytesIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.serving import failures, inference, scoring
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.schema import Schema

LIMITS = Limits(body_bytes=20_000, rows=50, columns=30, depth=12)
PARQUET = "application/vnd.apache.parquet"
MARK = "Wxq7"
NUMBER = 918273645

_TYPES = ["double", "float", "long", "integer", "string", "boolean", "datetime", "binary"]


def _signature(inputs: list[dict[str, object]], **more: object) -> Schema:
    return Schema.from_signature({"inputs": json.dumps(inputs), **{key: json.dumps(one) for key, one in more.items()}})


def _column(kind: str, name: str, *, required: bool = True) -> dict[str, object]:
    return {"type": kind, "name": name, "required": required}


def _tensor(dtype: str, shape: list[int], name: str | None = None) -> dict[str, object]:
    made: dict[str, object] = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}}
    return made if name is None else {**made, "name": name}


SCHEMAS = {
    "doubles": _signature([_column("double", "a"), _column("double", "b")]),
    "ints": _signature([_column("long", "a"), _column("long", "b")]),
    "all": _signature([_column(kind, kind[0:2], required=kind != "double") for kind in _TYPES]),
    "nested": _signature(
        [
            {**_column("array", "a"), "items": {"type": "double"}},
            {**_column("object", "b"), "properties": {"x": {"type": "long", "required": True}}},
            {**_column("map", "c"), "values": {"type": "string"}},
            _column("any", "d", required=False),
        ]
    ),
    "unnamed": _signature([{"type": "double", "required": True}, {"type": "double", "required": True}]),
    "tensor": _signature([_tensor("float32", [-1, 2])]),
    "bytes": _signature([_tensor("str", [-1])]),
    "object": _signature([_tensor("object", [-1])]),
    "tensors": _signature([_tensor("int64", [-1, 2], "a"), _tensor("bool", [-1], "b")]),
    "free": Schema(),
    "params": _signature(
        [_column("double", "a")],
        params=[
            {"name": "p", "type": "double", "default": 1.0, "shape": None},
            {"name": "q", "type": "datetime", "default": "2026-01-01", "shape": None},
            {"name": "r", "type": "long", "default": [1], "shape": [-1]},
        ],
    ),
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(NUMBER, NUMBER + 9),
    st.just(2**63),
    st.just(-(2**70)),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: value if abs(value) > 1e6 else float(NUMBER)),
    st.just(MARK),
    st.just("2026-11-26"),
    st.text(max_size=3).map(lambda text: MARK + text),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abx"), inner, max_size=2)),
    max_leaves=8,
)
names = st.lists(st.sampled_from(["a", "b", "c", "d", *(kind[0:2] for kind in _TYPES)]), max_size=9)
tables = st.one_of(st.lists(st.lists(values, max_size=9), max_size=4), values)
splits = st.fixed_dictionaries({"columns": names, "data": tables}, optional={"index": values})
records = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), values), max_size=3)
bodies = st.one_of(
    st.fixed_dictionaries({"dataframe_split": splits}),
    st.fixed_dictionaries({"dataframe_split": st.integers(1, 9).flatmap(
        lambda width: st.fixed_dictionaries({
            "columns": st.lists(names.map(lambda found: found[0] if found else "a"), min_size=width, max_size=width),
            "data": st.lists(st.lists(scalars, min_size=width, max_size=width), max_size=3),
        }))}),
    st.fixed_dictionaries({"dataframe_records": records}),
    st.fixed_dictionaries({"inputs": tables}, optional={"params": values}),
    st.fixed_dictionaries({"instances": tables}, optional={"params": st.dictionaries(st.sampled_from("pqr"), values)}),
    st.dictionaries(st.sampled_from(["inputs", "instances", "dataframe_split", "dataframe_records"]), values),
    values,
)  # fmt: skip


def _failure(call: Callable[[], object]) -> Failure | None:
    try:
        call()
    except Failure as failure:
        return failure
    return None


def _refused_in_order(call: Callable[[], object]) -> None:
    failure = _failure(call)
    if failure is None:
        return
    assert 400 <= failure.status < 500
    for said in (
        failure.message,
        *(failures.body(failure, protocol).decode() for protocol in ("scoring", "inference")),
    ):
        assert MARK not in said
        assert str(NUMBER)[:6] not in said


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(bodies, st.sampled_from(sorted(SCHEMAS)))
def test_scoring_json(body, name):
    text = json.dumps(body).encode()
    _refused_in_order(lambda: scoring.decode(text, "application/json", SCHEMAS[name], LIMITS))


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/csv", PARQUET]))
def test_scoring_bytes(body, kind):
    _refused_in_order(lambda: scoring.decode(body, kind, SCHEMAS["doubles"], LIMITS))


@settings(max_examples=200)
@given(st.lists(st.lists(scalars, min_size=1, max_size=4), max_size=5), st.sampled_from(sorted(SCHEMAS)), st.booleans())
def test_scoring_csv(rows, name, has_head):
    lines = [",".join("" if value is None else str(value) for value in row) for row in rows]
    body = "\n".join((["a,b"] if has_head else []) + lines).encode("utf-8", "ignore")
    _refused_in_order(lambda: scoring.decode(body, "text/csv", SCHEMAS[name], LIMITS))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,target,b\n1,0,2", "columns that the model's signature does not declare: 'target'"),
        # What could be a row of data is not repeated.
        (f"a,{MARK}\n1,2", "missing columns: 'b'; columns that the model's signature does not declare: number '1'"),
    ],
)
def test_a_column_too_many_of_csv_is_named_where_it_is_one(text, said):
    failure = _failure(lambda: scoring.decode(text.encode(), "text/csv", SCHEMAS["doubles"], LIMITS))
    assert failure is not None
    assert said in failure.message


def _parquet(frame: pd.DataFrame) -> bytes:
    target = BytesIO()
    frame.to_parquet(target)
    return target.getvalue()


FRAMES = [
    pd.DataFrame({"a": [1.5, 2.5], "b": [1, 2]}),
    pd.DataFrame({"a": [MARK, MARK], "b": [NUMBER, NUMBER]}),
    pd.DataFrame({"a": [[1.0, 2.0], [3.0, 4.0]], "b": [True, False]}),
    pd.DataFrame({"a": pd.to_datetime(["2026-01-01"]).tz_localize("UTC"), "b": [b"\x00"]}),
    pd.DataFrame({"a": pd.Categorical(["u", "v"]), "b": pd.array([1, None], dtype="Int64")}),
    pd.DataFrame({"a": [{"x": 1}], "b": [None]}),
    pd.DataFrame({"a": pd.to_timedelta([1, 2]), "b": [pd.Timestamp("1000-01-01"), None]}),
]


@settings(max_examples=300)
@given(st.sampled_from(range(len(FRAMES))), st.sampled_from(sorted(SCHEMAS)), st.data())
def test_scoring_parquet(which, name, data):
    body = bytearray(_parquet(FRAMES[which]))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    _refused_in_order(lambda: scoring.decode(bytes(body), PARQUET, SCHEMAS[name], LIMITS))


oip_inputs = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["a", "b", "c", "x"]),
                "shape": st.one_of(st.lists(st.integers(-1, 3), max_size=3), values),
                "datatype": st.sampled_from(["FP64", "FP32", "FP16", "INT64", "INT8", "UINT64", "BOOL", "BYTES", "XX"]),
            },
            optional={
                "data": st.one_of(st.lists(scalars, max_size=6), values),
                "parameters": st.one_of(
                    st.fixed_dictionaries(
                        {}, optional={"binary_data_size": st.integers(-1, 40), "content_type": values}
                    ),
                    values,
                ),
            },
        ),
        values,
    ),
    max_size=3,
)


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(
    oip_inputs, st.binary(max_size=60), st.one_of(st.none(), values), st.sampled_from(sorted(SCHEMAS)), st.booleans()
)
def test_inference(inputs, raw, more, name, is_binary):
    body: dict[str, object] = {"inputs": inputs}
    if more is not None:
        body |= {"parameters": more, "outputs": more, "id": more}
    head = json.dumps(body).encode()
    length = len(head) if is_binary else None
    _refused_in_order(lambda: inference.decode(head + (raw if is_binary else b""), length, SCHEMAS[name], LIMITS))


@settings(max_examples=300)
@given(
    st.sampled_from(["FP64", "INT32", "BOOL", "BYTES"]),
    st.lists(scalars, min_size=1, max_size=4),
    st.sampled_from(sorted(SCHEMAS)),
)
def test_inference_of_even_columns(datatype, data, name):
    schema = SCHEMAS[name]
    inputs = [
        {"name": column, "shape": [len(data)], "datatype": datatype, "data": data} for column in schema.names or ("x",)
    ]
    body = json.dumps({"inputs": inputs}).encode()
    _refused_in_order(lambda: inference.decode(body, None, schema, LIMITS))


def test_a_verbose_refusal_has_the_value_and_another_has_not():
    body = json.dumps({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, MARK]]}}).encode()
    with pytest.raises(Failure) as caught:
        scoring.decode(body, "application/json", SCHEMAS["doubles"], LIMITS)
    plain = json.loads(failures.body(caught.value, "scoring"))
    assert plain == {"error_code": "INVALID_PARAMETER_VALUE", "message": "row 1, column 'b': must be a number"}
    assert MARK in failures.body(caught.value, "scoring", verbose=True).decode()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"[" * 13 + b"]" * 13, 400, "deeper than 12 levels"),
        (b'{"inputs": ' + b'{"a":' * 12 + b"1" + b"}" * 13, 400, "deeper than 12 levels"),
        (b"[" * 19_000, 400, "deeper than 12 levels"),
        (b'{"inputs": ["' + b"[{" * 50 + b'"]}', 200, ""),
        (b'{"inputs": [' + b'"]",' * 30 + b"[" * 20 + b"]" * 20 + b"]}", 400, ""),
        (b" " * 20_001, 413, "larger than 20000 bytes"),
        (json.dumps({"inputs": [1.0] * 51}).encode(), 413, "more than 50 rows"),
        (json.dumps({"inputs": [[1.0] * 31]}).encode(), 413, "more than 30 columns"),
        (json.dumps({"inputs": {f"c{at}": [1] for at in range(31)}}).encode(), 413, "more than 30 columns"),
        (b'{"inputs": [NaN]}', 400, "send null for a missing value"),
        (b'{"inputs": [-Infinity]}', 400, "send null for a missing value"),
        (b'{"inputs": [1e999]}', 400, "not valid JSON"),
    ],
)  # fmt: skip
def test_limits(body, status, words):
    failure = _failure(lambda: scoring.decode(body, "application/json", Schema(), LIMITS))
    assert (200 if failure is None else failure.status) == status
    assert words in str(failure)


def test_numbers_need_neither_pandas_nor_mlflow():
    code = """
import sys
from mlops_jupyter.serving import scoring, inference, openapi
from mlops_jupyter.serving.schema import Schema
from mlops_jupyter.capabilities.endpoints import Limits
import numpy as np
schema = Schema.from_signature({"inputs": '[{"type": "double", "name": "a"}, {"type": "datetime", "name": "b"}]'})
body = b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, "2026-01-01"]]}}'
scoring.encode(np.array([scoring.decode(body, "application/json", schema, Limits()).count]))
print(sorted({"pandas", "pyarrow", "mlflow", "sklearn"} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_small_parquet_file_that_grows_huge_is_refused():
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 40, pa.int32()), pa.array(["x" * 100_000]))
    for column in (texts, pa.array([["x" * 100_000] * 40]), pa.array([[None] * 200_000])):
        target = BytesIO()
        pq.write_table(pa.table({"a": column}), target, compression="zstd")
        assert len(target.getvalue()) < LIMITS.body_bytes
        failure = _failure(partial(scoring.decode, target.getvalue(), PARQUET, Schema(), LIMITS))
        assert failure is not None
        assert failure.status == 413


def test_texts_that_repeat_are_read_as_they_are():
    frame = pd.DataFrame({"a": ["u", "v", None] * 10, "b": [b"x"] * 30})
    rows = scoring.decode(_parquet(frame), PARQUET, Schema(), LIMITS)
    assert rows.columns["a"].tolist() == ["u", "v", None] * 10
    assert rows.columns["b"].tolist() == [b"x"] * 30


def test_columns_without_names_are_taken_by_their_place():
    body = json.dumps({"dataframe_split": {"columns": ["p", "q"], "data": [[1, "x"]]}}).encode()
    failure = _failure(lambda: scoring.decode(body, "application/json", SCHEMAS["unnamed"], LIMITS))
    assert failure is not None
    assert failure.message == "row 0, column '1': must be a number"
