"""Summaries: what they count, that they merge and are written and read as they are, and that they stay small."""

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_jupyter.capabilities.drift import Baseline, Profile, profile_like, settled
from mlops_jupyter.capabilities.drift.quantities import MOST_COUNTED, RANK_ERROR, Quantities
from mlops_jupyter.capabilities.drift.words import MOST_NAMES, Words

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
COUNTED = st.dictionaries(st.text(max_size=8), st.integers(1, 50), max_size=30)


def of(values, name="x"):
    made = Profile()
    made.update({name: np.asanyarray(values)}, len(values))
    return made


def said(profile):
    return profile.told(bytes)


def test_numbers_are_counted_apart_from_what_is_none():
    column = of([1.0, math.nan, math.inf, -math.inf, 3.0]).columns["x"]
    assert (column.rows, column.present, column.missing, column.infinite) == (5, 2, 1, 2)
    assert (column.quantities.low, column.quantities.high, column.quantities.mean) == (1.0, 3.0, 2.0)


@pytest.mark.parametrize(
    ("values", "kind", "present", "missing", "invalid"),
    [
        (np.array([1, 2, 3]), "number", 3, 0, 0),
        (np.array([True, False, True]), "category", 3, 0, 0),
        (np.array(["a", None, "b", math.nan], object), "category", 2, 2, 0),
        (np.array([None, 1, 2.5, Decimal("0.5")], object), "number", 3, 1, 0),
        (np.array([1, "x", None], object), "number", 1, 1, 1),
        (np.array(["2026-01-01", "NaT"], "datetime64[s]"), "datetime", 1, 1, 0),
        (np.array([datetime(2026, 1, 1, tzinfo=UTC), None, date(2026, 1, 2)], object), "datetime", 2, 1, 0),
        (np.array([[3.0, 4.0], [math.nan, 1.0]]), "embedding", 1, 1, 0),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "number", 1, 1, 0),
        (pd.array([1, None], "Int64").to_numpy(object), "number", 1, 1, 0),
        (np.array([None, None], object), None, 0, 2, 0),
        (np.array([b"\xff", b"a"], object), "category", 2, 0, 0),
    ],
)
def test_a_column_is_what_its_values_are(values, kind, present, missing, invalid):
    column = of(values).columns["x"]
    assert (column.kind, column.present, column.missing, column.invalid) == (kind, present, missing, invalid)
    assert column.rows == len(values)


def test_embeddings_are_their_norms_and_dates_seconds():
    vectors = np.empty(2, object)
    vectors[:] = [[3.0, 4.0], [6.0, 8.0]]
    assert dict(of(vectors).columns["x"].quantities.few) == {5.0: 1, 10.0: 1}
    assert dict(of(np.array(["1970-01-02"], "datetime64[D]")).columns["x"].quantities.few) == {86400.0: 1}


def test_a_number_as_a_category_has_one_name_whether_whole_or_not():
    profile = Profile({"x": "category"})
    profile.update({"x": np.array([1, 2])}, 2)
    profile.update({"x": np.array([1.0, math.nan])}, 2)
    assert profile.columns["x"].words.counts == {"1": 2, "2": 1}
    assert profile.columns["x"].missing == 1


def test_a_matrix_gives_what_its_columns_give():
    rng = np.random.default_rng(1)
    matrix = np.column_stack((rng.normal(size=500), rng.integers(0, 3, 500), np.full(500, math.nan)))
    matrix[3, 0] = math.inf
    fast, slow = Profile(), Profile()
    fast.update_matrix(["a", "b", "c"], matrix)
    fast.update_matrix(["a", "b", "c"], matrix)
    for _ in range(2):
        slow.update(dict(zip("abc", matrix.T, strict=True)), 500)
    for name in "abc":
        one, other = fast.columns[name], slow.columns[name]
        assert (one.rows, one.missing, one.infinite) == (other.rows, other.missing, other.infinite)
        assert one.quantities.mean == pytest.approx(other.quantities.mean)
        assert one.quantities.deviation == pytest.approx(other.quantities.deviation, nan_ok=True)


@given(st.lists(FINITE, max_size=400), st.lists(FINITE, max_size=400), st.lists(FINITE, max_size=400))
@settings(max_examples=50, deadline=None)
def test_merging_is_associative_and_adds_nothing(first, second, third):
    left, right = of(first), of(second)
    left.merge(of(second))
    left.merge(of(third))
    right.merge(of(third))
    whole = of(first)
    whole.merge(right)
    together = of([*first, *second, *third])
    for one in (left, whole):
        found, expected = one.columns["x"].quantities, together.columns["x"].quantities
        assert found.count == expected.count
        assert found.mean == pytest.approx(expected.mean, rel=1e-9, abs=1e-9 * (1 + abs(expected.high or 0)))
        # Below the sketch's size nothing is left out.
        for mine, theirs in zip(found.weighted(), expected.weighted(), strict=True):
            if found.is_exact and expected.is_exact:
                assert np.array_equal(np.repeat(*_whole(found)), np.repeat(*_whole(expected)))
            assert mine.dtype == theirs.dtype


def _whole(quantities):
    values, weights = quantities.weighted()
    return values, weights.astype(int)


@given(COUNTED, COUNTED, COUNTED)
def test_categories_merge_in_any_order(first, second, third):
    def made(*counts):
        words = Words()
        for one in counts:
            words.add(one)
        return words

    left, right = made(first), made(second)
    left.merge(made(second))
    left.merge(made(third))
    right.merge(made(third))
    other = made(first)
    other.merge(right)
    assert left.told(bytes) == other.told(bytes) == made(first, second, third).told(bytes)


