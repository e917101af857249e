"""From a feature that has drifted to the rows behind it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlops_jupyter
from mlops_jupyter.capabilities.drift.tables import baseline_of
from mlops_jupyter.capabilities.endpoints.reports import write_drift
from mlops_jupyter.capabilities.quality.assessing import Wanted
from mlops_jupyter.capabilities.quality.logged import find, moved
from mlops_jupyter.commands import drift_sources
from mlops_jupyter.errors import CheckFailed, CommandError, NotFound
from mlops_jupyter.faces import render
from mlops_jupyter.records import Distribution, FeatureDrift
from tests.fakes.models import small_model
from tests.fakes.watched import answered

ROWS, OLDER, MISSING = 2_000, 600, 100


def asked(count: int, older: int, missing: int, new: int) -> pd.DataFrame:
    random = np.random.default_rng(count)
    age = random.normal(40, 8, count)
    age[:older] = random.normal(70, 2, older)
    income = random.normal(2_000, 300, count)
    income[:missing] = np.nan
    plan = random.choice(["basic", "plus"], count).astype(object)
    plan[count - new :] = "trial"
    return pd.DataFrame({"age": age, "income": income, "plan": plan, "steady": 1.0})


@pytest.fixture
def endpoint(project: Path) -> Iterator[Path]:
    """An endpoint whose traffic has drifted, by a report and logged rows that lie there as its watcher leaves them."""
    small_model(project / "model")
    # Its own watcher would write reports of its own.
    with (project / "mlops.toml").open("a") as file:
        file.write("[monitoring]\nenabled = false\n")
    version = mlops_jupyter.deploy("model", name="churn").versions[0].version
    watch = project / ".mlops" / "endpoints" / "churn" / "watch"
    watch.mkdir(mode=0o700, exist_ok=True)
    now = asked(ROWS, OLDER, MISSING, 500)
    with pytest.raises(CheckFailed) as caught:
        mlops_jupyter.drift(asked(8_000, 0, 0, 0), now)
    write_drift(watch, replace(caught.value.record, version=version))
    columns = {name: now[name].tolist() for name in now} | {"prediction": [0] * ROWS}
    ids, at_ms = [f"r{at}" for at in range(ROWS)], int(time.time() * 1000)
    answered(watch, ids, version, at_ms=at_ms, kind="payloads", **columns)
    yield watch
    mlops_jupyter.undeploy("churn", yes=True)


def test_the_rows_behind_a_drift_in_one_call(endpoint, terminal):
    found = mlops_jupyter.rows("churn", "age")
    assert found.looked_at == ROWS
    frame = found.result
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == found.matching
    # Most of the older ones (the bins are of a sketch), and nearly nobody else.
    assert OLDER * 0.7 < found.matching < OLDER * 1.1
    assert (frame["age"] > 60).mean() > 0.95
    assert found.notes == ()
    assert set(frame.columns) == {"request_id", "row", "at", "version", "age", "income", "plan", "steady", "prediction"}
    assert found.where.startswith("age ")
    new = mlops_jupyter.rows("churn", "plan")
    assert (new.matching, set(new.result["plan"]), new.where) == (500, {"trial"}, "plan = trial")
    missing = mlops_jupyter.rows("churn", "income")
    assert (missing.matching, missing.where) == (MISSING, "income is missing")
    assert missing.result["income"].isna().all()
    both = mlops_jupyter.rows("churn", "age", segment="plan=trial", limit=5)
    assert both.where.endswith(", and plan=trial")
    assert (both.looked_at, len(both.result)) == (500, min(5, both.matching))
    text = render.text(new)
    assert text.startswith("churn  500 of 2000 logged rows where plan = trial\n")
    assert "… and 480 more: .result in Python" in text
    assert "plan = trial" in render.mime_bundle(new)["text/html"]
    done = terminal("rows", "churn", "plan", "-n", "3")
    assert (done.code, done.out.count("trial")) == (0, 4)
    assert done.out.splitlines()[-1] == "… and 497 more: --limit"


def test_rows_with_values_unlike_the_baseline(endpoint, monkeypatch):
    before = baseline_of(asked(8_000, 0, 0, 0), None, "the data")
    monkeypatch.setattr(drift_sources, "of_version", lambda *_: before)
    found = mlops_jupyter.rows("churn", anomalies=True)
    frame = found.result
    # Ages of 70 are usual enough, a plan that is new is not, and an income that is missing is counted elsewhere.
    assert (found.looked_at, found.where) == (ROWS, "a value is unlike the baseline")
    assert (frame["plan"] == "trial").sum() == 500
    assert set(frame.loc[frame["plan"] == "trial", "anomalies"]) <= {"plan", "age, plan", "income, plan"}
    assert all("age" in one or "income" in one for one in frame.loc[frame["plan"] != "trial", "anomalies"])
    assert 500 <= found.matching < 600
    with pytest.raises(CommandError, match="--anomalies are of all features"):
        mlops_jupyter.rows("churn", "age", anomalies=True)


def test_texts_that_are_watched_as_lengths(endpoint):
    before = pd.DataFrame({"email": [f"user{at:04}@example.org" for at in range(6_000)]})
    now = pd.DataFrame({"email": [f"u{at:04}@x.org" if at % 4 else f"user{at:04}@example.org" for at in range(6_000)]})
    with pytest.raises(CheckFailed) as caught:
        mlops_jupyter.drift(before, now)
    (email,) = caught.value.record.features
    assert email.kind == "text"
    answered(endpoint, [f"e{at}" for at in range(6_000)], "t", kind="payloads", at_ms=10**12, **now.to_dict("list"))
    behind = moved(email)
    found = find(endpoint, Wanted(version="t"), behind, 5)
    assert (behind.words(), found.matching, found.looked_at) == ("length of email = 11", 4_500, 6_000)
    for distribution, count in (
        (Distribution((5.0, 12.0, 25.0), (), (0.0, 1.0), (0.75, 0.25)), 4_500),
        (Distribution((), ("20", "(others)"), (1.0, 0.0), (0.25, 0.75)), 4_500),
    ):
        behind = moved(replace(email, distribution=distribution))
        assert find(endpoint, Wanted(version="t"), behind, 5).matching == count
        assert behind.words().startswith("length of email ")


def test_truth_values_whole_numbers_and_long_texts_as_categories(endpoint):
    long = ["a" * 200, "b" * 200]
    before = pd.DataFrame(
        {
            "churned": [at % 10 == 0 for at in range(2_000)],
            "address": [long[at % 10 == 0] for at in range(2_000)],
            "code": np.asarray([1_234_567 + (at % 10 == 0) for at in range(2_000)], dtype=object),
        }
    )
    before["code"] = before["code"].astype(str)
    now = pd.DataFrame(
        {
            "churned": [at % 2 == 0 for at in range(2_000)],
            "address": [long[at % 2 == 0] for at in range(2_000)],
            "code": [1_234_567 + (at % 2 == 0) for at in range(2_000)],
        }
    )
    with pytest.raises(CheckFailed) as caught:
        mlops_jupyter.drift(before, now.astype({"code": str}))
    report = {one.feature: one for one in caught.value.record.features}
    columns = now.to_dict("list") | {"churned": [None, *now["churned"].tolist()[1:]]}
    answered(endpoint, [f"e{at}" for at in range(2_000)], "t", kind="payloads", at_ms=10**12, **columns)
    for name, count in (("churned", 999), ("address", 1_000), ("code", 1_000)):
        assert report[name].kind == "category"
        assert find(endpoint, Wanted(version="t"), moved(report[name]), 5).matching == count, name


def test_of_what_nothing_is_known(endpoint):
    for arguments, said in (
        ({"feature": "steady"}, "no values of steady have become more frequent"),
        ({"feature": "agee"}, "the drift report of churn has no agee"),
        ({"version": "9"}, "no rows of version 9 are logged"),
        ({"segment": "plan=zzz"}, "no rows with plan=zzz are logged in this time"),
        ({"feature": "age", "version": "9"}, "of churn there is no drift report yet"),
        (
            {"segment": "height>3"},
            "the logged rows have no column height; they have age, income, plan, steady, prediction",
        ),
    ):
        with pytest.raises(NotFound) as caught:
            mlops_jupyter.rows("churn", **arguments)
        assert caught.value.message == said
    with pytest.raises(CommandError):
        mlops_jupyter.rows("churn", limit=0)
    with pytest.raises(NotFound):
        mlops_jupyter.rows("nobody")
    for file in (endpoint / "payloads").iterdir():
        file.unlink()
    with pytest.raises(NotFound) as caught:
        mlops_jupyter.rows("churn")
    assert caught.value.message == "no rows are logged"


def test_who_asks_for_rows_behind_what_has_not_drifted_is_told(endpoint):
    said = "income has not drifted: these are the values that have become more frequent all the same"
    steady = mlops_jupyter.drift(asked(8_000, 0, 0, 0), asked(ROWS, 0, 0, 0))
    write_drift(endpoint, replace(steady, version="v"))
    answered(
        endpoint,
        [f"s{at}" for at in range(ROWS)],
        "v",
        at_ms=int(time.time() * 1000),
        kind="payloads",
        **asked(ROWS, 0, 0, 0).to_dict("list"),
    )
    found = mlops_jupyter.rows("churn", "income", version="v")
    assert found.matching > 0
    assert found.notes == (said,)
    assert f"note: {said}" in render.text(found)


def test_categories_that_are_not_named_are_those_of_no_other_name():
    shown = Distribution((), ("a", "b", "(others)"), (0.5, 0.4, 0.1), (0.3, 0.2, 0.5))
    found = moved(FeatureDrift("plan", "category", "psi", 1.0, 0.1, drifted=True, distribution=shown))
    assert (found.names, found.apart_from, found.words()) == ((), ("a", "b"), "plan is none of a, b")
