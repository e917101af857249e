"""Models and requests that MLflow's scoring server and ours are both given.

A request that ours refuses and MLflow answers, or the other way round, says why.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property
from sklearn.linear_model import LinearRegression

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"


MODELS = {
    "doubles": "Three columns of doubles (scikit-learn)",
    "mixed": "Columns of all types, one of them optional",
    "nested": "Columns that hold lists, objects and maps",
    "one": "One column of text",
    "tensor": "One tensor of float32, shape (-1, 3)",
    "tensors": "Two tensors with names, int64 and float64",
    "params": "A column and parameters",
    "free": "No signature",
}


class Seen(mlflow.pyfunc.PythonModel):
    """Answers with what it was asked, and of which types."""

    def predict(self, context, model_input, params=None):
        if isinstance(model_input, dict):
            return {name: np.asarray(value) for name, value in model_input.items()}
        if isinstance(model_input, np.ndarray):
            return model_input
        frame = model_input.reset_index(drop=True).copy()
        for at, name in enumerate(list(frame.columns)):
            column = frame.iloc[:, at]
            kind = "text" if column.dtype == object or str(column.dtype) in {"str", "string"} else str(column.dtype)
            frame[f"{name} is"] = kind
        if params:
            frame["params"] = json.dumps(params, default=str, sort_keys=True)
        return frame


class Doubled(mlflow.pyfunc.PythonModel):
    """Answers a tensor with twice the tensor."""

    def predict(self, context, model_input, params=None):
        if isinstance(model_input, dict):
            return {name: value * 2 for name, value in model_input.items()}
        return model_input * 2


MIXED = [
    ColSpec(DataType.string, "name"),
    ColSpec(DataType.boolean, "active"),
    ColSpec(DataType.integer, "visits"),
    ColSpec(DataType.long, "account"),
    ColSpec(DataType.float, "rate"),
    ColSpec(DataType.double, "amount"),
    ColSpec(DataType.datetime, "since"),
    ColSpec(DataType.binary, "mark"),
    ColSpec(DataType.double, "bonus", required=False),
]
NESTED = [
    ColSpec(Array(DataType.double), "series"),
    ColSpec(Object([Property("x", DataType.long), Property("y", DataType.string, required=False)]), "point"),
    ColSpec(Map(DataType.double), "weights"),
]


def save_models(folder: Path) -> dict[str, Path]:
    """Save every model; return their folders."""
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(50, 3)), columns=["a", "b", "c"])
    linear = LinearRegression().fit(features, features["a"] * 2 - features["b"] + 0.1)
    paths = {name: folder / name for name in MODELS}
    mlflow.sklearn.save_model(
        linear,
        paths["doubles"],
        signature=ModelSignature(Schema([ColSpec(DataType.double, name) for name in "abc"])),
        pip_requirements=[],
    )
    params = ParamSchema(
        [
            ParamSpec("scale", DataType.double, 1.0),
            ParamSpec("top", DataType.long, 3),
            ParamSpec("mode", DataType.string, "fast"),
            ParamSpec("stops", DataType.string, ["x"], shape=(-1,)),
        ]
    )
    two = [TensorSpec(np.dtype("int64"), (-1, 2), "ids"), TensorSpec(np.dtype("float64"), (-1,), "weight")]
    signatures = {
        "mixed": ModelSignature(Schema(MIXED)),
        "nested": ModelSignature(Schema(NESTED)),
        "tensor": ModelSignature(Schema([TensorSpec(np.dtype("float32"), (-1, 3))])),
        "tensors": ModelSignature(Schema(two)),
        "params": ModelSignature(Schema([ColSpec(DataType.double, "a")]), params=params),
        "one": ModelSignature(Schema([ColSpec(DataType.string, "text")])),
        "free": None,
    }
    for name, signature in signatures.items():
        model = Doubled() if name in {"tensor", "tensors"} else Seen()
        mlflow.pyfunc.save_model(paths[name], python_model=model, signature=signature, pip_requirements=[])
    return paths


@dataclass(frozen=True)
class Sent:
    """One request.

    ``why`` says why ours differs from MLflow's: answered and not, or refused in another way.
    """

    model: str
    what: str
    body: bytes
    content_type: str | None = JSON
    why: str = ""


def _json(model: str, what: str, body: Any, why: str = "") -> Sent:
    return Sent(model, what, body if isinstance(body, bytes) else json.dumps(body).encode(), JSON, why)


def split(columns: list[str] | None, *rows: list[Any], **more: Any) -> dict[str, Any]:
    """Return a body in the shape dataframe_split."""
    inner = {"data": list(rows), **more}
    return {"dataframe_split": inner if columns is None else {"columns": columns, **inner}}


def records(*rows: dict[str, Any]) -> dict[str, Any]:
    """Return a body in the shape dataframe_records."""
    return {"dataframe_records": list(rows)}


ABC = ["a", "b", "c"]
UNDECLARED = "an undeclared column is refused, not ignored"
TYPE = "a value of another type is refused, not converted"
CUT = "a fraction is refused, not cut off"
MISSING = "a row that lacks a column is refused, not filled"
NULL_BOOL = "null is refused in a boolean column: MLflow reads it as false"
NULL_TEXT = "null is a missing text: MLflow makes it the text 'None' in this shape"
FORMS = "dates in two forms of ISO 8601 are read; MLflow wants one"
NO_TYPE = "415 with a JSON body, not 500"
CAPITALS = "capitals do not count in a Content-Type (RFC 9110)"
JSON_415 = "415 with a JSON body, not plain text"
EMPTY = "no rows are refused before the model is asked"
ONE_RULE = "an integer will do for a float in every format; MLflow takes it in JSON alone"
DATES = "dates in CSV are read; MLflow cannot"
TURNED = "records are rows in this shape too; MLflow turns them into columns, which breaks nested types"
BASE64 = "what is not base64 is refused, not skipped"
LENGTHS = "tensors of different lengths are refused: which rows are meant?"
WRAPS = "a number beyond the column's type is refused, not wrapped around"
EPOCH = "a number is refused as a date: MLflow takes it for nanoseconds, pandas writes milliseconds"

_ROW = {
    "name": "Ada", "active": True, "visits": 3, "account": 2**40, "rate": 0.1, "amount": 2.5,
    "since": "2026-11-26T01:02:03", "mark": base64.b64encode(b"\x00\xffxyz").decode(),
}  # fmt: skip
_PLAIN = {**_ROW, "mark": "xyz"}
_MIXED_NAMES = list(_ROW)


def _row(**changed: Any) -> dict[str, Any]:
    return {**_ROW, **changed}


def _plain(**changed: Any) -> dict[str, Any]:
    return {**_PLAIN, **changed}


def _columns(*rows: dict[str, Any]) -> dict[str, Any]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _parquet(frame: pd.DataFrame) -> bytes:
    target = BytesIO()
    frame.to_parquet(target)
    return target.getvalue()


def _frame(**changed: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "name": ["Ada", "Max"],
            "active": [True, False],
            "visits": np.array([3, 4], dtype=np.int32),
            "account": [2**40, 5],
            "rate": np.array([0.1, 0.2], dtype=np.float32),
            "amount": [2.5, None],
            "since": pd.to_datetime(["2026-11-26T01:02:03", "2026-01-01T00:00:00"]),
            "mark": [b"\x00\xff", b"xyz"],
        }
    )
    return frame.assign(**changed)


def sent() -> list[Sent]:
    """Return every request."""
    return [*_doubles(), *_mixed_json(), *_files(), *_nested(), *_tensor(), *_tensors(), *_free(), *_params(), *_one()]


def _doubles() -> list[Sent]:
    row = [1.5, -2.25, 1e-3]
    wide = pd.DataFrame([[*row, 1.0]], columns=[*ABC, "d"])
    return [
        _json("doubles", "dataframe_split", split(ABC, row, [0.1, 0.2, 0.3])),
        _json("doubles", "dataframe_split, columns in another order", split(["c", "a", "b"], row)),
        _json("doubles", "dataframe_split with an index", split(ABC, row, index=["k"])),
        _json("doubles", "dataframe_split, integers", split(ABC, [1, 2, 3])),
        _json("doubles", "dataframe_split, integers beyond 2^53", split(ABC, [2**60 + 1, 2, 3.5])),
        _json("doubles", "dataframe_records", records({"a": 1.0, "b": 2.0, "c": 3.0}, {"c": 3.5, "b": 2.5, "a": 1.5})),
        _json("doubles", "inputs, lists by name", {"inputs": {"a": [1.0, 2.0], "b": [1, 2], "c": [0.5, 0.25]}}),
        _json("doubles", "inputs, values by name", {"inputs": {"a": 1.0, "b": 2.0, "c": 3.0}}),
        _json("doubles", "inputs, records", {"inputs": [{"a": 1.0, "b": 2.0, "c": 3.0}]}),
        _json("doubles", "instances, records", {"instances": [{"a": 1.0, "b": 2.0, "c": 3.0}] * 2}),
        _json("doubles", "instances, lists by name", {"instances": {"a": [1.0], "b": [2.0], "c": [3.0]}}),
        Sent("doubles", "Content-Type with charset", json.dumps(split(ABC, row)).encode(), JSON + "; charset=UTF-8"),
        Sent("doubles", "Content-Type in capitals", json.dumps(split(ABC, row)).encode(), "Application/JSON", CAPITALS),
        _json("doubles", "an unknown key beside", {**split(ABC, row), "other": 1}),
        _json("doubles", "a number as text", split(ABC, [1.0, "2.5", 3.0]), TYPE),
        _json("doubles", "a truth value for a number", split(ABC, [1.0, True, 3.0]), TYPE),
        _json("doubles", "a text that is no number", split(ABC, [1.0, "two", 3.0])),
        _json("doubles", "a list for a number", split(ABC, [1.0, [2.0], 3.0])),
        _json("doubles", "an undeclared column", split([*ABC, "d"], [*row, 1.0]), UNDECLARED),
        _json("doubles", "a missing column", split(["a", "b"], [1.0, 2.0])),
        _json("doubles", "a record without a column", records({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 2.0})),
        _json("doubles", "a column twice", split(["a", "b", "b", "c"], [1, 2, 3, 4])),
        _json("doubles", "no names", split(None, row)),
        _json("doubles", "inputs, a list without names", {"inputs": [row]}),
        _json("doubles", "a row too short", split(ABC, [1.0, 2.0])),
        _json("doubles", "no rows", split(ABC)),
        _json("doubles", "a list as the body", [row]),
        _json("doubles", "no shape", {"data": [row]}),
        _json("doubles", "a chat's messages", {"messages": [{"role": "user", "content": "hi"}]}),
        _json("doubles", "two shapes", {**split(ABC, row), "inputs": [row]}),
        _json("doubles", "an index too short", split(ABC, row, row, index=[1])),
        _json("doubles", "an unknown key in dataframe_split", split(ABC, row, more=1)),
        _json("doubles", "NaN", b'{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[NaN, 1, 2]]}}'),
        _json("doubles", "cut short", b'{"dataframe_split": {"columns": ["a", "b", "c"], "data": [[1'),
        _json("doubles", "not UTF-8", b'{"dataframe_split": {"columns": ["\xff"]}}'),
        _json("doubles", "empty body", b""),
        Sent("doubles", "no Content-Type", json.dumps(split(ABC, row)).encode(), None, NO_TYPE),
        Sent("doubles", "an unknown Content-Type", b"<a/>", "text/xml", JSON_415),
        Sent("doubles", "another charset", json.dumps(split(ABC, row)).encode(), JSON + "; charset=latin-1", JSON_415),
        Sent("doubles", "another parameter", json.dumps(split(ABC, row)).encode(), JSON + "; format=x", JSON_415),
        Sent("doubles", "CSV", b"a,b,c\n1.5,-2,0.001\n2,3,4\n", CSV),
        Sent("doubles", "CSV, another order", b"c,b,a\n1.5,-2,0.001\n", CSV),
        Sent("doubles", "CSV, an undeclared column", b"a,b,c,d\n1,2,3,4\n", CSV, UNDECLARED),
        Sent("doubles", "CSV, a text for a number", b"a,b,c\n1,two,3\n", CSV),
        Sent("doubles", "CSV, a missing column", b"a,b\n1,2\n", CSV),
        Sent("doubles", "CSV, empty", b"", CSV),
        Sent("doubles", "Parquet", _parquet(pd.DataFrame([row], columns=ABC)), PARQUET),
        Sent("doubles", "Parquet, integers", _parquet(pd.DataFrame([[5, 6, 7]], columns=ABC)), PARQUET, ONE_RULE),
        Sent("doubles", "Parquet, an undeclared column", _parquet(wide), PARQUET, UNDECLARED),
        Sent("doubles", "Parquet, a missing column", _parquet(wide[["a", "b"]]), PARQUET),
        Sent("doubles", "not Parquet", b"PAR1 no", PARQUET),
    ]  # fmt: skip


def _mixed_json() -> list[Sent]:
    def by_record(what: str, why: str = "", **changed: Any) -> Sent:
        return _json("mixed", what, records(_row(**changed)), why)

    return [
        _json("mixed", "dataframe_split", split(_MIXED_NAMES, list(_ROW.values()))),
        _json("mixed", "with the optional column", split([*_MIXED_NAMES, "bonus"], [*_ROW.values(), 1.5])),
        _json("mixed", "dataframe_records", records(_row(), _row(name="Max", active=False, visits=0))),
        _json("mixed", "records, the optional column in one", records(_row(bonus=2.0), _row())),
        _json("mixed", "inputs, lists by name", {"inputs": _columns(_PLAIN, _plain(name="Max", active=False))}),
        _json("mixed", "inputs, values by name", {"inputs": _plain()}),
        _json("mixed", "instances, records", {"instances": [_plain(), _plain(rate=2)]}),
        by_record("null for a double", amount=None),
        by_record("null for a float", rate=None),
        by_record("null for a text", name=None),
        by_record("null for a date", since=None),
        by_record("null for an integer", visits=None),
        by_record("null for a boolean", NULL_BOOL, active=None),
        by_record("null for binary data", mark=None),
        _json("mixed", "inputs, null for a text", {"inputs": _columns(_plain(name=None), _plain())}, NULL_TEXT),
        by_record("a float without a fraction for an integer", visits=3.0),
        by_record("a fraction for an integer", CUT, visits=3.7),
        by_record("a number beyond int32", WRAPS, visits=2**31),
        by_record("a number beyond int64", WRAPS, account=2**63),
        by_record("a number for a text", TYPE, name=5),
        by_record("a text for a boolean", TYPE, active="yes"),
        by_record("a number for a boolean", TYPE, active=1),
        by_record("a text for an integer", TYPE, visits="3"),
        by_record("a date without a time", since="2026-11-26"),
        by_record("a date in another form", since="26 Nov 2026 14:00"),
        by_record("a date with a time zone", since="2026-11-26T01:02:03+02:00"),
        by_record("no date", since="soon"),
        by_record("a day that there is not", since="2026-02-30"),
        by_record("a number for a date", EPOCH, since=1764119000000),
        by_record("a date beyond nanoseconds", since="3000-01-01"),
        by_record("not base64", BASE64, mark="@@@@"),
        _json("mixed", "dates of two forms", records(_row(), _row(since="2026-11-26")), FORMS),
        by_record("a float beyond float32", rate=1e300),
        by_record("a float32 that widens", rate=16777217),
        by_record("a text that looks like a number", name="007"),
        by_record("a text beyond ASCII", name="Zoë ✓"),
    ]  # fmt: skip


def _files() -> list[Sent]:
    head = "name,active,visits,account,rate,amount,since,mark\n"
    line = "Ada,True,3,1099511627776,0.1,2.5,2026-11-26T01:02:03,xyz\n"
    without = "a,b,c\n,2,3\n"
    narrow = pd.DataFrame(np.ones((2, 3), dtype=np.float32), columns=ABC)
    return [
        Sent("mixed", "CSV with a date", (head + line).encode(), CSV, DATES),
        Sent("mixed", "Parquet", _parquet(_frame()), PARQUET),
        Sent("mixed", "Parquet, a number for a text", _parquet(_frame(name=[1, 2])), PARQUET),
        Sent("mixed", "Parquet, a fraction for an integer", _parquet(_frame(visits=[1.5, 2.0])), PARQUET),
        Sent("mixed", "Parquet, int64 within an int32 column", _parquet(_frame(visits=[1, 2])), PARQUET, ONE_RULE),
        Sent("free", "CSV", without.encode(), CSV),
        Sent("one", "CSV", b"text\nhello\n007\n", CSV),
        Sent("params", "CSV, a missing value", b"a\n1\nNA\n", CSV),
        Sent("tensor", "CSV for a tensor", b"a,b,c\n1,2,3\n", CSV),
        Sent("tensor", "Parquet for a tensor", _parquet(narrow), PARQUET),
    ]  # fmt: skip


def _nested() -> list[Sent]:
    good = {"series": [1.0, 2.5], "point": {"x": 1, "y": "u"}, "weights": {"p": 0.5}}
    return [
        _json("nested", "dataframe_records", records(good, {**good, "series": []})),
        _json("nested", "dataframe_split", split(list(good), list(good.values()))),
        _json("nested", "inputs, records", {"inputs": [good]}),
        _json("nested", "inputs, values by name", {"inputs": good}),
        _json("nested", "instances, records", {"instances": [good]}, TURNED),
        _json("nested", "an optional property left out", records({**good, "point": {"x": 1}})),
        _json("nested", "a required property left out", records({**good, "point": {"y": "u"}})),
        _json("nested", "an undeclared property", records({**good, "point": {"x": 1, "z": 1}})),
        _json("nested", "a text in a list of numbers", records({**good, "series": [1.0, "x"]})),
        _json("nested", "a number for a list", records({**good, "series": 1.0})),
        _json("nested", "a list for a map", records({**good, "weights": [1.0]})),
        _json("nested", "a fraction for an integer", records({**good, "point": {"x": 1.5}})),
    ]


def _tensor() -> list[Sent]:
    return [
        _json("tensor", "inputs", {"inputs": [[0.1, 2, 3.5], [4, 5, 6]]}),
        _json("tensor", "instances", {"instances": [[0.1, 2, 3.5]]}),
        _json("tensor", "dataframe_split", split(ABC, [0.1, 2, 3.5])),
        _json("tensor", "dataframe_split without names", split(None, [0.1, 2, 3.5])),
        _json("tensor", "dataframe_records", records({"a": 0.1, "b": 2, "c": 3.5})),
        _json("tensor", "dataframe_split, one column of lists", split(["x"], [[0.1, 2, 3.5]])),
        _json("tensor", "null in a tensor", {"inputs": [[None, 2, 3.5]]}),
        _json("tensor", "another shape", {"inputs": [[1.0, 2.0]]}),
        _json("tensor", "a dimension too many", {"inputs": [[[1.0, 2.0, 3.0]]]}),
        _json("tensor", "uneven lengths", {"inputs": [[1.0, 2.0, 3.0], [1.0]]}),
        _json("tensor", "a text in a tensor", {"inputs": [[1.0, "x", 3.0]]}),
        _json("tensor", "a number as text in a tensor", {"inputs": [[1.0, "2", 3.0]]}, TYPE),
        _json("tensor", "a truth value in a tensor", {"inputs": [[1.0, True, 3.0]]}, TYPE),
        _json("tensor", "names for a tensor without", {"inputs": {"x": [[1.0, 2.0, 3.0]]}}),
        _json("tensor", "a number alone", {"inputs": 5}),
        _json("tensor", "no rows", {"inputs": []}),
    ]


def _tensors() -> list[Sent]:
    two = {"ids": [[1, 2], [3, 4]], "weight": [0.5, 1.5]}
    return [
        _json("tensors", "inputs", {"inputs": two}),
        _json("tensors", "instances, records", {"instances": [{"ids": [1, 2], "weight": 0.5}] * 2}),
        _json("tensors", "dataframe_split", split(["ids", "weight"], [[1, 2], 0.5], [[3, 4], 1.5])),
        _json("tensors", "a fraction for an integer", {"inputs": {**two, "ids": [[1.5, 2], [3, 4]]}}, CUT),
        _json("tensors", "a tensor missing", {"inputs": {"ids": [[1, 2]]}}),
        _json("tensors", "an undeclared tensor", {"inputs": {**two, "more": [1, 2]}}, UNDECLARED),
        _json("tensors", "another shape", {"inputs": {**two, "ids": [[1], [2]]}}),
        _json("tensors", "different lengths", {"inputs": {**two, "weight": [1.0]}}, LENGTHS),
    ]  # fmt: skip


def _free() -> list[Sent]:
    return [
        _json("free", "dataframe_split", split(["x", "y"], [1, "u"], [2, None])),
        _json("free", "dataframe_split, numbers", split(["x", "y"], [1.5, 2], [3, None])),
        _json("free", "dataframe_records", records({"x": 1, "y": True}, {"x": 2, "y": False})),
        _json("free", "inputs, a tensor", {"inputs": [[1.5, 2], [3, 4]]}),
        _json("free", "inputs, texts", {"inputs": ["u", "v"]}),
        _json("free", "instances, a tensor", {"instances": [[1, 2], [3, 4]]}),
        _json("free", "an empty object", {"dataframe_records": [{}]}, "a table without columns is refused"),
        _json(
            "free",
            "a chat's messages",
            {"messages": [{"role": "user", "content": "hi"}]},
            "a body of one of the four shapes is what is taken; MLflow hands this to the model as it is",
        ),
        _json("free", "a prompt", {"prompt": "hi"}, "as a chat's messages"),
    ]


def _params() -> list[Sent]:
    body = split(["a"], [1.5])

    def with_params(what: str, params: Any, why: str = "") -> Sent:
        return _json("params", what, {**body, "params": params}, why)

    return [
        _json("params", "no params", body),
        with_params("params", {"scale": 2, "top": 5, "mode": "slow", "stops": ["a", "b"]}),
        with_params("some params", {"scale": 2.5}),
        with_params("no params in the object", {}),
        with_params("an undeclared param", {"scale": 2.5, "other": 1}),
        with_params("null for a param", {"mode": None}),
        with_params("a float for an integer", {"top": 2.5}),
        with_params("a text for a number", {"scale": "2"}),
        with_params("a text for a list", {"stops": "a"}),
        with_params("a list for params", [1]),
        _json("doubles", "params of a model without", {**split(ABC, [1, 2, 3]), "params": {"x": 1}}),
    ]


def _one() -> list[Sent]:
    return [
        _json("one", "inputs, a list without the name", {"inputs": ["hello", "you"]}),
        _json("one", "instances, a list without the name", {"instances": ["hello"]}),
        _json("one", "inputs, a number for a text", {"inputs": [1]}, TYPE),
        _json("one", "null among texts", split(["text"], ["u"], [None])),
    ]
