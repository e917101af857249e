"""What a redacted column held is not in an example, whatever the example's shape."""

from __future__ import annotations

import json

import pytest

from mlops_jupyter.capabilities.endpoints.neutral_examples import neutral, strict

SIGNATURE = {
    "inputs": json.dumps(
        [{"name": name, "type": kind} for name, kind in (("n", "long"), ("who", "string"), ("born", "datetime"))]
    )
}
SECRET = "ada@example.org"
SHAPES = [
    {"dataframe_split": {"columns": ["n", "who", "born"], "data": [[1, SECRET, SECRET]], "index": [SECRET]}},
    {"dataframe_records": [{"n": 1, "who": SECRET, "born": SECRET}]},
    {"inputs": {"n": [1], "who": [SECRET], "born": [[SECRET], [None]]}},
    {"instances": [{"n": 1, "who": SECRET, "born": None}]},
    {"inputs": [[1, SECRET, SECRET]]},
    [{"n": 1, "who": {"name": SECRET, "born": [SECRET]}}],
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: next(iter(shape)) if isinstance(shape, dict) else "list")
@pytest.mark.parametrize("signature", [SIGNATURE, None])
def test_values_of_redacted_columns_are_replaced(shape, signature):
    redact = ("who", "born") if signature else ("who", "born", "1", "2")
    told = neutral(json.dumps(shape), redact, signature)
    assert SECRET not in told
    assert "1" in told
    assert neutral(told, redact, signature) == told


def test_each_value_is_of_its_columns_type():
    told = neutral(json.dumps(SHAPES[0]), ("who", "born", "n"), SIGNATURE)
    assert json.loads(told)["dataframe_split"]["data"] == [[0, "text", "2026-01-31T12:00:00"]]


def test_a_column_alone_may_stand_as_a_list_of_its_values():
    signature = {"inputs": '[{"name": "who", "type": "string"}]'}
    assert neutral(json.dumps({"inputs": [SECRET, "x"]}), ("who",), signature) == '{"inputs": ["text", "text"]}'
    assert neutral(json.dumps({"inputs": [1, 2]}), ("who",), None) == '{"inputs": [1, 2]}'


def test_what_is_not_redacted_stays_as_it_was():
    text = json.dumps(SHAPES[0], indent=2)
    assert neutral(text, (), SIGNATURE) == text
    assert neutral(None, ("who",), SIGNATURE) is None
    assert neutral("no JSON", ("who",), SIGNATURE) is None


def test_what_is_no_json_is_made_one():
    example = '{"dataframe_split": {"columns": ["a", "b"], "data": [[NaN, "NaN"], [-Infinity, 1.5]]}}'
    assert json.loads(strict(example) or "")["dataframe_split"]["data"] == [[None, "NaN"], [None, 1.5]]
    for same in (None, '{"inputs": [1.0]}', '{"inputs": [NaN'):
        assert strict(same) is same
