"""The verb ``drift``: files, tables, models and deployments, as a user meets it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression

import mlops_jupyter
from mlops_jupyter.capabilities.drift.tables import baseline_of
from mlops_jupyter.capabilities.endpoints import windows
from mlops_jupyter.capabilities.endpoints.reports import read_drift, write_drift
from mlops_jupyter.errors import CheckFailed, CommandError, ConfigurationError, NotFound
from tests.fakes.waiting import wait_for


def people(seed: int, *, older: float = 0.0, rows: int = 3000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40 + older, 10, rows),
            "pay": rng.lognormal(8, 1, rows),
            "town": rng.choice(["Bern", "Basel", "Chur"], rows),
        }
    )


@pytest.fixture
def files(project: Path) -> Path:
    people(1).to_parquet(project / "train.parquet")
    people(2).to_parquet(project / "same.parquet")
    people(3, older=5).to_csv(project / "older.csv", index=False)
    return project


def test_two_files_without_drift(files, terminal):
    done = terminal("drift", "train.parquet", "same.parquet")
    assert done.code == 0
    assert done.out.startswith("same.parquet: nothing of 3 has drifted\n")
    assert "3,000 rows against 3,000 of train.parquet (3,000 rows)" in done.out


def test_drift_ends_a_terminal_with_1_and_says_what(files, terminal):
    done = terminal("drift", "train.parquet", "older.csv", "--html", "out/drift.html")
    assert done.code == 1
    assert "✗  age" in done.out
    assert "CheckFailed: 1 of 3 has drifted in older.csv: age (KS " in done.err
    page = (files / "out" / "drift.html").read_text()
    assert page.count("<svg") == 3
    assert "<script" not in page
    assert page.index(">age</b>") < page.index(">pay</b>")
    shown = json.loads(terminal("drift", "train.parquet", "older.csv", "--json").out)
    assert [one["feature"] for one in shown["drifted"]] == ["age"]


def test_in_a_notebook_the_report_shows_and_strict_raises(files, kernel):
    kernel.run("import pandas as pd\nbefore, now = pd.read_parquet('train.parquet'), pd.read_csv('older.csv')")
    reply = kernel.run("%mlops drift $before $now")
    assert reply.status == "ok", reply.traceback
    (shown,) = reply.displayed
    assert "<svg" in shown["text/html"]
    assert shown["text/plain"].startswith("the new data: 1 of 3 has drifted")
    assert "application/vnd.mlops-jupyter.driftreport+json" in shown
    reply = kernel.run("%mlops drift $before $now --strict")
    assert reply.traceback[0].startswith("CheckFailed: 1 of 3 has drifted")


@pytest.mark.parametrize("kind", ["parquet", "csv", "live"])
def test_small_tables_have_exact_distances_again_and_again(project, kind):
    before, now = people(1, rows=10_000), people(2, older=0.2, rows=10_000)
    if kind == "parquet":
        before.to_parquet(project / "before.parquet")
        now.to_parquet(project / "now.parquet")
    elif kind == "csv":
        before.to_csv(project / "before.csv", index=False)
        now.to_csv(project / "now.csv", index=False)
    given = (before, now) if kind == "live" else (f"before.{kind}", f"now.{kind}")
    for _ in range(3):
        found = {one.feature: one.score for one in mlops_jupyter.drift(*given).features}
        for name in ("age", "pay"):
            assert found[name] == pytest.approx(ks_2samp(before[name], now[name]).statistic, abs=1e-12)


@pytest.mark.parametrize(("rows", "why"), [(0, "there are no rows"), (29, "29 values: too few to compare")])
def test_a_gate_does_not_pass_on_nothing(files, terminal, rows, why):
    people(2).head(rows).to_csv(files / "few.csv", index=False)
    done = terminal("drift", "train.parquet", "few.csv")
    assert done.code == 1
    assert done.out.startswith(f"few.csv: cannot tell whether it has drifted: {why}")
    assert f"CheckFailed: cannot tell whether few.csv has drifted: {why}" in done.err


@pytest.mark.parametrize("kind", ["parquet", "csv", "live"])
def test_a_column_that_is_of_another_kind_has_drifted(project, kind):
    before, now = people(1), people(2).assign(age="unknown", town=7)
    if kind == "parquet":
        before.to_parquet("before.parquet")
        now.to_parquet("now.parquet")
    elif kind == "csv":
        before.to_csv("before.csv", index=False)
        now.to_csv("now.csv", index=False)
    given = (before, now) if kind == "live" else (f"before.{kind}", f"now.{kind}")
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift(*given)
    assert {one.feature for one in failed.value.record.drifted} == {"age", "town"}
    assert "age (no value is of the baseline's kind)" in failed.value.message


def test_of_some_features_it_cannot_be_told(files, terminal):
    people(1).assign(odd=None).to_parquet(files / "train.parquet")
    people(2).assign(odd=None).to_parquet(files / "same.parquet")
    done = terminal("drift", "train.parquet", "same.parquet")
    assert done.code == 0
    assert done.out.startswith("same.parquet: nothing of 3 has drifted, and of 1 it cannot be told\n")


def test_thresholds_columns_methods_and_segments(files):
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift("train.parquet", "older.csv", method="wasserstein", columns="age,pay")
    assert [one.feature for one in failed.value.record.features] == ["age", "pay"]
    assert failed.value.record.features[0].method == "wasserstein"
    assert not mlops_jupyter.drift("train.parquet", "older.csv", threshold=["0.5"]).drifted
    assert not mlops_jupyter.drift("train.parquet", "older.csv", threshold=["age=0.5"]).drifted
    bern = mlops_jupyter.drift("train.parquet", "same.parquet", segment="town=Bern")
    assert bern.rows_now == int((people(2)["town"] == "Bern").sum())
    assert bern.rows_baseline == int((people(1)["town"] == "Bern").sum())
    assert bern.segment == "town=Bern"
    old = mlops_jupyter.drift(people(1), people(2), segment="age >= 50", columns="pay,town")
    assert old.rows_now == int((people(2)["age"] >= 50).sum())
    assert old.rows_baseline == int((people(1)["age"] >= 50).sum())
    # What chooses the rows is not held against a baseline of all of them.
    (files / "baseline.json").write_text(baseline_of(people(1), None, "people").to_json())
    old = mlops_jupyter.drift("baseline.json", "same.parquet", segment="age>=50")
    assert sorted(one.feature for one in old.features) == ["pay", "town"]
    assert any("baseline is of all rows: age" in note for note in old.notes)


@pytest.mark.parametrize(
    ("given", "options", "why", "hint"),
    [
        (("train.parquet",), {}, "alone has nothing to be compared", "mlops drift train.parquet NOW.parquet"),
        (("train.parquet", "same.parquet"), {"columns": "ags"}, "no feature ags", "did you mean age"),
        (("train.parquet", "same.parquet"), {"threshold": ["much"]}, "not much", "--threshold 0.2"),
        (
            ("train.parquet", "same.parquet"),
            {"threshold": ["0.2", "zzz=0.3"]},
            "no feature zzz",
            "leave --threshold out",
        ),
        (("train.parquet", "same.parquet"), {"threshold": ["ags=0.3"]}, "no feature ags", "did you mean age"),
        (("train.parquet", "same.parquet"), {"threshold": ["age=inf"]}, "not inf", "--threshold 0.2"),
        (("train.parquet", "same.parquet"), {"since": "1x"}, "--since takes a time", "--since 1h"),
        (("train.parquet", "same.parquet"), {"threshold": ["-1"]}, "above 0, not -1", "--threshold 0.2"),
        (("train.parquet", "same.parquet"), {"segment": "town"}, "no segment", "--segment"),
        (("train.parquet", "same.parquet"), {"segment": "city=Bern"}, "no column city", "--segment"),
        (("train.parquet", "same.parquet"), {"segment": "town>3"}, "town holds text", "town=3"),
        (("train.parquet", "same.parquet"), {"segment": "age>old"}, "'old' is none", "age>=30"),
        (("churn",), {"since": "soon"}, "--since takes a time", "--since 1h"),
    ],
)
def test_what_cannot_be_asked(files, given, options, why, hint):
    with pytest.raises(CommandError, match=why) as failed:
        mlops_jupyter.drift(*given, **options)
    assert hint in failed.value.hint
    assert failed.value.exit_code == 2


def test_a_prediction_can_have_a_threshold(files):
    table = people(1)
    made = baseline_of(table[["age", "pay"]], None, "people", answers=(table["age"] > 40).to_numpy())
    (files / "baseline.json").write_text(made.to_json())
    assert not mlops_jupyter.drift("baseline.json", people(2), threshold=["prediction=0.3"]).drifted


def test_a_page_that_cannot_be_written_is_told(files):
    for place in ("train.parquet/drift.html", "."):
        with pytest.raises(ConfigurationError, match="cannot write") as failed:
            mlops_jupyter.drift("train.parquet", "same.parquet", html=Path(place))
        assert failed.value.exit_code == 3


def test_what_is_not_there(files):
    with pytest.raises(NotFound, match="there is no deployment churn"):
        mlops_jupyter.drift("churn")
    with pytest.raises(NotFound, match=r"there is no file none\.parquet"):
        mlops_jupyter.drift("train.parquet", "none.parquet")
    with pytest.raises(NotFound, match="there is no model, run or directory churn"):
        mlops_jupyter.drift("churn", "same.parquet")


def test_a_baseline_file_of_another_schema_version_is_told(files):
    made = baseline_of(people(1), None, "people")
    (files / "baseline.json").write_text(made.to_json())
    report = mlops_jupyter.drift("baseline.json", "same.parquet")
    assert (report.baseline, report.rows_baseline) == ("people", 3000)
    (files / "baseline.json").write_text(made.to_json().replace('"schema":1', '"schema":9'))
    with pytest.raises(ConfigurationError, match="schema version 9, which is not known here"):
        mlops_jupyter.drift("baseline.json", "same.parquet")


def test_a_renamed_column_is_drift(files):
    people(2).rename(columns={"pay": "salary"}).to_parquet(files / "renamed.parquet")
    with pytest.raises(CheckFailed, match=r"pay \(there is no such column\)") as failed:
        mlops_jupyter.drift("train.parquet", "renamed.parquet")
    assert any("salary" in note and "renamed?" in note for note in failed.value.record.notes)


def test_a_log_says_when_each_file_is_read(files, terminal):
    people(4, rows=100_000).to_parquet(files / "train.parquet")
    done = terminal("drift", "train.parquet", "older.csv")
    told = [line.strip() for line in done.err.splitlines() if "%" in line]
    assert [line for line in told if line.startswith("100%")] == [
        "100% train.parquet is read",
        "100% older.csv is read",
    ]
    assert told[0].endswith("% reading train.parquet")
    assert "0% reading older.csv" in told
    assert told[-1] == "100% older.csv is read"


def test_a_target_that_is_gone_can_be_left_out(files, terminal):
    people(1).assign(churned=True).to_parquet(files / "train.parquet")
    done = terminal("drift", "train.parquet", "same.parquet")
    assert done.code == 1
    assert "1 of 4 has drifted in same.parquet: churned (there is no such column)" in done.err
    (line,) = [one for one in done.out.splitlines() if "churned" in one]
    assert "no such column" in line
    assert "%" not in line
    hint = "if churned should not be there, such as the target, leave it out: --columns "
    (left,) = [one.partition(hint)[2] for one in done.err.splitlines() if hint in one]
    assert sorted(left.split(",")) == ["age", "pay", "town"]
    assert terminal("drift", "train.parquet", "same.parquet", "--columns", left).code == 0


def test_evidently_needs_rows(files):
    (files / "baseline.json").write_text(baseline_of(people(1), None, "people").to_json())
    with pytest.raises(CommandError, match="a baseline has none"):
        mlops_jupyter.drift("baseline.json", "same.parquet", evidently=files / "e.html")


@pytest.fixture
def churn(project: Path) -> Iterator[Path]:
    """A model churn with its baseline, deployed; yields the folder of what is watched."""
    table = people(1)[["age", "pay"]]
    model = LogisticRegression(max_iter=1000).fit(table, table["age"] > 40)
    mlops_jupyter.deploy(model, name="churn", data=table)
    yield project / ".mlops" / "endpoints" / "churn" / "watch"
    mlops_jupyter.undeploy("churn", yes=True)


def rows_are_found_after_a_pause(watch: Path) -> None:
    """What `drift` hints at looks as far back as it did; the endpoint's last report knows of no rows any more."""
    write_drift(watch, replace(read_drift(watch)["1"], rows_now=0, features=(), predictions=()))
    behind = mlops_jupyter.rows("churn", "age", since="15m")
    assert behind.where.startswith("age ")
    assert behind.matching > 0


