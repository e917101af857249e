"""Whether a run that was executed once more came to the same."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities import reproducing
from mlops_jupyter.capabilities.comparison import Recorded
from mlops_jupyter.capabilities.reproducing import Pair, counterpart, is_measured, judge, same_number
from mlops_jupyter.records import Dataset, Run


def run(ident: str = "1", name: str = "fit", **fields) -> Run:
    return Run(ident * 32, name, "churn", fields.pop("status", "FINISHED"), **fields)


def recorded(one: Run, digest: str | None = None, environment: dict | None = None) -> Recorded:
    datasets = () if digest is None else (Dataset("rows", digest, source=f"/tmp/{one.run_id}"),)
    return Recorded(one, datasets, None if environment is None else json.dumps(environment))


def pair(before: dict[str, float], after: dict[str, float], digests=("a", "a")) -> Pair:
    first, second = run("1", metrics=before), run("2", metrics=after)
    return Pair(recorded(first, digests[0]), recorded(second, digests[1]))


def test_the_same_metrics_and_data_are_reproduced():
    found = judge([pair({"loss": 0.1, "nan": math.nan}, {"loss": 0.1 * (1 + 1e-9), "nan": math.nan})], 1e-6)
    assert (found.verdict, found.notes) == ("reproduced", ())
    # Where the data came from is another place, and no other data.
    assert found.data.differences == ()


def test_metrics_that_differ_and_those_that_only_one_has():
    found = judge([pair({"loss": 0.1, "f1": 1.0}, {"loss": 0.2})], 1e-6)
    assert found.verdict == "differs"
    assert [(one.name, one.same) for one in found.metrics] == [("f1", False), ("loss", False)]


def test_changed_data_is_named_before_metrics_that_differ():
    found = judge([pair({"loss": 0.1}, {"loss": 0.2}, ("a", "b"))], 1e-6)
    assert (found.verdict, reproducing.changed_data(found.data)) == ("data changed", ("rows",))


def test_data_that_is_not_logged_any_more_is_no_success():
    assert judge([pair({"loss": 0.1}, {"loss": 0.1}, ("a", None))], 1e-6).verdict == "failed"


def test_times_and_the_machine_are_not_compared():
    names = [
        "training_time", "fitDuration", "system/cpu_utilization_percentage", "samples_per_seconds", "seconds", "time",
        "train_runtime", "eval_samples_per_second", "mean_fit_time", "predict_latency_ms", "latency_p95",
        "epoch_time_s", "fit_seconds", "elapsed", "wall_time", "throughput",
    ]  # fmt: skip
    assert [name for name in names if is_measured(name)] == []
    of_the_model = [
        "accuracy", "val_loss", "timely", "lifetimes", "time_to_event_mae", "real_time_factor", "latency_mae",
        "mean_survival_time", "duration_rmse", "r2_time", "score", "test_mean", "rows", "mean", "max_s", "n_min", "",
    ]  # fmt: skip
    assert [name for name in of_the_model if not is_measured(name)] == []


def test_what_was_left_out_is_named_and_alone_reproduces_nothing():
    found = judge([pair({"epoch_time": 1.0, "loss": 1.0}, {"epoch_time": 2.0, "loss": 1.0})], 0)
    assert (found.verdict, found.notes) == ("reproduced", ("not compared, being times: epoch_time",))
    found = judge([pair({"epoch_time": 1.0}, {"epoch_time": 2.0})], 0)
    assert found.verdict == "not compared"
    assert "no metrics to compare" in found.notes[-1]
    assert judge([pair({}, {})], 0).verdict == "not compared"


def test_a_run_that_failed_is_reproduced_when_it_fails_alike():
    def failing(said: str, ident: str) -> Recorded:
        return recorded(run(ident, status="FAILED", tags={"mlops.error": said}))

    assert judge([Pair(failing("E: a", "1"), failing("E: a", "2"))], 0).verdict == "reproduced"
    found = judge([Pair(failing("E: a", "1"), failing("E: b", "2"))], 0)
    assert (found.verdict, found.notes) == ("failed", ("fit ended FAILED (E: b); it had ended FAILED (E: a)",))
    assert judge([Pair(recorded(run()), None)], 0).notes == ("the notebook made no run like fit",)


def test_environments_are_compared_package_by_package():
    before = {"python": "3.11.7", "distributions": {"a": "1", "gone": "1"}}
    after = {"python": "3.12.1", "distributions": {"a": "2", "new": "1"}}
    pairs = [Pair(recorded(run("1"), None, before), recorded(run("2"), None, after))]
    told = {one.name: one.values for one in judge(pairs, 0).environment.differences}
    assert told == {
        "python": ("3.11.7", "3.12.1"),
        "distributions.a": ("1", "2"),
        "distributions.gone": ("1", None),
        "distributions.new": (None, "1"),
    }


def test_a_counterpart_has_the_name_and_the_order_of_its_original():
    first, second = run("1"), run("2")
    again = [run("a"), run("b"), run("c", "other")]
    assert counterpart(second, [first, second], again, lambda one: None) is again[1]
    # A cell run by hand, many times over, is the notebook's last of that name.
    assert counterpart(second, [], again, lambda one: None) is again[1]
    assert counterpart(run("3"), [first, second, run("3")], again, lambda one: None) is None
    # A name that was invented is another one each time.
    sources = {"1" * 32: "x = 1", "c" * 32: "x = 1"}
    assert counterpart(run("1", "train-9f3c"), [], again, lambda one: sources.get(one.run_id)) is again[2]


@given(st.floats(), st.floats(), st.floats(0, 0.5))
def test_numbers_are_compared_the_same_both_ways(first, second, tolerance):
    assert same_number(first, first, tolerance)
    assert same_number(first, second, tolerance) == same_number(second, first, tolerance)


@pytest.mark.parametrize(("first", "second", "same"), [(1.0, 1.001, True), (1.0, 1.1, False), (0.0, 1e-15, True)])
def test_tolerance_is_relative_with_a_floor(first, second, same):
    assert same_number(first, second, 0.01) is same
