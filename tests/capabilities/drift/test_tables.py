"""Tables in memory as profiles: what pandas calls a column, and what a model answers."""

import numpy as np
import pandas as pd
import pytest

from mlops_jupyter.capabilities.drift.tables import baseline_of, drawn, outputs, profile_of


def test_every_type_of_pandas_is_what_it_means():
    table = pd.DataFrame(
        {
            "float": [1.5, None, 2.5],
            "whole": pd.array([1, None, 2], "Int64"),
            "truth": pd.array([True, None, False], "boolean"),
            "plain": [True, False, True],
            "text": ["a", None, "b"],
            "string": pd.array(["a", None, "b"], "string"),
            "class": pd.Categorical(["a", "b", None], categories=["a", "b", "never"]),
            "level": pd.Categorical([1, 2, 2]),
            "when": pd.to_datetime(["2026-01-01", None, "2026-01-02"]),
            "zoned": pd.to_datetime(["2026-01-01", None, "2026-01-02"]).tz_localize("Europe/Zurich"),
            "vector": [[3.0, 4.0], None, [0.0, 1.0]],
        }
    )
    made = profile_of(table)
    found = {name: (column.kind, column.present, column.missing) for name, column in made.columns.items()}
    assert made.rows == 3
    assert found == {
        "float": ("number", 2, 1),
        "whole": ("number", 2, 1),
        "truth": ("category", 2, 1),
        "plain": ("category", 3, 0),
        "text": ("category", 2, 1),
        "string": ("category", 2, 1),
        "class": ("category", 2, 1),
        "level": ("category", 3, 0),
        "when": ("datetime", 2, 1),
        "zoned": ("datetime", 2, 1),
        "vector": ("embedding", 2, 1),
    }
    assert made.columns["level"].words.counts == {"1": 1, "2": 2}
    assert made.columns["class"].words.counts == {"a": 1, "b": 1}
    assert made.columns["zoned"].quantities.low == pd.Timestamp("2025-12-31T23:00Z").timestamp()


def test_columns_of_an_array_are_numbered_and_images_are_one():
    assert profile_of(np.ones((4, 3))).names == ("0", "1", "2")
    assert profile_of(np.array([["a", 1], ["b", 2]], object)).columns["1"].kind == "number"
    images = profile_of(np.ones((4, 3, 3)))
    assert (images.names, images.rows, images.columns["input"].kind) == (("input",), 4, "embedding")


def test_only_what_the_model_takes_and_not_what_is_left_out():
    table = pd.DataFrame({"a": [1.0], "b": [2.0], "email": ["x@y"], "target": [1]})
    made = baseline_of(table, ["a", "b", "email"], "X", without=["email", "else"])
    assert made.features.names == ("a", "b")
    assert made.without == ("email",)
    assert "x@y" not in made.to_json()
    assert profile_of(np.ones((2, 3)), without=["1"]).names == ("0", "2")
    answers = {"scores": np.array([[0.1, 0.9]]), "label": np.array([1])}
    for without, names in ((["scores"], ("label",)), (["scores_1"], ("scores_0", "label"))):
        made = baseline_of(table, ["a"], "X", answers=answers, without=without)
        assert made.predictions is not None
        assert made.predictions.names == names
    assert baseline_of(table, ["a"], "X", answers=np.array([0.7]), without=["prediction"]).predictions is None


@pytest.mark.parametrize(
    ("answers", "names"),
    [
        (np.array([0, 1]), ["prediction"]),
        (np.array([[0], [1]]), ["prediction"]),
        (np.array([[0.1, 0.9], [0.5, 0.5]]), ["prediction_0", "prediction_1"]),
        # Of which column it was made says nothing of what it is.
        (pd.Series([1, 2], name="age"), ["prediction"]),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), ["a", "b"]),
        ({"label": np.array(["x", "y"]), "score": np.array([[1.0], [2.0]])}, ["label", "score"]),
        (np.ones((2, 500)), []),
    ],
)
def test_answers_are_called_as_the_endpoint_calls_them(answers, names):
    assert list(outputs(answers)) == names


@pytest.mark.parametrize("answers", [np.array([1, 2]), pd.Series([1, 2], name="age"), [1, 2]])
def test_the_only_answer_is_called_as_the_signature_calls_it(answers):
    assert list(outputs(answers, "price")) == ["price"]


def test_rows_are_drawn_in_order_and_always_the_same():
    table = pd.DataFrame({"a": np.arange(1000)})
    some = drawn(table, 10)
    assert len(some) == 10
    assert some["a"].is_monotonic_increasing
    assert some.equals(drawn(table, 10))
    assert drawn(table, 5000) is table