@given(
    st.lists(st.one_of(FINITE, st.none(), st.just(math.inf)), max_size=1200),
    st.lists(st.one_of(st.text(max_size=200), st.none()), max_size=30),
)
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read_as_it_was(some, texts):
    profile = of(np.array([math.nan if one is None else one for one in some]), "n")
    profile.update({"t": np.array([*texts, None], object)[:-1]}, len(texts))
    assert said(Profile.from_bytes(profile.to_bytes())) == said(profile)
    baseline = Baseline(profile, None, "a test")
    assert said(Baseline.from_json(baseline.to_json()).features) == said(profile)


@pytest.mark.parametrize("data", [b"", b"MLOPSKP1", b"MLOPSKP1\x05\0\0\0{]", b"{}", b"MLOPSKP1\x02\0\0\0{}"])
def test_other_bytes_are_no_profile(data):
    with pytest.raises(ValueError, match="profile"):
        Profile.from_bytes(data)


def test_a_profile_that_was_cut_off_is_none():
    data = of(np.arange(5000.0)).to_bytes()
    with pytest.raises(ValueError, match=r"profile|sketch"):
        Profile.from_bytes(data[:-10])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("[]", "which schema"),
        ('{"schema": 7}', "schema version 7, which is not known here"),
        ('{"schema": 1}', "cannot be read"),
        ('{"schema": 1, "made_from": "", "features": {"rows": 1, "columns": [["a", {"kind": "sound"}]]}}', "sound"),
    ],
)
def test_a_baseline_that_cannot_be_read_says_why(text, why):
    with pytest.raises(ValueError, match=why):
        Baseline.from_json(text)


def test_ranks_are_right_within_the_stated_error():
    rng = np.random.default_rng(2)
    values = rng.normal(size=200_000)
    quantities = Quantities()
    for part in np.array_split(values, 7):
        quantities.add(np.ascontiguousarray(part))
    found, weights = quantities.weighted()
    exact = np.searchsorted(np.sort(values), found, side="right") / len(values)
    assert np.abs(np.cumsum(weights) / len(values) - exact).max() < 2 * RANK_ERROR
    assert quantities.deviation == pytest.approx(values.std())


def test_few_different_numbers_are_counted_and_more_are_not_lost():
    quantities = Quantities()
    quantities.add(np.repeat(np.arange(float(MOST_COUNTED)), 100))
    assert quantities.few is not None
    assert quantities.is_exact
    quantities.add(np.array([1e9]))
    assert quantities.few is None
    assert quantities.weighted()[1].sum() == quantities.count == MOST_COUNTED * 100 + 1


def test_a_million_categories_take_bounded_memory_and_keep_the_frequent_ones():
    words = Words()
    for start in range(0, 1_000_000, 50_000):
        words.add({f"id-{number}": 1 for number in range(start, start + 50_000)} | {"often": 10_000, "half": 5_000})
    assert len(words.counts) <= MOST_NAMES
    assert words.count == 1_300_000
    for name, true in (("often", 200_000), ("half", 100_000)):
        assert true - words.lost <= words.counts[name] <= true
    assert words.lost <= words.count / MOST_NAMES
    assert words.lengths.count == words.count


def test_long_names_are_shortened_and_their_length_is_kept():
    words = Words()
    profile = of(np.array(["x" * 5000, "x" * 5001], object))
    words = profile.columns["x"].words
    assert len(words.counts) == 2
    assert max(map(len, words.counts)) < 150
    words.as_text()
    assert dict(words.lengths.few) == {5000.0: 1, 5001.0: 1}


def test_names_that_cannot_be_written_are_spelled_out():
    profile = of(np.array(["\ud800", "ü"], object))
    assert said(Profile.from_bytes(profile.to_bytes())) == said(profile)


def test_a_baseline_keeps_no_rare_names_and_no_free_text():
    texts = np.array([f"Mrs {number} said so" for number in range(3000)], object)
    profile = settled(Profile() if not len(texts) else of_two(texts, np.array(["a"] * 2998 + ["only one"] * 2, object)))
    assert profile.columns["text"].kind == "text"
    assert "Mrs" not in Baseline(profile).to_json()
    assert profile.columns["some"].words.counts == {"a": 2998}
    assert profile.columns["some"].words.tail == 2


def of_two(text, some):
    made = Profile()
    made.update({"text": text, "some": some}, len(text))
    return made


def test_an_empty_profile_like_a_baseline_takes_the_same_columns_as_they_are_there():
    profile = of(np.array(["1", "2"], object))
    profile.update({"y": np.array([1.5, 2.5])}, 2)
    like = profile_like(Baseline(profile), ["y", "x", "new"])
    assert list(like.columns) == ["y", "x", "new"]
    assert [column.kind for column in like.columns.values()] == ["number", "category", None]
    assert like.rows == 0
    assert profile_like(None, ["a"]).columns["a"].kind is None


def test_bounds_hold_all_but_the_far_out():
    rng = np.random.default_rng(3)
    profile = of(rng.normal(size=20_000), "n")
    profile.update({"c": np.array(["a"], object), "skewed": rng.lognormal(0, 1, 20_000)}, 0)
    low, high = Baseline(profile).bounds(["skewed", "c", "n"])
    assert (low[1], high[1]) == (-np.inf, np.inf)
    assert low[2] < -4 < 4 < high[2] < 6
    assert high[0] > 15
