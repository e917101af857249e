"""Labels that come late find their answers, and make measures of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st
from sklearn import metrics as theirs

from mlops_jupyter.capabilities.quality import given, giving, labels, parts
from mlops_jupyter.capabilities.quality.assessing import Wanted, assess, assess_lately
from mlops_jupyter.capabilities.quality.giving import give
from mlops_jupyter.capabilities.quality.keeping import QualityKeeper, QualityOfTimes, read_quality
from mlops_jupyter.capabilities.quality.segments import Division, parsed
from mlops_jupyter.errors import CommandError, ConfigurationError, NotFound
from tests.fakes.watched import START_MS, answered


def fed(watch, told, **columns):
    return give(watch, "churn", given.batches(told, given.Columns(**columns)))


def measures(quality) -> dict[str, float]:
    return {one.name: one.value for one in quality.metrics}


def test_labels_join_in_any_order_and_the_last_counts(tmp_path):
    ids = [f"r{number}" for number in range(100)]
    answered(tmp_path, ids, prediction=np.arange(100) % 2)
    told = [{"request_id": one, "label": int(at % 2)} for at, one in reversed(list(enumerate(ids)))]
    first = fed(tmp_path, told)
    assert (first.labels, first.joined, first.duplicates, first.unknown, first.notes) == (100, 100, 0, 0, ())
    (quality,) = assess(tmp_path)
    assert (quality.version, quality.rows, quality.labelled) == ("1", 100, 100)
    assert measures(quality)["accuracy"] == 1
    # The label of r0 was wrong, and that of r1 is given twice.
    again = fed(tmp_path, {"request_id": ["r0", "r1", "r1"], "label": [1, 0, 1]})
    assert (again.labels, again.joined, again.duplicates, again.unknown) == (3, 2, 3, 0)
    (quality,) = assess(tmp_path)
    assert (quality.labelled, measures(quality)["accuracy"]) == (100, 0.99)


def test_labels_of_answers_that_are_not_kept(tmp_path):
    """As those of an output that is redacted, or of more numbers than are kept."""
    answered(tmp_path, ["a", "b"])
    for told in ([{"request_id": "a", "label": 1}], [{"request_id": "b", "label": "x"}]):
        found = fed(tmp_path, told)
        assert (found.joined, found.unknown, found.foreign) == (1, 0, 0)
    (quality,) = assess(tmp_path)
    assert (quality.rows, quality.labelled, quality.metrics, quality.foreign) == (2, 0, (), 0)


def test_labels_that_cannot_be_joined_are_not_kept(tmp_path, monkeypatch):
    answered(tmp_path, ["a"], prediction=[1])

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(giving, "answer_of", broken)
    with pytest.raises(MemoryError):
        fed(tmp_path, [{"request_id": "a", "label": 1}])
    assert parts.files(tmp_path / "labels") == []


def test_labels_before_their_answers_and_a_year_late(tmp_path):
    early = fed(tmp_path, [{"request_id": "later", "label": 1}])
    assert (early.joined, early.unknown) == (0, 1)
    assert early.notes == ("no answers are kept yet: labels count as soon as their requests are known",)
    answered(tmp_path, ["later"], prediction=[1])
    (quality,) = assess(tmp_path)
    assert (quality.labelled, measures(quality)["accuracy"]) == (1, 1)
    late = fed(tmp_path, [{"request_id": "pruned", "label": 0}])
    assert (late.joined, late.unknown) == (0, 1)
    assert "answers are kept since 2025-11-24 16:00 UTC" in late.notes[0]


def test_labels_that_say_no_row_of_a_request_of_many(tmp_path):
    answered(tmp_path, ["many"] * 5, rows=range(5), prediction=[0, 1, 0, 1, 0])
    answered(tmp_path, ["one"], prediction=[1])
    for told in (
        {"request_id": ["many"] * 5, "label": [0] * 5},
        {"request_id": ["many", "one"], "label": [0, 1]},
        {"request_id": ["many", "many"], "row": [3, None], "label": [0, 1]},
    ):
        with pytest.raises(CommandError) as caught:
            fed(tmp_path, told)
        assert caught.value.message == "a request of 5 rows has a label that says no row: a column row is needed"
        assert caught.value.hint == "of request many: give a column row, counted from 0"
        assert parts.files(tmp_path / "labels") == []
    with pytest.raises(CommandError) as caught:
        fed(tmp_path, {"request_id": ["soon", "soon"], "label": [0, 1]})
    assert caught.value.message.startswith("a request that is not known yet has 2 labels that say no row")
    # A request of one row needs none, and neither do those of which one label comes.
    found = fed(tmp_path, {"request_id": ["one", "one", "soon"], "label": [0, 1, 1]})
    assert (found.labels, found.joined, found.duplicates, found.unknown) == (3, 1, 1, 1)


def test_a_label_without_a_row_that_came_before_its_request_of_many_does_not_count(tmp_path):
    answered(tmp_path, ["other"], prediction=[1])
    fed(tmp_path, {"request_id": ["many", "one"], "label": [1, 1]})
    # Its rows do not all come into one file, and the first not first.
    answered(tmp_path, ["many", "many"], rows=[1, 2], prediction=[0, 0])
    answered(tmp_path, ["many", "one"], rows=[0, 0], prediction=[0, 1])
    (quality,) = assess(tmp_path)
    assert (quality.rows, quality.labelled, quality.unsaid) == (5, 1, 1)
    assert measures(quality)["accuracy"] == 1
    # Said with its row, it does.
    fed(tmp_path, {"request_id": ["many"], "row": [0], "label": [1]})
    (quality,) = assess(tmp_path)
    assert (quality.labelled, quality.unsaid, measures(quality)["accuracy"]) == (2, 0, 0.5)


def test_rows_that_a_request_did_not_have(tmp_path):
    answered(tmp_path, ["many"] * 3, rows=range(3), prediction=[0, 1, 0])
    found = fed(tmp_path, {"request_id": ["many", "many", "who"], "row": [9999, 1, 0], "label": [0, 1, 1]})
    assert (found.joined, found.unknown) == (1, 2)
    assert found.notes[0] == "1 label is of a row that its request did not have; rows count from 0"
    assert found.notes[1].startswith("of 1 row no answer is known")
    assert fed(tmp_path, {"request_id": ["many"], "row": [7], "label": [0]}).notes[1:] == ()


def test_rows_of_a_request_are_told_apart(tmp_path):
    answered(tmp_path, ["one"] * 4, rows=[0, 1, 2, 3], prediction=[0, 1, 0, 1])
    found = fed(tmp_path, pd.DataFrame({"request_id": "one", "row": [3, 1, 9], "label": [1, 0, 1]}))
    assert (found.joined, found.unknown, found.duplicates) == (2, 1, 0)
    (quality,) = assess(tmp_path)
    assert measures(quality)["accuracy"] == 0.5


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@drawn(
    answers=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2), st.integers(0, 1)), max_size=30),
    told=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=30),
    cuts=st.integers(1, 4),
)
def test_any_labels_count_as_a_dictionary_has_them(tmp_path_factory, answers, told, cuts):
    watch = tmp_path_factory.mktemp("watch")
    there = {(request, row): said for request, row, said in answers}
    if there:
        keys = list(there)
        answered(watch, [f"r{one}" for one, _ in keys], rows=[row for _, row in keys], prediction=list(there.values()))
    known: dict[tuple[int, int], int] = {}
    for start in range(0, len(told), cuts):
        part = told[start : start + cuts]
        repeated = 0
        seen = dict(known)
        for request, row, label in part:
            repeated += (request, row) in seen
            seen[request, row] = label
        rows = [{"request_id": f"r{request}", "row": row, "label": label} for request, row, label in part]
        found = fed(watch, rows)
        asked = {(request, row) for request, row, _ in part}
        joined = len(asked & set(there))
        assert (found.labels, found.joined, found.unknown) == (len(part), joined, len(asked) - joined)
        assert found.duplicates == repeated
        known = seen
    pairs = [(label, there[key]) for key, label in known.items() if key in there]
    if pairs:
        (quality,) = assess(watch)
        assert quality.labelled == len(pairs)
        assert measures(quality)["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))


def test_more_labels_than_are_held_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(labels, "AT_ONCE", 100)
    random = np.random.default_rng(3)
    ids = [f"r{number}" for number in range(1_000)]
    said, true = random.normal(size=1_000), random.normal(size=1_000)
    answered(tmp_path, ids, prediction=said)
    order = random.permutation(1_000)
    found = fed(tmp_path, pd.DataFrame({"request_id": np.array(ids)[order], "label": true[order]}))
    assert (found.joined, found.unknown) == (1_000, 0)
    (quality,) = assess(tmp_path)
    assert quality.labelled == 1_000
    assert measures(quality)["rmse"] == pytest.approx(theirs.root_mean_squared_error(true, said))
    assert measures(quality)["mae"] == pytest.approx(theirs.mean_absolute_error(true, said))


def test_measures_of_two_classes_are_scikit_learns(tmp_path):
    random = np.random.default_rng(4)
    true = random.random(2_000) < 0.3
    scores = np.clip(random.normal(0.35 + 0.3 * true, 0.2), 0, 1)
    ids = [f"r{number}" for number in range(2_000)]
    # As shares alone, as classes with both scores, as columns of scores, and as text.
    answered(tmp_path, ids, "shares", prediction=scores)
    answered(
        tmp_path, [f"b{one}" for one in ids], "both", prediction=(scores >= 0.5).astype(int), p0=1 - scores, p1=scores
    )
    answered(tmp_path, [f"c{one}" for one in ids], "columns", prediction_0=1 - scores, prediction_1=scores)
    words = np.where(scores >= 0.5, "yes", "no")
    answered(tmp_path, [f"t{one}" for one in ids], "text", prediction=words)
    fed(tmp_path, pa.table({"request_id": ids, "label": true}))
    for letter in "bc":
        fed(tmp_path, pd.DataFrame({"request_id": [letter + one for one in ids], "label": true.astype(int)}))
    fed(tmp_path, {"request_id": [f"t{one}" for one in ids], "label": np.where(true, "yes", "no").tolist()})
    wanted = {
        "accuracy": theirs.accuracy_score(true, scores >= 0.5),
        "precision": theirs.precision_score(true, scores >= 0.5),
        "recall": theirs.recall_score(true, scores >= 0.5),
        "f1": theirs.f1_score(true, scores >= 0.5),
        "auc": theirs.roc_auc_score(true, scores),
    }
    found = {one.version: measures(one) for one in assess(tmp_path)}
    assert found.pop("text") == pytest.approx({name: value for name, value in wanted.items() if name != "auc"})
    for version, values in found.items():
        assert values == pytest.approx(wanted), version


def test_measures_of_many_classes_and_of_numbers(tmp_path):
    random = np.random.default_rng(5)
    ids = [f"r{number}" for number in range(600)]
    true = random.integers(0, 3, 600)
    said = np.where(random.random(600) < 0.8, true, random.integers(0, 3, 600))
    answered(tmp_path, ids, prediction=said)
    fed(tmp_path, {"request_id": ids, "label": true.tolist()})
    (quality,) = assess(tmp_path)
    assert measures(quality) == pytest.approx(
        {
            "accuracy": theirs.accuracy_score(true, said),
            "precision": theirs.precision_score(true, said, average="macro"),
            "recall": theirs.recall_score(true, said, average="macro"),
            "f1": theirs.f1_score(true, said, average="macro"),
        }
    )
    (told,) = assess(tmp_path, task="regression")
    assert measures(told).keys() == {"rmse", "mae"}
    # Prices are no classes, though they are whole.
    answered(tmp_path, [f"p{one}" for one in ids], "prices", prediction=np.arange(600) * 1.5)
    fed(tmp_path, {"request_id": [f"p{one}" for one in ids], "label": list(range(600))})
    assert measures(assess(tmp_path, Wanted(version="prices"))[0]).keys() == {"rmse", "mae"}


def test_auc_of_many_classes_is_scikit_learns(tmp_path):
    random = np.random.default_rng(6)
    ids = [f"r{number}" for number in range(900)]
    true = random.integers(0, 3, 900)
    shares = random.dirichlet((1, 1, 1), 900) * 0.5
    shares[np.arange(900), true] += 0.3 * random.random(900)
    shares /= shares.sum(axis=1, keepdims=True)
    names = np.array(["ham", "spam", "toast"])
    columns = dict(zip((f"probability_{name}" for name in names), shares.T, strict=True))
    # A column a class alone, by the classes' numbers, and beside the answer, by their names.
    answered(tmp_path, ids, "numbers", **{f"prediction_{at}": shares[:, at] for at in range(3)})
    fed(tmp_path, {"request_id": ids, "label": true.tolist()})
    named = [f"n{one}" for one in ids]
    answered(tmp_path, named, "names", prediction=names[shares.argmax(axis=1)], **columns)
    fed(tmp_path, {"request_id": named, "label": names[true].tolist()})
    wanted = theirs.roc_auc_score(true, shares, multi_class="ovr", average="macro")
    for quality in assess(tmp_path):
        (auc,) = [one for one in quality.metrics if one.name == "auc"]
        assert auc.value == pytest.approx(wanted)
        assert 0 < auc.value - auc.low < 0.03
        assert 0 < auc.high - auc.value < 0.03


def test_segments_and_times(tmp_path):
    ids = [f"r{number}" for number in range(400)]
    plans = np.where(np.arange(400) % 4 == 0, "premium", "basic")
    ages = np.arange(400) / 4
    said = np.ones(400, dtype=int)
    true = np.where(plans == "premium", 0, 1)
    answered(tmp_path, ids[:200], prediction=said[:200])
    answered(tmp_path, ids[200:], prediction=said[200:], at_ms=START_MS + 3_600_000)
    answered(tmp_path, ids, kind="payloads", plan=plans, age=ages, prediction=said)
    fed(tmp_path, {"request_id": ids, "label": true.tolist()})
    (one,) = assess(tmp_path, Wanted(segment=parsed("plan = premium")))
    assert (one.segment, one.rows, one.labelled, measures(one)["accuracy"]) == ("plan=premium", 100, 100, 0)
    found = {one.segment: (one.rows, measures(one)["accuracy"]) for one in assess(tmp_path, Wanted(by="plan"))}
    assert found == {"plan=basic": (300, 1), "plan=premium": (100, 0)}
    quarters = assess(tmp_path, Wanted(by="age"))
    assert [one.segment for one in quarters] == [
        "age<=24.9375",
        "24.9375<age<=49.875",
        "49.875<age<=74.8125",
        "age>74.8125",
    ]
    assert [one.rows for one in quarters] == [100] * 4
    after = datetime.fromtimestamp(START_MS / 1000 + 1, UTC)
    assert [one.labelled for one in assess(tmp_path, Wanted(since=after))] == [200]
    assert [one.labelled for one in assess(tmp_path, Wanted(until=after))] == [200]
    assert sum(one.rows for one in assess(tmp_path, Wanted(segment=parsed("age>=90")))) == 40
    with pytest.raises(NotFound) as caught:
        assess(tmp_path, Wanted(by="income"))
    assert caught.value.message == "the logged rows have no column income; they have plan, age, prediction"
    with pytest.raises(CommandError):
        assess(tmp_path, Wanted(segment=parsed("plan<3")))
    with pytest.raises(CommandError):
        parsed("premium")


def test_segments_stand_in_the_order_of_their_values(tmp_path):
    ids = ["a", "b", "c", "d"]
    for version, letter in (("10", "x"), ("9", "y")):
        named = [letter + one for one in ids]
        answered(tmp_path, named, version, prediction=[1, 1, 0, 0])
        answered(tmp_path, named, version, kind="payloads", age=[100, 20, 9, 20], plan=["p"] * 4)
        fed(tmp_path, {"request_id": named, "label": [1, 1, 0, 1]})
    found = [(one.version, one.segment) for one in assess(tmp_path, Wanted(by="age"))]
    assert found == [(version, f"age={age}") for version in ("9", "10") for age in (9, 20, 100)]
    narrower = [one.segment for one in assess(tmp_path, Wanted(version="9", segment=parsed("plan=p"), by="age"))]
    assert narrower == [f"plan=p, age={age}" for age in (9, 20, 100)]


@pytest.mark.parametrize(
    ("strays", "names"), [(1, "accuracy"), (5, "accuracy"), (6, "rmse")], ids=["one", "a few", "many"]
)
def test_a_fraction_among_classes_is_no_class(tmp_path, strays, names):
    ids = [f"r{at}" for at in range(100)]
    classes = [at % 3 for at in range(100)]
    answered(tmp_path, ids, prediction=classes)
    fed(tmp_path, {"request_id": ids, "label": [1.5] * strays + [float(one) for one in classes[strays:]]})
    (found,) = assess(tmp_path)
    assert found.metrics[0].name == names
    if names == "accuracy":
        assert (found.metrics[0].value, found.labelled, found.foreign) == (1.0, 100 - strays, strays)
        assert found.foreign_label == "1.5"
    (told,) = assess(tmp_path, task="regression")
    assert (told.metrics[0].name, told.labelled) == ("rmse", 100)


@pytest.mark.parametrize(
    ("first", "last", "wanted"),
    [("1", "12.5", 12.5), ("", "12.5", 12.5), ("", "yes", "yes"), ("1", "2", 2.0), ("no", "yes", "yes")],
)
def test_labels_of_a_long_file_that_begins_with_others(tmp_path, first, last, wanted):
    many = 120_000
    lines = [f"request{at},{first},,{at}\n" for at in range(many)]
    text = "".join(["request_id,label,row,else\n", *lines, f"last,{last},3,0.5\n"])
    assert len(text) > 2 * 1024 * 1024
    (tmp_path / "a.csv").write_text(text)
    for found in (given.batches(tmp_path / "a.csv"), given.of_body(text.encode(), "text/csv", 10**6)):
        told = list(found)
        assert told[-1].to_pylist()[-1] == {"request_id": "last", "row": 3, "label": wanted}
        assert sum(one.num_rows for one in told) == (many + 1 if first else 1)


def test_all_columns_are_named_where_one_is_missing(tmp_path):
    frame = pd.DataFrame({"row": [0], "churned": [1], "id": ["a"]})
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    frame.to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "headonly.csv").write_text("row,churned,id\n")
    frame.head(0).to_parquet(tmp_path / "none.parquet", index=False)
    names = ("a.parquet", "a.csv", "headonly.csv", "none.parquet")
    for data in (*(tmp_path / name for name in names), frame, frame.to_dict("records"), frame.to_dict("list")):
        with pytest.raises(CommandError) as caught:
            fed(tmp_path, data)
        assert caught.value.message == "the labels have no column request_id; their columns are row, churned, id"


def test_answers_that_are_no_numbers_are_left_out(tmp_path):
    answered(tmp_path, ["a", "b", "c", "d"], prediction=[1.5, np.nan, np.inf, 2.0])
    found = fed(tmp_path, {"request_id": ["a", "b", "c", "d"], "label": [1.25, 1.25, 1.25, np.inf]})
    assert (found.joined, found.foreign) == (4, 0)
    (quality,) = assess(tmp_path)
    assert (quality.rows, quality.labelled, measures(quality)) == (4, 1, {"rmse": 0.25, "mae": 0.25})


@pytest.mark.parametrize(
    ("answers", "told", "counted", "first"),
    [
        ([0, 1, 1, 0], ["yes", "1", "1.0", "no"], 2, "yes"),
        ([0, 1, 1, 0], ["yes", "no", "yes", "no"], 0, "yes"),
        ([0, 1, 1, 0], [True, False, True, False], 4, None),
        (["yes", "no", "no", "yes"], [1.0, 0.0, 0.0, 1.0], 0, "1"),
        (["yes", "no", "no", "yes"], [True, False, True, True], 0, "True"),
        (["1", "2", "2", "1"], [1, 2, 2, 1], 4, None),
        (["True", "False", "True", "True"], [True, False, True, True], 4, None),
    ],
)
def test_labels_of_another_kind_than_the_answers_do_not_count(tmp_path, answers, told, counted, first):
    ids = ["d", "c", "b", "a"]
    answered(tmp_path, ids, prediction=answers)
    found = fed(tmp_path, {"request_id": ids, "label": told})
    assert (found.joined, found.foreign) == (4, 4 - counted)
    (quality,) = assess(tmp_path)
    assert (quality.labelled, quality.foreign, quality.foreign_label) == (counted, 4 - counted, first)
    assert bool(quality.metrics) is bool(counted)
    if counted == 2:
        assert measures(quality)["accuracy"] == 1


def test_text_is_no_regression(tmp_path):
    answered(tmp_path, ["a", "b"], prediction=["yes", "no"])
    fed(tmp_path, {"request_id": ["a", "b"], "label": ["yes", "yes"]})
    (quality,) = assess(tmp_path, task="regression")
    assert (quality.labelled, quality.metrics) == (2, ())
    # A number that is written as text is one.
    answered(tmp_path, ["c", "d"], "2", prediction=[1.5, 2.5])
    fed(tmp_path, {"request_id": ["c", "d"], "label": ["1.0", "2.0"]})
    assert measures(assess(tmp_path, Wanted(version="2"), "regression")[0]) == {"rmse": 0.5, "mae": 0.5}


def test_division_of_what_is_missing_and_of_too_many():
    assert Division("a", np.array([np.nan])).names(np.array([1.0, np.nan])).tolist() == [None, None]
    texts = np.array([None, *(f"v{at % 40}" for at in range(90))], dtype=object)
    named = Division("a", texts).names(texts)
    assert named[0] is None
    assert len({one for one in named if one is not None}) == 12


def test_labels_in_every_form(tmp_path):
    rows = [{"request_id": "1", "row": 0, "label": 1}, {"request_id": "2", "row": 3, "label": 0}]
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet", index=False)
    (tmp_path / "a.json").write_text(json.dumps({"labels": rows}))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    forms = [
        *(tmp_path / f"a.{suffix}" for suffix in ("csv", "parquet", "json", "jsonl")),
        str(tmp_path / "a.csv"),
        json.dumps(rows),
        frame,
        frame.set_index("request_id"),
        pa.Table.from_pandas(frame),
        rows,
        {"request_id": [1, 2], "row": [0, 3], "label": [True, False]},
    ]
    for form in forms:
        (batch,) = given.batches(form)
        assert batch.column("request_id").to_pylist() == ["1", "2"], form
        assert batch.column("row").to_pylist() == [0, 3]
        assert batch.column("label").to_pylist() == [1, 0]
    # What has no label yet is left out; a request of one row needs no number.
    (batch,) = given.batches([{"id": "x", "true": None}, {"id": "y", "true": "no"}], given.Columns("id", "true"))
    assert batch.to_pylist() == [{"request_id": "y", "row": None, "label": "no"}]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([{"id": "1", "label": 1}], "the labels have no column request_id; their columns are id, label"),
        ([{"request_id": "1"}], "the labels have no column label; their columns are request_id"),
        ([{"request_id": None, "label": 1}], "a label has no request id"),
        ([{"request_id": 1.5, "label": 1}], "the column request_id holds no request ids but double"),
        ([{"request_id": "1", "label": 1, "row": -1}], "the column row holds no numbers of rows: they count from 0"),
        ([{"request_id": "1", "label": 1, "row": "x"}], "the column row holds no numbers of rows"),
        ([{"request_id": "1", "label": 1, "row": False}], "the column row holds no numbers of rows"),
        ([{"request_id": "", "label": 1}], "a label's request id is empty"),
        ([{"request_id": "1", "label": [1]}], "labels are numbers, text or truth values, not list<item: int64>"),
        (
            [{"request_id": "1", "label": 1}, {"request_id": "2", "label": "x"}],
            "a column of the labels holds values of several kinds",
        ),
        ("[1, 2]", "the labels are no list of objects"),
        ("[", "the text is not valid JSON"),
        (7, "a int holds no labels"),
        ("labels.txt", "labels.txt is no CSV, JSON or Parquet by its name"),
    ],
)
def test_what_holds_no_labels(data, said):
    with pytest.raises(CommandError) as caught:
        list(given.batches(data))
    assert caught.value.message == said


def test_of_a_file_that_breaks_off_nothing_is_kept(tmp_path):
    def broken():
        yield from given.batches([{"request_id": "1", "label": 1}])
        yield from given.batches([{"request_id": "1", "label": "x"}])
        raise CommandError("it breaks off")

    with pytest.raises(CommandError):
        give(tmp_path, "churn", broken())
    assert parts.files(tmp_path / "labels") == []
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(ConfigurationError) as caught:
        fed(tmp_path, tmp_path / "bad.parquet")
    assert caught.value.message.endswith("bad.parquet is no Parquet that can be read")
    with pytest.raises(NotFound):
        fed(tmp_path, tmp_path / "none.csv")


def test_damaged_parts_are_passed_over(tmp_path):
    path = answered(tmp_path, ["a", "b"], prediction=[1, 0])
    path.with_name("1764000000001-9.parquet").write_bytes(path.read_bytes()[:100])
    path.with_name(".1764000000002-9.parquet").write_bytes(b"a draft")
    fed(tmp_path, {"request_id": ["a"], "label": [1]})
    (tmp_path / "labels" / "1764000000001-9.parquet").write_bytes(b"")
    (quality,) = assess(tmp_path)
    assert (quality.rows, quality.labelled) == (2, 1)


def test_many_small_files_of_labels_become_one(tmp_path):
    kept = labels.Labels(tmp_path / "labels")
    for number in range(200):
        kept.add(given.batches([{"request_id": f"r{number % 150}", "label": number}]))
    before = {
        one["request_id"]: one["label"] for file in parts.files(kept.folder) for one in pq.read_table(file).to_pylist()
    }
    kept.compact()
    files = parts.files(kept.folder)
    assert len(files) < 80
    after = {one["request_id"]: one["label"] for file in files for one in pq.read_table(file).to_pylist()}
    assert after == before


def test_of_late_is_the_last_day_that_has_labels(tmp_path):
    day = 86_400_000
    for at, right in enumerate([True, True, False]):
        ids = [f"d{at}r{number}" for number in range(100)]
        answered(tmp_path, ids, prediction=np.ones(100, dtype=int), at_ms=START_MS + 2 * at * day)
        fed(tmp_path, {"request_id": ids, "label": [int(right)] * 100})
    answered(tmp_path, ["unlabelled"], prediction=[1], at_ms=START_MS + 20 * day)
    ((whole,), (lately,)) = assess_lately(tmp_path, day / 1_000)
    assert (whole.labelled, measures(whole)["accuracy"]) == (300, pytest.approx(2 / 3))
    assert (lately.labelled, measures(lately)["accuracy"]) == (100, 0)
    keeper = QualityKeeper(tmp_path)
    told = keeper.turn({"1": "churn"})
    assert [["churn", "1", "accuracy"], 0.0] in told["mlops_model_performance_ratio"]
    assert read_quality(tmp_path)["1"].labelled == 300


def test_a_canary_is_judged_by_what_both_have_answered_since_it_began(tmp_path):
    """The version beside it has answered for a month before, when the world was easier."""
    hour, answers = 3_600_000, np.array([10.5] * 100)
    for version, at, off in (("1", -700, 1.0), ("1", 1, 8.0), ("2", 1, 8.0), ("1", 3, 9.0), ("2", 3, 9.0)):
        ids = [f"v{version}h{at}r{number}" for number in range(100)]
        answered(tmp_path, ids, version=version, prediction=answers, at_ms=START_MS + at * hour)
        fed(tmp_path, {"request_id": ids, "label": (answers + off).tolist()})
    QualityKeeper(tmp_path).turn({})
    starts = [(START_MS + at * hour) / 1_000 for at in (0, 2)]
    kept = QualityOfTimes(tmp_path)
    found = kept.turn(starts)
    assert [{name: measures(one)["mae"] for name, one in time.items()} for time in found] == [
        {"1": 8, "2": 8},
        {"1": 9, "2": 9},
    ]
    # A share that has just begun; and it is not worked out anew each time.
    assert kept.turn([*starts, starts[1] + 1]) == (*found, {})
