"""A call by JSON values: it is what the same words on a command line would be, or it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter import grammar
from mlops_jupyter.errors import CommandError
from mlops_jupyter.verbs import VERBS
from tests.fakes import verbs as fakes

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda some: st.lists(some) | st.dictionaries(st.text(), some), max_leaves=8)
NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1)


@pytest.fixture(autouse=True, scope="module")
def test_verbs():
    with pytest.MonkeyPatch.context() as patch:
        for name, verb in fakes.TEST_VERBS.items():
            patch.setitem(VERBS, name, verb)
        yield


def by_words(*words: str) -> dict[str, Any]:
    return grammar.parse(["look", *words]).arguments


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, []),
        ({"thing": "models:/a/1", "data": "a.csv"}, ["models:/a/1", "--data", "a.csv"]),
        ({"label": "--deep", "kind": "linear", "level": 2}, ["--label=--deep", "--kind", "linear", "--level", "2"]),
        ({"pair": {"a": 1, "b": True, "c": "x=y"}}, ["-q", "a=1", "-q", "b=true", "-q", "c=x=y"]),
        ({"names": ["a", "b"], "each": ["a,b", "c"]}, ["--names", "a,b", "--each", "a,b", "--each", "c"]),
        ({"names": "a,b"}, ["--names", "a,b"]),
        ({"deep": True, "colour": False}, ["--deep", "--no-colour"]),
        ({"size": 3, "share": 1, "where": "a/b"}, ["-s", "3", "--share", "1", "--where", "a/b"]),
        ({"size": None, "label": None}, []),
    ],
)
def test_values_are_what_words_are(values, words):
    assert grammar.call_with("look", values).arguments == by_words(*words)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size": "3"}, "look: size must be a whole number"),
        ({"size": True}, "look: size must be a whole number"),
        ({"share": float("nan")}, "look: share must be a number"),
        ({"deep": "yes"}, "look: deep must be true or false"),
        ({"label": 3}, "look: label must be a text"),
        ({"each": [1]}, "look: each must be a list of texts"),
        ({"pair": {"a": []}}, "look: pair must be an object of texts and numbers"),
        ({"colr": True}, "look has no parameter colr"),
        ({"yes": True}, "look has no parameter yes"),
        ({"debug": True}, "look has no parameter debug"),
        ({"reporter": "x"}, "look has no parameter reporter"),
    ],
)
def test_what_does_not_fit_is_refused(values, said):
    with pytest.raises(CommandError) as caught:
        grammar.call_with("look", values)
    assert caught.value.message == said


def test_a_wrong_choice_is_refused_with_the_right_ones():
    with pytest.raises(CommandError) as caught:
        grammar.call_with("look", {"kind": "wood"})
    assert "'tree', 'linear'" in caught.value.message


def test_a_missing_value_is_told():
    with pytest.raises(CommandError) as caught:
        grammar.call_with("promote", {"model": "a/1"})
    assert "'--to'" in caught.value.message


@given(st.dictionaries(st.sampled_from(["thing", "label", "kind", "pair", "names", "deep", "size", "share"]), JSON))
def test_any_json_is_taken_or_refused(values):
    try:
        arguments = grammar.call_with("look", values).arguments
    except CommandError:
        return
    assert isinstance(arguments["share"], float)
    assert arguments["kind"] in {"tree", "linear"}


@given(st.text(), st.dictionaries(NAMES, st.text() | st.integers() | st.booleans()), st.lists(NAMES))
def test_texts_arrive_as_they_are(label, pair, each):
    arguments = grammar.call_with("look", {"label": label, "pair": pair, "each": each}).arguments
    assert arguments["label"] == label
    wanted = {name: one if isinstance(one, str) else json.dumps(one) for name, one in pair.items()}
    assert arguments["pair"] == (wanted or None)
    assert arguments["each"] == tuple(each)


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.place != "code"])
def test_a_description_is_json_and_its_defaults_are_those_of_the_verb(name):
    told = grammar.describe(name)
    assert json.loads(json.dumps(told)) == told
    if any(one["required"] for one in told["parameters"]):
        return
    given = {one["name"]: one["default"] for one in told["parameters"] if one["default"] is not None}
    assert grammar.call_with(name, given).arguments == grammar.call_with(name, {}).arguments


def test_a_path_is_a_path():
    assert grammar.call_with("snapshot", {"notebooks": ["a b.ipynb"]}).arguments["notebooks"] == (Path("a b.ipynb"),)
