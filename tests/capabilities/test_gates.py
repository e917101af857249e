"""A gate says what its writer meant, or what is wrong with it; and nothing passes that has not been measured."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.gates import (
    Baseline,
    Calculation,
    Comparison,
    Metric,
    Negative,
    Number,
    judge,
    parse,
)
from mlops_jupyter.errors import CommandError
from mlops_jupyter.records import GateResult, Run

NAMES = st.one_of(
    st.sampled_from(["accuracy", "and", "not", "val/acc", "größe", "a b", "x.y", "`"]), st.text(min_size=1)
)
METRICS = st.builds(Metric, NAMES, st.none() | NAMES)
EXPRESSIONS = st.recursive(
    st.builds(Number, st.floats(0, allow_infinity=False, allow_nan=False)) | METRICS,
    lambda inner: st.builds(Negative, inner) | st.builds(Calculation, st.sampled_from("+-*/"), inner, inner),
    max_leaves=8,
)
GATES = st.lists(
    st.builds(Comparison, METRICS, st.sampled_from([">=", ">", "<=", "<", "==", "!="]), EXPRESSIONS),
    min_size=1, max_size=3,
)  # fmt: skip


def run(name: str, ident: str = "", **metrics: float) -> Run:
    return Run(ident or f"{name}-id", name, "churn", "FINISHED", metrics=metrics)


def judged(text: str, *own: Run, **baselines: Baseline) -> GateResult:
    (comparison,) = parse(text)
    return judge(comparison, own, baselines)


# --- reading ----------------------------------------------------------------------------------------------------------


@given(GATES)
def test_what_is_written_is_read_again(gate):
    text = " and ".join(map(str, gate))
    if len(text) <= 500:
        assert parse(text) == tuple(gate)


@given(st.text() | st.text(st.sampled_from("ab.`()+-*/<>=!0159e and\t\n%\x00"), max_size=40))
@example("(" * 499)
@example("a>" + "-" * 400 + "1")
@example("a>" + "1+" * 240 + "1")
@example("a >= 1e999")
@example("a>\u0661")
def test_no_text_does_more_than_be_refused(text):
    refused, found = tried(text)
    if refused is not None:
        assert refused.message.startswith(("the gate ", "a gate of "))
        assert refused.hint is not None
    for one in found:
        judge(one, [run("fit", a=1.0)], {})


def tried(text: str) -> tuple[CommandError | None, tuple[Comparison, ...]]:
    try:
        return None, parse(text)
    except CommandError as refused:
        return refused, ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the gate (empty) has to begin with a metric, not with its end"),
        ("accuracy", "has its end where >=, >, <=, <, == or != is expected"),
        ("accuracy = 0.9", "has one =; equal is written =="),
        ("accuracy >= 90%", "has a %; 90% is written 0.9"),
        ("accuracy >=", "has its end where a number or a metric is expected"),
        ("0.9 <= accuracy", "has to begin with a metric, not with 0.9"),
        ("0.5 < accuracy", "has to begin with a metric"),
        ("a < 1 < 2", "compares twice; write both comparisons, with and between them"),
        ("a > 1 or b > 1", "has the word or; comparisons are joined by and"),
        ("a > 1 and", "has to begin with a metric, not with its end"),
        ("a > (1", "has its end where ) is expected"),
        ("a > 1 )", "goes on where it should end, at )"),
        ("a.b.c > 1", "has a name with two dots; a name that holds a dot is put in backticks"),
        ("val/acc > 1", "has / where >=, >, <=, <, == or != is expected"),
        ("`val/acc > 1", "has a backtick that no other one closes, or nothing between two"),
        ("a > __import__('os').system('x')", "cannot be read at"),
        ("a > 1e999", "has the number 1e999, which is too large"),
        ("a > " + "(" * 60, "is nested too deeply"),
        ("a > 0.9x", "cannot be read at '0.9x'"),
        ("a@b > 1", "cannot be read at '@b > 1'; a name with other signs than letters is put in backticks"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(CommandError) as refused:
        parse(text)
    assert said in refused.value.message
    assert refused.value.exit_code == 2


def test_a_gate_is_told_as_it_was_written():
    assert [one.text for one in parse("  a>=1 and  `b c` <   2 * (x.y+1) ")] == ["a>=1", "`b c` <   2 * (x.y+1)"]


# --- judging ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("acc >= 0.9", "met"), ("acc > 0.9", "not met"), ("acc <= 0.9", "met"), ("acc < 0.9", "not met"),
        ("acc == 0.9", "met"), ("acc != 0.9", "not met"), ("acc >= -(1 - 2) * 0.5 + 0.4", "met"),
        ("acc >= 1 - 0.05 - 0.05", "met"), ("acc < 8 / 2 / 2", "met"), ("acc > 1 / 0", "not met"),
        ("acc > 1 - loss", "met"),
    ],
)  # fmt: skip
def test_comparisons_and_calculations(text, verdict):
    found = judged(text, run("train", acc=0.9, loss=0.2))
    assert (found.verdict, found.passed) == (verdict, verdict == "met")


def test_the_last_run_that_has_the_metric_is_read():
    own = run("train", acc=0.1), run("fit", "one", acc=0.2), run("fit", "two", acc=0.3), run("score", loss=1.0)
    assert (judged("acc > 0", *own).value, judged("acc > 0", *own).run_id) == (0.3, "two")
    assert judged("train.acc > 0", *own).value == 0.1
    assert judged("loss > 0", *own).run == "score"
    assert judged("score.loss >= fit.acc", *own).bound == 0.3


@pytest.mark.parametrize("sign", [">=", ">", "<=", "<", "==", "!="])
def test_nan_meets_no_gate(sign):
    nan = run("train", acc=math.nan, one=1.0)
    found = judged(f"acc {sign} 0.9", nan)
    assert (found.verdict, found.detail) == ("not met", "acc is NaN, which meets no gate")
    assert judged(f"one {sign} acc", nan).detail.startswith("the bound is NaN, which meets no gate")
    assert judged(f"one {sign} 0 / 0", nan).verdict == "not met"


def test_a_metric_that_no_run_has_is_no_pass():
    own = run("train", accuracy=0.9, loss=1.0), run("fit", f1=0.3)
    found = judged("acuracy < 2", *own)
    assert (found.verdict, found.passed, found.value) == ("no such metric", False, None)
    assert found.detail == "the notebook has no metric acuracy; there are: accuracy, f1, loss"
    assert judged("fit.loss < 2", *own).detail == "fit has no metric loss; there are: f1"
    assert judged("fti.f1 < 2", *own).detail == "the notebook made no run fti; there are: train, fit"
    dotted = Run("1", "train", "churn", "FINISHED", metrics={"val.acc": 1.0})
    assert judged("val.acc > 0", dotted).detail == "no run is called val; the metric val.acc is written `val.acc`"
    assert judged("`val.acc` > 0", dotted).passed
    assert judged("loss < champion.loss", *own).verdict == "no such metric"
    assert judged("loss < 1", run("train")).detail == "the notebook has no metric loss; there are none"


def test_a_baseline_that_was_given_goes_before_a_run_of_the_notebook():
    own = run("train"), run("fit", acc=0.9)
    before = Baseline((run("old", acc=0.5),), "fit, the run old")
    assert judged("acc > fit.acc", *own, fit=before).bound == 0.9
    found = judged("acc > fit.acc", *own, fit=before._replace(given=True))
    assert (found.bound, found.detail) == (0.5, "acc is 0.9; fit.acc is 0.5 (fit, the run old)")
    assert judged("acc > fit.f1", *own, fit=before._replace(given=True)).detail == (
        "fit, the run old has no metric f1; there are: acc"
    )