def of_a_folder_of_the_same_name_and_of_outputs(watch: Path) -> None:
    """A folder does not hide the deployment that it is called as; columns are all that is looked at, outputs too."""
    project = watch.parents[3]
    (project / "churn").mkdir()
    people(1)[["age", "pay"]].to_parquet(project / "churn" / "part.parquet")
    for columns in (["age"], ["prediction"]):
        with pytest.raises(CheckFailed) as failed:
            mlops_jupyter.drift("churn", since="15m", columns=columns)
        report = failed.value.record
        assert [one.feature for one in (*report.features, *report.predictions)] == columns
    assert mlops_jupyter.drift("./churn", "same.parquet").baseline.startswith("./churn (3,000 rows)")
    found = mlops_jupyter.drift("churn", "same.parquet")
    assert (found.baseline, found.drifted) == ("the data (3,000 rows)", ())


def test_a_deployment_beside_its_training_data(churn, terminal):
    with pytest.raises(CheckFailed, match="cannot tell whether churn has drifted: there are no rows") as failed:
        mlops_jupyter.drift("churn")
    report = failed.value.record
    assert report.rows_now == 0
    assert any("summed up" in note for note in report.notes)
    mlops_jupyter.predict("churn", people(3, older=10)[["age", "pay"]])
    folder = windows.folder_of(churn, "1")
    wait_for(lambda: windows.files(folder), 60, "no window was closed")
    done = terminal("drift", "churn", "--since", "15m", "--json")
    assert done.code == 1, done.err
    assert "→ mlops rows churn age --since=15m" in done.err
    shown = json.loads(done.out)
    assert (shown["name"], shown["version"], shown["rows_now"]) == ("churn", "1", 3000)
    assert [one["feature"] for one in shown["features"]] == ["age", "pay"]
    assert [one["feature"] for one in shown["drifted"]] == ["age", "prediction"]
    assert shown["baseline"] == "the data (3,000 rows)"
    wait_for(lambda: list((churn / "payloads").glob("[!.]*.parquet")), 60, "no rows were kept")
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift("churn", segment="age>=50")
    old = failed.value.record
    assert (0 < old.rows_now < 3000, [one.feature for one in old.features]) == (True, ["pay"])
    assert any("choose the rows" in note and note.endswith(": age") for note in old.notes)
    rows_are_found_after_a_pause(churn)
    # Their file may have begun long before them.
    (part,) = (churn / "payloads").glob("[!.]*.parquet")
    part.rename(part.with_name(f"{int((time.time() - 3_000) * 1000):013d}-1.parquet"))
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift("churn", segment="age>=50", since="15m")
    assert failed.value.record.rows_now == old.rows_now
    # Another version takes other columns.
    rows = pq.read_table(next((churn / "payloads").glob("[!.]*.parquet")))
    more = rows.append_column("plan", pa.array(["premium"] * rows.num_rows))
    pq.write_table(more, churn / "payloads" / f"{int(time.time() * 1000):013d}-2.parquet")
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift("churn", segment="plan=premium", since="15m")
    assert failed.value.record.rows_now == rows.num_rows
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift("churn", segment="age>=50", since="1s")
    assert failed.value.record.rows_now == 0
    # The same model, and what it was deployed with, as a baseline of a file.
    people(2)[["age", "pay"]].to_parquet("same.parquet")
    assert not mlops_jupyter.drift("models:/churn/1", "same.parquet").drifted
    of_a_folder_of_the_same_name_and_of_outputs(churn)
    with pytest.raises(NotFound, match="does not serve version 7, but 1"):
        mlops_jupyter.drift("churn", version="7")
    # Of a version that nobody has asked it is said which one was.
    table = people(2)[["age", "pay"]]
    model = LogisticRegression(max_iter=1000, C=0.5).fit(table, table["age"] > 40)
    mlops_jupyter.register(model, name="churn", data=table)
    mlops_jupyter.deploy("models:/churn/2", name="churn", canary=60)
    with pytest.raises(CheckFailed) as failed:
        mlops_jupyter.drift("churn")
    assert failed.value.record.version == "2"
    assert "version 1 was asked about 3,000 rows: --version 1" in failed.value.record.notes


def test_a_deployment_without_a_baseline_says_how_to_get_one(project, terminal):
    table = people(1)[["age", "pay"]]
    mlops_jupyter.deploy(LogisticRegression(max_iter=1000).fit(table, table["age"] > 40), name="churn")
    try:
        done = terminal("drift", "churn")
        assert done.code == 4
        assert "version 1 of churn has no baseline" in done.err
        assert "mlops deploy models:/churn/1 --name churn --data TRAINING.parquet" in done.err
    finally:
        mlops_jupyter.undeploy("churn", yes=True)
