"""Distances are SciPy's on the same data, thresholds hold what they promise, and odd windows get words."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlops_jupyter.capabilities.drift import Baseline, Profile, Thresholds, compare, settled
from mlops_jupyter.capabilities.drift.quantities import RANK_ERROR
from mlops_jupyter.capabilities.drift.thresholds import by_chance, chi_square_limit


def table(**columns):
    made = Profile()
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    made.update(arrays, len(next(iter(arrays.values()))))
    return made


def one(before, now, **options):
    report = compare(Baseline(table(x=before)), table(x=now), name="now", **options)
    (found,) = report.features
    return found


RNG = np.random.default_rng(7)
SAMPLES = {
    "same": (RNG.normal(size=20_000), RNG.normal(size=10_000)),
    "shifted": (RNG.normal(size=20_000), RNG.normal(0.3, size=10_000)),
    "wider": (RNG.normal(size=20_000), RNG.normal(0, 2, 10_000)),
    "skewed": (RNG.lognormal(size=20_000), RNG.lognormal(0.2, 1.1, 10_000)),
    "whole": (RNG.poisson(30, 20_000), RNG.poisson(33, 10_000)),
    "small": (RNG.normal(size=700), RNG.normal(0.5, size=600)),
}


@pytest.mark.parametrize("which", SAMPLES)
def test_distances_of_numbers_are_scipys(which):
    before, now = (np.asarray(values, float) for values in SAMPLES[which])
    found = one(before, now)
    slack = 2 * RANK_ERROR if len(before) > 800 else 1e-12
    assert found.scores["ks"] == pytest.approx(stats.ks_2samp(before, now).statistic, abs=slack)
    expected = stats.wasserstein_distance(before, now) / before.std()
    assert found.scores["wasserstein"] == pytest.approx(expected, rel=0.03 if slack > 1e-9 else 1e-9, abs=3 * slack)
    edges = np.histogram_bin_edges(np.concatenate((before, now)), bins="sturges")
    shares = [np.histogram(values, edges)[0] / len(values) for values in (before, now)]
    # The divergence, of which the distance is the root, is what is right to so much.
    sketched = slack > 1e-9
    divergence = pytest.approx(jensenshannon(*shares) ** 2, rel=0.05 if sketched else 1e-9, abs=0.002 * sketched)
    assert found.scores["jensen_shannon"] ** 2 == divergence


def test_distances_of_categories_are_scipys():
    before, now = RNG.choice(list("abcde"), 20_000), RNG.choice(list("abcde"), 5_000, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    found = one(before.astype(object), now.astype(object))
    counts = np.array([[(values == name).sum() for name in "abcde"] for values in (before, now)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert found.scores["jensen_shannon"] == pytest.approx(jensenshannon(*shares))
    assert found.scores["psi"] == pytest.approx(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
    statistic = stats.chi2_contingency(counts, correction=False).statistic
    assert found.scores["chi_square"] * 20_000 * 5_000 / 25_000 == pytest.approx(statistic)
    assert found.method == "jensen_shannon"
    assert found.drifted


def test_nan_is_counted_apart_and_moves_no_distance():
    before, now = RNG.normal(size=5_000), RNG.normal(size=5_000)
    holes = np.concatenate((now, np.full(1_000, math.nan)))
    whole, with_holes = one(before, now), one(before, holes)
    assert with_holes.scores["ks"] == pytest.approx(whole.scores["ks"], abs=2 * RANK_ERROR)
    assert (whole.missing_now, whole.missing_drifted) == (0.0, False)
    assert with_holes.missing_now == pytest.approx(1 / 6)
    assert with_holes.missing_drifted
    assert not with_holes.drifted


@pytest.mark.parametrize("freedom", [1, 2, 9, 50, 1001])
@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-5])
def test_chi_square_limits_are_scipys(freedom, alpha):
    assert chi_square_limit(alpha, freedom) == pytest.approx(stats.chi2.isf(alpha, freedom))


@pytest.mark.parametrize("method", ["ks", "psi", "jensen_shannon", "wasserstein", "chi_square"])
@pytest.mark.parametrize("size", [200, 2_000])
def test_chance_exceeds_a_threshold_as_rarely_as_promised(method, size):
    rng = np.random.default_rng(11)
    baseline = Baseline(table(x=rng.normal(size=size * 4), c=rng.choice(list("abcdefgh"), size * 4).astype(object)))
    thresholds = Thresholds(false_alarms=0.1, least=dict.fromkeys(Thresholds().least, 0.0), method=method)
    alarms = 0
    for _ in range(100):
        now = table(x=rng.normal(size=size), c=rng.choice(list("abcdefgh"), size).astype(object))
        alarms += bool(compare(baseline, now, name="now", thresholds=thresholds).drifted)
    assert alarms <= 20


def test_a_large_sample_does_not_alarm_on_nothing():
    before, now = RNG.normal(size=200_000), RNG.normal(0.02, size=200_000)
    assert stats.ks_2samp(before, now).pvalue < 1e-4
    assert not one(before, now).drifted
    assert one(before, RNG.normal(0.2, size=200_000)).drifted


def test_a_share_that_moves_by_ten_points_among_thousands_is_found_and_chance_is_not():
    rng = np.random.default_rng(29)

    def drawn(moved: float) -> Profile:
        plans = rng.choice(list("abc"), 5_000, p=[0.5 - moved, 0.3 + moved / 2, 0.2 + moved / 2]).astype(object)
        return table(flag=rng.random(5_000) < 0.5 + moved, plan=plans, answer=rng.binomial(1, 0.3 + moved, 5_000))

    alarms = [one.feature for _ in range(200) for one in compare(Baseline(drawn(0)), drawn(0), name="now").drifted]
    assert alarms == []
    for _ in range(20):
        found = compare(Baseline(drawn(0)), drawn(0.1), name="now").drifted
        assert {one.feature for one in found} == {"flag", "plan", "answer"}
    # Two points are nothing to be woken for, however many rows say so.
    before, now = np.repeat([0, 1], [500_000, 500_000]), np.repeat([0, 1], [480_000, 520_000])
    assert not one(before, now).drifted


def test_a_small_window_needs_a_larger_distance():
    before = RNG.normal(size=20_000)
    small, large = one(before, RNG.normal(size=50)), one(before, RNG.normal(size=20_000))
    assert small.threshold > 4 * large.threshold
    assert by_chance("ks", 0.01, (20_000, 50)) == pytest.approx(math.sqrt(math.log(200) / 2 * (1 / 20_000 + 1 / 50)))


def test_a_threshold_that_was_set_counts():
    found = one(RNG.normal(size=1000), RNG.normal(0.3, size=1000), thresholds=Thresholds(fixed={"*": 0.9}))
    assert (found.threshold, found.drifted) == (0.9, False)
    found = one(RNG.normal(size=1000), RNG.normal(size=1000), thresholds=Thresholds(fixed={"x": 0.0001, "*": 0.9}))
    assert found.drifted


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        (np.arange(1000.0), np.arange(3.0), "3 values: too few"),
        (np.arange(3.0), np.arange(1000.0), "the baseline has 3 values"),
        (np.arange(1000.0), np.full(1000, math.nan), "all values are missing"),
        (np.full(1000, math.nan), np.arange(1000.0), None),
        (np.array([None] * 50, object), np.arange(1000.0), "all values are missing in the baseline"),
        (np.arange(1000.0), np.array(["x"] * 1000, object), "of the kind category now"),
    ],
)
def test_what_cannot_be_compared_has_no_score_but_words(before, now, note):
    found = one(before, now)
    assert found.score is None
    assert not found.drifted
    assert note is None or note in found.note


def test_another_kind_is_drift():
    found = one(np.arange(1000.0), np.array(["x"] * 1000, object))
    assert (found.missing_now, found.missing_drifted) == (1.0, True)


def test_a_constant_feature_has_moved_when_it_is_another():
    same, other = one(np.full(1000, 2.0), np.full(500, 2.0)), one(np.full(1000, 2.0), np.full(500, 3.0))
    assert (same.score, same.drifted, same.note) == (0.0, False, "it is constant in the baseline")
    assert other.drifted
    assert "wasserstein" not in other.scores


def test_a_renamed_feature_is_drift_and_the_report_asks():
    report = compare(
        Baseline(table(age=np.arange(100.0), pay=np.arange(100.0))),
        table(years=np.arange(100.0), pay=np.arange(100.0)),
        name="now",
    )
    gone = report.features[0]
    assert (gone.feature, gone.score, gone.missing_drifted) == ("age", None, True)
    assert gone in report.drifted
    assert any("age" in note and "years" in note and "renamed" in note for note in report.notes)


def test_no_rows_at_all_is_no_drift():
    report = compare(Baseline(table(x=np.arange(100.0))), Profile(), name="now")
    assert not report.drifted
    assert report.features[0].note == "there are no rows"
    assert "0 rows are too few" in report.notes[0]


def test_three_rows_are_said_to_be_too_few():
    report = compare(Baseline(table(x=np.arange(100.0))), table(x=[1.0, 2.0, math.nan]), name="now")
    assert not report.drifted
    assert "3 rows are too few" in report.notes[0]


def test_what_has_moved_most_comes_first():
    rng = np.random.default_rng(5)
    before = table(a=rng.normal(size=2000), b=rng.normal(size=2000), c=rng.normal(size=2000))
    now = table(a=rng.normal(0.5, size=2000), b=rng.normal(size=2000), c=rng.normal(2, size=2000))
    report = compare(Baseline(before), now, name="now")
    assert [found.feature for found in report.features][:2] == ["c", "a"]
    assert {found.feature for found in report.drifted} == {"a", "c"}


def test_a_new_category_is_named_and_ids_are_compared_as_one():
    before = np.array(["a", "b"] * 1000, object)
    found = one(before, np.array(["a", "new"] * 1000, object))
    assert found.drifted
    assert "new" in found.distribution.names
    ids = one(np.array([f"id{n}" for n in range(5000)], object), np.array([f"no{n}" for n in range(5000)], object))
    assert not ids.drifted
    assert ids.score is None or "rare categories" in ids.note


def test_what_was_frequent_in_a_far_smaller_sample_is_not_lost_among_the_others():
    """Whichever of the two is the smaller one."""
    few = np.array(["Bern", "Basel", "Chur"] * 700, object)
    many = np.array([f"town {at}" for at in range(200_000)], object)
    for before, now in ((few, many), (np.resize(few, 200_000), np.array(["Chur"] * 25 + ["Bern"] * 5, object))):
        found = one(before, now)
        assert found.drifted
        assert "Chur" in found.distribution.names
    large = np.array([f"town {at % 900}" for at in range(200_000)], object)
    small = np.array(["town 7"] * 30, object)
    assert one(large, small).drifted
    assert one(small, large).drifted


def test_many_rare_categories_of_samples_of_other_sizes_are_no_drift():
    """Each is expected a few times in the smaller sample, so that chance alone gives some of them many."""
    rng = np.random.default_rng(23)
    alarms = 0
    for _ in range(60):
        large = np.array([f"c{at}" for at in rng.integers(0, 400, 40_000)], object)
        small = np.array([f"c{at}" for at in rng.integers(0, 400, 1_600)], object)
        alarms += one(large, small).drifted + one(small, large).drifted
    assert alarms == 0


def test_pictures_share_their_bins_and_sum_to_one():
    for before, now in (
        *SAMPLES.values(),
        (np.concatenate((RNG.normal(size=5000), [1e12])), RNG.normal(size=5000)),
        (RNG.integers(0, 3, 1000), RNG.integers(0, 5, 1000)),
    ):
        picture = one(np.asarray(before), np.asarray(now)).distribution
        assert sum(picture.baseline) == pytest.approx(1)
        assert sum(picture.now) == pytest.approx(1)
        assert len(picture.baseline) == len(picture.now) == max(len(picture.edges) - 1, len(picture.names))
        # One extreme value does not push all others into one bin.
        assert max(picture.baseline) < 0.6


def test_predictions_are_compared_too():
    baseline = Baseline(table(x=np.arange(1000.0)), table(prediction=np.array([0, 1] * 500)))
    report = compare(baseline, table(x=np.arange(1000.0)), table(prediction=np.array([0, 1, 1, 1] * 250)), name="now")
    (answer,) = report.predictions
    assert (answer.feature, answer.method, answer.drifted) == ("prediction", "jensen_shannon", True)
    assert answer.distribution.names == ("0", "1")


def test_free_text_beside_few_texts_is_compared_by_length():
    """Too many texts to be named in the baseline, and few enough now."""
    many = np.array([f"{at}@example.org" for at in range(4_000)], dtype=object)
    (found,) = compare(Baseline(settled(table(x=many))), table(x=many[:1_000]), name="now").features
    assert found.kind == "text"
    assert found.score is not None
    assert found.scores["ks"] == pytest.approx(0.72, abs=0.05)
