"""A record comes back from its JSON as it was, and what is none says so."""

from __future__ import annotations

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.stored_records import from_json, to_json
from mlops_jupyter.records import Decision, Distribution, DriftReport, FeatureDrift, Quality, QualityMetric

TEXT = st.text(max_size=8)
NUMBERS = st.floats(allow_nan=False)
SHARES = st.lists(NUMBERS, max_size=3).map(tuple)
INSTANTS = st.datetimes(timezones=st.just(UTC))
FEATURES = st.builds(
    FeatureDrift,
    feature=TEXT,
    kind=st.sampled_from(["number", "category"]),
    method=st.sampled_from(["psi", "ks"]),
    score=st.none() | NUMBERS,
    threshold=NUMBERS,
    drifted=st.booleans(),
    scores=st.dictionaries(TEXT, NUMBERS, max_size=2),
    note=st.none() | TEXT,
    distribution=st.none()
    | st.builds(Distribution, edges=SHARES, names=st.lists(TEXT, max_size=2).map(tuple), baseline=SHARES, now=SHARES),
)
REPORTS = st.builds(
    DriftReport,
    name=TEXT,
    baseline=TEXT,
    rows_baseline=st.integers(0, 10**9),
    rows_now=st.integers(0, 10**9),
    features=st.lists(FEATURES, max_size=2).map(tuple),
    since=st.none() | INSTANTS,
    notes=st.lists(TEXT, max_size=2).map(tuple),
)
QUALITIES = st.builds(
    Quality,
    version=TEXT,
    rows=st.integers(0),
    labelled=st.integers(0),
    metrics=st.lists(
        st.builds(QualityMetric, name=TEXT, value=st.none() | NUMBERS, low=st.none(), high=NUMBERS, labels=st.just(3)),
        max_size=2,
    ).map(tuple),
)
DECISIONS = st.builds(
    Decision, at=INSTANTS, version=TEXT, verdict=st.sampled_from(["promote", "hold"]), reason=TEXT, percent=NUMBERS
)


@given(REPORTS | QUALITIES | DECISIONS)
def test_a_record_comes_back_as_it_was(record):
    text = to_json(record)
    assert "\n" not in text
    assert from_json(type(record), text) == record
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_what_a_later_version_says_more_is_passed_over():
    told = json.loads(to_json(Quality("1", 3, 2, ()))) | {"new": [1]}
    assert from_json(Quality, json.dumps(told)) == Quality("1", 3, 2, ())


@given(REPORTS, st.integers(0, 400))
def test_half_a_record_is_none(report, length):
    text = to_json(report)
    with pytest.raises(ValueError, match=r"\S"):
        from_json(DriftReport, text[: min(length, len(text) - 1)])


@pytest.mark.parametrize("text", ["[]", "null", "3", "{}", '{"version": 1, "rows": 2, "labelled": 3, "metrics": []}'])
def test_other_json_is_no_record(text):
    with pytest.raises(ValueError, match="no Quality"):
        from_json(Quality, text)
