"""What an endpoint is told survives being written and read, and what is no plan says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.endpoints import EndpointPlan, Limits, MonitoringPlan, PlannedVersion

TEXT = st.text(max_size=20)
VERSIONS = st.builds(
    PlannedVersion,
    version=TEXT,
    source=TEXT,
    path=TEXT,
    runner=TEXT,
    model=st.none() | TEXT,
    percent=st.floats(0, 100),
    flavors=st.lists(TEXT, max_size=3).map(tuple),
    signature=st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
    baseline=st.none() | TEXT,
)
PLANS = st.builds(
    EndpointPlan,
    name=TEXT,
    versions=st.lists(VERSIONS, max_size=3).map(tuple),
    limits=st.builds(Limits, rows=st.integers(1, 10**6), deadline_s=st.floats(0.1, 100)),
    socket=st.none() | TEXT,
    monitoring=st.builds(
        MonitoringPlan, enabled=st.booleans(), window_s=st.floats(1, 1e6), redact=st.lists(TEXT, max_size=3).map(tuple)
    ),
)


@given(PLANS)
def test_a_plan_comes_back_as_it_was(plan):
    assert EndpointPlan.from_json(plan.to_json()) == plan


@given(PLANS, st.integers(0, 10_000))
def test_half_a_plan_is_none(plan, at):
    text = plan.to_json()
    with pytest.raises(ValueError, match=r"\S"):
        EndpointPlan.from_json(text[: at % len(text)])


@pytest.mark.parametrize("text", ["[]", "3", '{"versions": [{}], "limits": {}}', '{"name": "x"}', '{"versions": 3}'])
def test_what_is_no_plan_says_so(text):
    with pytest.raises(ValueError, match="no endpoint's plan"):
        EndpointPlan.from_json(text)


def test_a_plan_from_before_monitoring_is_watched_as_a_new_one():
    plan = EndpointPlan("e", ())
    told = plan.to_json().replace("monitoring", "old")
    with pytest.raises(ValueError, match="no endpoint's plan"):
        EndpointPlan.from_json(told)
    assert EndpointPlan.from_json('{"name": "e", "versions": [], "limits": {}}') == plan
