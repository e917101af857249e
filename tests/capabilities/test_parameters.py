"""What a user passes to a notebook arrives as the type it means, or is refused with a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.parameters import as_parameters, misfits
from mlops_jupyter.errors import CommandError
from mlops_jupyter.records import Parameter

DECLARED = (Parameter("depth", 4, "int"), Parameter("label", "a", "str"), Parameter("note", None, ""))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def passed(**given: object) -> dict[str, object]:
    return as_parameters("n.ipynb", DECLARED, given)


def refused(declared: tuple[Parameter, ...] | None = DECLARED, **given: object) -> tuple[str, str | None]:
    with pytest.raises(CommandError) as caught:
        as_parameters("n.ipynb", declared, given)
    assert caught.value.exit_code == 2
    return caught.value.message, caught.value.hint


@given(JSON)
def test_what_is_written_as_json_arrives_as_it(value):
    assert passed(depth=json.dumps(value)) == {"depth": value}


@given(JSON.filter(lambda value: not isinstance(value, str)))
def test_a_python_value_arrives_as_it_is(value):
    assert passed(depth=value)["depth"] is value


@given(st.text())
def test_a_text_parameter_takes_text_whatever_it_looks_like(text):
    assert passed(label=text) == {"label": text}


@pytest.mark.parametrize("text", ["7", "true", "None", "[1]", '"quoted"', ""])
def test_a_text_parameter_keeps_these(text):
    assert passed(label=text) == {"label": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("['a', 'b']", ["a", "b"]), ("{'a': None}", {"a": None}), ("[a, b]", "[a, b]"), ("{1}", "{1}"),
        ("True", True), ("False", False), ("None", None), ("true", True), ("null", None),
        ("6", 6), ("-0.5", -0.5), ("1e-3", 0.001), ("[1, 2]", [1, 2]), ('{"a": 1}', {"a": 1}), ('"6"', "6"),
        ("churn", "churn"), ("2026-11-24", "2026-11-24"), ("a b", "a b"), ("", ""), ("[1,", "[1,"),
    ],
)  # fmt: skip
def test_text_from_a_command_line(text, value):
    for name in ("depth", "note"):
        found = passed(**{name: text})[name]
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.int64(3), 3), (np.float32(0.5), 0.5), (np.array([7]), 7), (np.bool_(True), True), (np.str_("a"), "a")],
)
def test_numpy_s_scalars_are_plain(value, plain):
    found = passed(depth=value)["depth"]
    assert found == plain
    assert type(found) in {int, float, bool, str, np.str_}


@pytest.mark.parametrize("value", [object(), {1, 2}, b"raw", np.array([1, 2]), 1j])
def test_what_cannot_stand_in_a_notebook_is_refused(value):
    assert refused(depth=value) == (
        f"the parameter depth cannot be written into a notebook: it is a {type(value).__name__}",
        "pass text, a number, true, false, none, or a list or mapping of these",
    )


def test_what_contains_itself_is_refused():
    loop: list[object] = []
    loop.append(loop)
    assert refused(depth=loop)[0].endswith("it is a list")


def test_what_is_not_declared_is_refused():
    assert refused(dpeth=3) == ("n.ipynb declares no parameter dpeth", "did you mean depth?")
    assert refused(zzz=3) == (
        "n.ipynb declares no parameter zzz",
        "its parameters cell declares: depth, label, note",
    )
    assert refused((), zzz=3)[1] == "its parameters cell declares: nothing"


def test_without_a_parameters_cell_nothing_can_be_passed():
    assert refused(None, depth=3, other=4) == (
        "n.ipynb has no cell tagged parameters, so depth, other would change nothing",
        "in JupyterLab, tag the cell that holds the defaults with: parameters",
    )
    assert as_parameters("n.ipynb", None, {}) == {}


def test_defaults_are_left_to_the_notebook():
    assert passed() == {}


# --- types --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "fitting", "others"),
    [
        ("int", ["7", "-1"], ["abc", "0.5", "true", "[1]", "null"]),
        ("float", ["0.5", "7", "1e-3"], ["abc", "true", "[1]"]),
        ("bool", ["true", "False"], ["perhaps", "1", "yes"]),
        ("list", ["[1, 2]", "['a']"], ["abc", '{"a": 1}', "1"]),
        ("List[int]", ["[1]"], ["1"]),
        ("dict[str, int]", ['{"a": 1}'], ["[1]", "a"]),
        ("Optional[int]", ["7", "None"], ["abc"]),
        ("int | None", ["7", "null"], ["abc", "0.5"]),
        ("Union[int, str]", ["7", "abc"], []),
        ("typing.Dict[str, int]", ["{}"], ["7"]),
        ("np.ndarray", ["abc", "[1]"], []),
        ("not a type", ["abc"], []),
    ],
)
def test_an_annotation_is_held(annotation, fitting, others):
    declared = (Parameter("n", ..., annotation, annotated=True),)
    for text in fitting:
        as_parameters("n.ipynb", declared, {"n": text})
    for text in others:
        message, hint = refused(declared, n=text)
        assert message.startswith(f"n.ipynb declares n: {annotation}, and ")
        assert message.endswith(" does not fit")
        assert str(hint).startswith("for example: n=")


def test_none_fits_where_it_is_the_default():
    declared = (Parameter("n", None, "int", annotated=True),)
    assert as_parameters("n.ipynb", declared, {"n": "null"}) == {"n": None}


def test_a_default_of_another_kind_is_told():
    declared = (Parameter("depth", 4, "int"), Parameter("lr", 0.1, "float"), Parameter("flag", False, "bool"))
    given = as_parameters("n.ipynb", declared, {"depth": "churn", "lr": "1", "flag": "perhaps"})
    refusal = "in the notebook such a value is refused"
    assert misfits(declared, given) == (
        f"the parameter depth is churn, and its default is 4: with depth: int = 4 {refusal}",
        f"the parameter flag is perhaps, and its default is False: with flag: bool = False {refusal}",
    )
    assert misfits(declared, {"depth": 0.5, "lr": 2, "flag": True}) == ()
    assert misfits(declared, {"depth": None}) == ()
    assert misfits(DECLARED, {"label": "7", "note": "x"}) == ()


def test_where_names_are_not_known_any_is_passed_on():
    assert as_parameters("n.ipynb", (), {"n": "5", "word": "a b"}, names_known=False) == {"n": 5, "word": "a b"}
    assert refused(None, n="5")[0] == "n.ipynb has no cell tagged parameters, so n would change nothing"
