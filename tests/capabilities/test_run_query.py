"""The order a user asks for, as a store is asked."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities import run_query
from mlops_jupyter.capabilities.run_query import NEWEST_FIRST, columns, order_clause
from mlops_jupyter.records import Run


def test_its_examples():
    found = doctest.testmod(run_query)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("sort", "clause"),
    [
        (None, NEWEST_FIRST),
        ("", NEWEST_FIRST),
        ("  ", NEWEST_FIRST),
        ("accuracy", "metrics.`accuracy` DESC"),
        ("loss asc", "metrics.`loss` ASC"),
        ("loss ASC", "metrics.`loss` ASC"),
        ("  loss   Desc  ", "metrics.`loss` DESC"),
        ("`val loss` asc", "metrics.`val loss` ASC"),
        ("val loss asc", "metrics.`val loss` ASC"),
        ("val/loss", "metrics.`val/loss` DESC"),
        ("start_time", "attributes.start_time DESC"),
        ("run_name asc", "attributes.run_name ASC"),
        ("attributes.end_time asc", "attributes.end_time ASC"),
        ("metrics.start_time", "metrics.`start_time` DESC"),
        ("metrics.val/loss", "metrics.`val/loss` DESC"),
        ("metrics.`val loss` asc", "metrics.`val loss` ASC"),
        ("params.learning rate", "params.`learning rate` DESC"),
        ("tags.mlflow.user asc", "tags.`mlflow.user` ASC"),
        ("desc", "metrics.`desc` DESC"),
        ("ascii", "metrics.`ascii` DESC"),
    ],
)
def test_orders(sort, clause):
    assert order_clause(sort) == clause


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="`"), min_size=1)


@given(NAMES, st.sampled_from(["", " asc", " desc", "  DESC ", "\tAsc"]))
def test_any_metric_can_be_named(name, direction):
    wanted = direction.strip().upper() or "DESC"
    assert order_clause(f"metrics.{name}{direction}") == f"metrics.`{name}` {wanted}"


def test_what_is_logged_by_hand_comes_before_what_a_framework_says_of_nothing():
    scored = {"RandomForestClassifier_score_unknown_dataset": 1.0, "accuracy": 0.9}
    runs = [Run("r", "fit", "churn", "FINISHED", metrics=scored)]
    assert columns(runs, "", "")[0] == ["accuracy"]
    only = [Run("r", "fit", "churn", "FINISHED", metrics={"score_unknown_dataset": 1.0})]
    assert columns(only, "", "")[0] == ["score_unknown_dataset"]
