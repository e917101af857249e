"""Thinning: whatever the values, the line keeps its ends, its extremes, its gaps and its order."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.thinning import thin
from mlops_jupyter.records import MetricPoint


def line(values: list[float]) -> list[MetricPoint]:
    return [MetricPoint(step, 1_000 * step, value) for step, value in enumerate(values)]


@given(st.lists(st.floats(), max_size=300), st.integers(2, 60))
def test_what_is_left_is_little_and_in_order(values, at_most):
    points = line(values)
    left = thin(points, at_most)
    assert len(left) <= at_most
    steps = [point.step for point in left]
    assert steps == sorted(set(steps))
    assert all(points[point.step] is point for point in left)
    if points:
        assert (left[0], left[-1]) == (points[0], points[-1])


@given(st.lists(st.floats(), min_size=1, max_size=300), st.integers(5, 60))
def test_extremes_and_gaps_stay(values, at_most):
    left = [point.value for point in thin(line(values), at_most)]
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        kept = [value for value in left if math.isfinite(value)]
        assert (min(kept), max(kept)) == (min(finite), max(finite))
    assert all(map(math.isfinite, values)) == all(map(math.isfinite, left))


def test_few_points_stay_as_they_are():
    points = line([3.0, math.nan, 1.0])
    assert thin(points, 3) == tuple(points)
    assert thin([], 2) == ()


def test_a_lonely_spike_and_a_lonely_gap_survive_a_long_series():
    values = [1.0] * 100_000
    values[31_415], values[50_000], values[77_777] = 9.0, math.nan, -9.0
    left = {point.step for point in thin(line(values), 100)}
    assert {0, 31_415, 50_000, 77_777, 99_999} <= left


def test_a_line_of_fewer_than_two_points_is_refused():
    with pytest.raises(ValueError, match="two ends"):
        thin(line([1.0, 2.0]), 1)
