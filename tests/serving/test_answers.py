"""What a model answers, as JSON: MLflow's numbers and forms, and null where MLflow writes what is no JSON."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlflow.pyfunc.scoring_server import predictions_to_json

from mlops_jupyter.serving import scoring
from mlops_jupyter.serving.failures import Failure
from tests.serving.both import without_nan


def _as_mlflow(predictions: object) -> object:
    target = StringIO()
    predictions_to_json(predictions, target)
    return without_nan(json.loads(target.getvalue()))


ANSWERS = [
    np.array([1, 0]),
    np.array([0.1, np.nan, np.inf], dtype=np.float32),
    np.array([0.1, 65504], dtype=np.float16),
    np.array([[1.5, 2.5], [3.5, 4.5]]).T,
    np.array([1.5, 2.5], dtype=">f8"),
    np.array([True]),
    np.array(["u", "ü"]),
    np.array([b"\x00\xff"]),
    np.array(["2026-11-26T01:02:03"], dtype="datetime64[s]"),
    np.array(["2026-11-26T01:02:03"], dtype="datetime64[ns]"),
    np.array([1, "u", None, 1.5], dtype=object),
    np.array(5),
    np.zeros((0, 3)),
    [np.float32(0.1), np.int64(3), np.bool_(True)],
    [np.array([1.5]), (1, 2)],
    pd.Series([0.1, None], name="p"),
    pd.Series([1, 2]),
    pd.DataFrame({"p": np.array([0.1], dtype=np.float32), "when": pd.to_datetime(["2026-11-26"]), "label": ["u"]}),
    pd.DataFrame({0: [1, 2], 1: [None, "x"]}),
    pd.DataFrame({"when": pd.to_datetime([None, "2026-11-26T01:02:03.000000004"])}),
    {"p": np.array([0.5]), "n": [dt.date(2026, 11, 26), dt.time(1, 2), dt.datetime(2026, 11, 26, tzinfo=dt.UTC)]},
    {1: "x", None: 2},
    ["text", None, {"k": [1.5]}],
    "text",
    2**70,
    [float("nan"), 2**70],
    "\ud800",
]


@pytest.mark.parametrize("predictions", ANSWERS, ids=lambda one: f"{type(one).__name__} {getattr(one, 'dtype', '')}")
def test_an_answer_is_mlflows(predictions):
    assert json.loads(scoring.encode(predictions))["predictions"] == _as_mlflow(predictions)["predictions"]


@given(arrays.arrays(st.sampled_from([np.float32, np.float64, np.int8, np.int64, np.uint64, np.bool_]), (2, 2)))
def test_every_number_is_mlflows(predictions):
    assert json.loads(scoring.encode(predictions)) == _as_mlflow(predictions)


def test_pandas_missing_value_is_null():
    assert json.loads(scoring.encode(pd.DataFrame({"p": pd.array([1, None], dtype="Int64")}))) == {
        "predictions": [{"p": 1}, {"p": None}]
    }


@pytest.mark.parametrize("predictions", [object(), {"k": {1, 2}}, [1j]])
def test_what_json_cannot_hold_is_the_models_fault(predictions):
    with pytest.raises(Failure) as caught:
        scoring.encode(predictions)
    assert caught.value.status == 500
