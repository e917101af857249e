"""What a condition such as ``age>=30`` says of a column's values, whatever their type."""

from __future__ import annotations

from datetime import UTC, datetime

import hypothesis
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from mlops_jupyter.capabilities.conditions import parsed
from mlops_jupyter.errors import CommandError

BEYOND = 2**53 + 1
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("condition", "values", "held"),
    [
        ("user=7", pa.array([7, BEYOND, None]), [True, False, False]),
        (f"user={BEYOND}", pa.array([BEYOND, BEYOND - 1, 7]), [True, False, False]),
        (f"user>{BEYOND - 1}", pa.array([BEYOND, BEYOND - 1], pa.uint64()), [True, False]),
        ("user>=6.5", pa.array([7, BEYOND, 6]), [True, True, False]),
        ("small<300", pa.array([7, 127], pa.int8()), [True, True]),
        ("share!=0.5", pa.array([0.5, 0.25, float("nan"), None]), [False, True, False, False]),
        ("vip=true", pa.array([True, False, None]), [True, False, False]),
        ("plan=premium", pa.array(["premium", "basic", None]), [True, False, False]),
        ("plan=premium", pa.array(["premium", "basic"]).dictionary_encode(), [True, False]),
        ("at>=2026-01-31T12:00Z", pa.array([NOON, None], pa.timestamp("us", tz="UTC")), [True, False]),
        ("gone=1", pa.nulls(2), [False, False]),
    ],
)
def test_what_holds(condition, values, held):
    assert parsed(condition).holds(values).to_pylist() == held


@pytest.mark.parametrize(
    ("condition", "values", "hint"),
    [
        ("age>=old", pa.array([1, 2]), "age>=30"),
        ("plan>premium", pa.array(["a"]), "plan=premium"),
        ("at>=noon", pa.array([NOON], pa.timestamp("us", tz="UTC")), "at>=2026-01-31T12:00Z"),
    ],
)
def test_what_cannot_be_compared(condition, values, hint):
    with pytest.raises(CommandError) as refused:
        parsed(condition).holds(values)
    assert refused.value.hint == hint


@hypothesis.given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_are_compared_as_such(values, bound):
    found = parsed(f"id<={bound}").holds(pa.array(values, pa.int64())).to_pylist()
    assert found == [one <= bound for one in values]
