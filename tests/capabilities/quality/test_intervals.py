"""The measures are scikit-learn's, and their intervals hold what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from mlops_jupyter.capabilities.quality import intervals

COUNT = st.integers(0, 50)


@given(st.integers(1, 10_000), st.data())
def test_a_proportion_is_scipys(trials, data):
    hits = data.draw(st.integers(0, trials))
    found = intervals.proportion(hits, trials)
    theirs = stats.binomtest(hits, trials).proportion_ci(method="wilson")
    assert found == pytest.approx((hits / trials, theirs.low, theirs.high), abs=1e-12)


@given(COUNT, COUNT, COUNT, COUNT)
def test_f1_is_scikit_learns(hits, false, missed, rest):
    labels = [1] * hits + [0] * false + [1] * missed + [0] * rest
    answers = [1] * hits + [1] * false + [0] * missed + [0] * rest
    found = intervals.f1(hits, false, missed)
    if found is None:
        assert hits + false + missed == 0
        return
    assert found.value == pytest.approx(f1_score(labels, answers, zero_division=0))
    assert found.low <= found.value <= found.high


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=60))
def test_auc_is_scikit_learns(pairs):
    scores = np.array([score / 5 for score, _ in pairs])
    labels = np.array([label for _, label in pairs])
    found = intervals.auc(scores, labels)
    if labels.all() or not labels.any():
        assert found is None
        return
    assert found.value == pytest.approx(roc_auc_score(labels, scores))
    if found.low is not None:
        assert 0 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1


def test_delongs_variance_is_that_of_its_definition():
    random = np.random.default_rng(1)
    hits, misses = random.normal(0.8, 1, 40), random.normal(0, 1, 70)
    before = (hits[:, None] > misses) + 0.5 * (hits[:, None] == misses)
    variance = before.mean(axis=1).var(ddof=1) / 40 + before.mean(axis=0).var(ddof=1) / 70
    found = intervals.auc(np.concatenate([hits, misses]), np.arange(110) < 40)
    area = before.mean()
    half = intervals.Z * np.sqrt(variance) / (area * (1 - area))
    assert np.log(found.high / (1 - found.high)) == pytest.approx(np.log(area / (1 - area)) + half)


@given(st.lists(st.tuples(st.integers(0, 2), *[st.integers(0, 4)] * 3), min_size=3, max_size=60))
def test_auc_of_many_classes_is_scikit_learns(rows):
    labels = np.array([label for label, *_ in rows])
    scores = np.array([each for _, *each in rows]) / 4
    of_classes = labels[:, None] == np.arange(3)
    found = intervals.mean_auc(scores, of_classes)
    there = [at for at in range(3) if 0 < of_classes[:, at].sum() < len(rows)]
    if not there:
        assert found is None
        return
    assert found.value == pytest.approx(np.mean([roc_auc_score(of_classes[:, at], scores[:, at]) for at in there]))
    if found.low is not None:
        assert -1e-12 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1


def test_auc_of_two_classes_each_beside_the_other_is_that_of_two():
    random = np.random.default_rng(3)
    labels = random.random(300) < 0.4
    scores = random.normal(labels, 1)
    found = intervals.mean_auc(np.column_stack([-scores, scores]), np.column_stack([~labels, labels]))
    assert found == pytest.approx(intervals.auc(scores, labels), abs=1e-3)


def test_averages_over_classes_are_scikit_learns():
    random = np.random.default_rng(2)
    labels = random.integers(0, 4, 500)
    answers = np.where(random.random(500) < 0.7, labels, random.integers(0, 4, 500))
    confusion = np.zeros((4, 4), dtype=np.int64)
    np.add.at(confusion, (labels, answers), 1)
    found = intervals.averaged(confusion)
    for name, theirs in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert found[name].value == pytest.approx(theirs(labels, answers, average="macro"))
        assert found[name].low < found[name].value < found[name].high
    assert found == intervals.averaged(confusion)


def coverage(truth: float, draw) -> float:
    found = [draw(np.random.default_rng(seed)) for seed in range(400)]
    return sum(one.low <= truth <= one.high for one in found) / len(found)


def test_intervals_hold_the_truth_about_95_times_of_100():
    def f1(random):
        hits, false, missed, _ = random.multinomial(200, [0.3, 0.1, 0.1, 0.5])
        return intervals.f1(int(hits), int(false), int(missed))

    def auc(random):
        return intervals.auc(np.concatenate([random.normal(1, 1, 80), random.normal(0, 1, 120)]), np.arange(200) < 80)

    def three(random):
        of_classes = random.integers(0, 3, 200)[:, None] == np.arange(3)
        return intervals.mean_auc(random.normal(of_classes, 1), of_classes)

    def rmse(random):
        squares = random.normal(0, 3, 300) ** 2
        return intervals.root_mean_square(300, squares.sum(), (squares**2).sum())

    def mae(random):
        errors = np.abs(random.normal(0, 3, 300))
        return intervals.mean_absolute(300, errors.sum(), (errors**2).sum())

    for truth, draw in (
        (0.6 / 0.8, f1),
        (stats.norm.cdf(1 / np.sqrt(2)), auc),
        (stats.norm.cdf(1 / np.sqrt(2)), three),
        (3.0, rmse),
        (3 * np.sqrt(2 / np.pi), mae),
    ):
        assert 0.92 <= coverage(truth, draw) <= 0.99, draw.__name__


def test_of_too_few_there_is_no_interval():
    assert intervals.proportion(0, 0) is None
    assert intervals.f1(0, 0, 0) is None
    assert intervals.root_mean_square(0, 0.0, 0.0) is None
    assert intervals.mean_absolute(1, 2.0, 4.0) == (2.0, None, None)
    # Perfect so far, and not for ever.
    perfect = intervals.auc(np.arange(20.0), np.arange(20) >= 10)
    assert perfect.value == perfect.high == 1
    assert 0.6 < perfect.low < 0.9
