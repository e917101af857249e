"""Data is told apart by every value in it, and MLflow takes what we say about it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import logging
import warnings
from uuid import uuid4

import datasets
import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.tracking.context import registry as registry_of_contexts
from mlflow.utils.validation import (
    MAX_DATASET_NAME_SIZE,
    MAX_DATASET_SCHEMA_SIZE,
    MAX_DATASET_SOURCE_SIZE,
    _validate_dataset,
)

from mlops_jupyter import registry
from mlops_jupyter.adapters import mlflow_datasets
from mlops_jupyter.adapters.mlflow_datasets import MlflowDatasets
from mlops_jupyter.capabilities import content_digest
from mlops_jupyter.errors import CommandError
from mlops_jupyter.records import DatasetInput as Record


def describe(value: object, name: str = "train") -> Record:
    told = MlflowDatasets().describe(name, value)
    _validate_dataset(Dataset(**dataclasses.asdict(told)))
    return told


def digest(value: object) -> str:
    return describe(value).digest


WHEN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
# Of each column a few values, all different.
COLUMNS = {
    "integers": [2**53, 2**53 + 1, -1, 0],
    "floats": [0.5, float("inf"), -1e-300, 0.25],
    "flags": [True, False, True, False],
    "texts": ["", "a", "ä\0", "long " * 20],
    "bytes": [b"", b"a", b"\xff", b"b" * 99],
    "times": [WHEN + dt.timedelta(microseconds=i) for i in range(4)],
    "dates": [dt.date(2026, 1, i + 1) for i in range(4)],
    "spans": [dt.timedelta(milliseconds=i) for i in range(4)],
    "decimals": [decimal.Decimal(f"1.{i}") for i in range(4)],
    "lists": [[1, 2], [], [1], [2, 1]],
    "nested": [[["a"], []], [["a", "b"]], [], [["b"]]],
    "structs": [{"x": 1, "y": "a"}, {"x": 1, "y": "b"}, {"x": 2, "y": "a"}, {"x": 3, "y": "c"}],
}
MIXED = {
    "mixed": [1, "1", 1.5, b"1"],
    "sets": [{1}, {1, 2}, {"1"}, set()],
    "huge": [2**70, 2**70 + 1, 0, 1],
    "arrays": [np.arange(3), np.arange(3) / 2, np.arange(2000), np.arange(2001)],
    "complex": [1j, 2j, 1 + 1j, 0j],
    "ids": [uuid4() for _ in range(4)],
}


def hugging_face(columns):
    return datasets.Dataset(pa.table(columns))


MAKERS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table, "hugging face": hugging_face}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("column", COLUMNS)
def test_every_value_counts(maker, column):
    make, values = MAKERS[maker], COLUMNS[column]
    seen = {digest(make({column: values}))}
    for at in range(len(values)):
        others = [other for other in values if other != values[at]]
        for other in (*others[:1], None):
            seen.add(digest(make({column: [*values[:at], other, *values[at + 1 :]]})))
    assert len(seen) == 1 + 2 * len(values)
    assert digest(make({column: values[::-1]})) not in seen
    assert digest(make({column: list(values)})) in seen


@pytest.mark.parametrize("column", MIXED)
def test_so_does_every_object(column):
    values = MIXED[column]
    seen = {digest(pd.DataFrame({column: pd.Series(values, dtype=object)}))}
    for at in range(len(values)):
        changed = [*values[:at], values[(at + 1) % len(values)], *values[at + 1 :]]
        seen.add(digest(pd.DataFrame({column: pd.Series(changed, dtype=object)})))
    assert len(seen) == 1 + len(values)
    assert digest(pd.DataFrame({column: pd.Series(list(values), dtype=object)})) in seen


def test_mlflow_s_own_digest_is_not_enough():
    """Why we have our own: of 10,000 rows the last, a flag, or the order of a polars frame change nothing in it."""
    long = pd.DataFrame({"x": np.zeros(10_001)})
    other = long.copy()
    other.loc[10_000, "x"] = 1.0
    flags = pd.DataFrame({"x": [1.0], "flag": [True]}), pd.DataFrame({"x": [1.0], "flag": [False]})
    order = pl.DataFrame({"x": [1, 2]}), pl.DataFrame({"x": [2, 1]})
    assert mlflow.data.from_pandas(long).digest == mlflow.data.from_pandas(other).digest
    assert mlflow.data.from_pandas(flags[0]).digest == mlflow.data.from_pandas(flags[1]).digest
    assert mlflow.data.from_polars(order[0]).digest == mlflow.data.from_polars(order[1]).digest
    for one, two in ((long, other), flags, order):
        assert digest(one) != digest(two)


@pytest.mark.parametrize("values", [[{1}, {2}, None], [2**100, 2**100 + 1, None]], ids=["objects", "128 bits"])
def test_what_polars_cannot_give_to_arrow(values):
    kind = pl.Object if isinstance(values[0], set) else pl.Int128
    seen = {digest(pl.DataFrame({"x": pl.Series([one, values[0]], dtype=kind)})) for one in values}
    assert len(seen) == 3
    copies = [{1} if value == {1} else value for value in values]
    assert digest(pl.DataFrame({"x": pl.Series([copies[0], copies[0]], dtype=kind)})) in seen


def test_names_types_and_shape_count():
    frame = pd.DataFrame({"a": [1, 2], "b": [1, 2]})
    others = [
        frame.rename(columns={"a": "c"}),
        frame[["b", "a"]].set_axis(["b", "a"], axis=1),
        frame.astype("int32"),
        frame.astype("Int64"),
        frame[:1],
        frame["a"],
        frame.set_index("a"),
        frame.set_axis([5, 6]),
        frame.set_axis(["a", "a"], axis=1),
        frame.to_numpy(),
        frame.to_numpy().reshape(4),
        frame.to_numpy().reshape(1, 4),
        pl.from_pandas(frame),
        pa.Table.from_pandas(frame),
    ]
    assert len({digest(one) for one in [frame, *others]}) == 1 + len(others)


def test_equal_tables_have_equal_digests():
    frame = pd.DataFrame({"a": np.arange(200_000.0), "s": [f"text {i}" for i in range(200_000)], "c": 1})
    assembled = pd.concat([frame[:77], frame[77:]])
    by_column = pd.DataFrame({name: frame[name].copy() for name in frame})
    sliced = pd.concat([frame[:9], frame]).iloc[9:].reset_index(drop=True)
    numbered = frame.set_axis(list(range(200_000)))
    assert {digest(one) for one in (assembled, by_column, sliced, numbered)} == {digest(frame)}

    table = pa.table({"a": [1, None, 3, 4], "s": ["x", None, "zz", ""], "l": [[1], None, [], [2, None]]})
    chunks = pa.concat_tables([table[:1], table[1:3], table[3:]])
    assert digest(chunks) == digest(table)
    assert digest(pa.concat_tables([table, table])[4:]) == digest(table)
    assert digest(table.to_batches()[0]) == digest(table)

    polars = pl.from_arrow(table)
    assert digest(pl.concat([polars[:2], polars[2:]], rechunk=False)) == digest(polars)
    assert digest(polars.lazy()) == digest(polars)
    assert digest(polars["a"]) == digest(polars[["a"]])

    hugging = datasets.Dataset(table)
    assert digest(hugging.select([3, 2, 1, 0]).select([3, 2, 1, 0])) == digest(hugging)
    assert digest(hugging.select([3, 2, 1, 0])) != digest(hugging)


def test_equal_arrays_have_equal_digests():
    array = np.arange(24.0).reshape(4, 6)
    same = [np.asfortranarray(array), np.repeat(array, 2, axis=0)[::2], array.astype(">f8").astype("<f8")]
    assert {digest(one) for one in same} == {digest(array)}
    # There are many bit patterns that are no number, and two zeros.
    assert digest(np.array([np.nan, 0.0])) == digest(np.array([-np.nan, -0.0]))
    assert digest(pd.Series([np.nan])) == digest(pd.Series([-np.nan]))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, np.nextafter(2.0, 3.0)])),
        (np.array([np.nan, 1]), np.array([0.0, 1])),
        (np.array(["a", "b"]), np.array(["a", "c"])),
        (np.array(3), np.array(4)),
        (np.array([1, "a", None], dtype=object), np.array([1, "b", None], dtype=object)),
        (
            np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
            np.array([(1, 3.0)], dtype=[("a", "i4"), ("b", "f8")]),
        ),
        (np.array(["2026"], dtype="M8[Y]"), np.array(["2027"], dtype="M8[Y]")),
        (np.longdouble([1]) / 3, np.longdouble([1]) / 3 + np.finfo(np.longdouble).eps),
        (np.array([1j]), np.array([2j])),
        (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 2], mask=[1, 0])),
        (np.float16([1]), np.float16([2])),
        (np.zeros((0, 2)), np.zeros((0, 3))),
    ],
)
def test_every_element_of_an_array_counts(one, two):
    assert digest(one) == digest(one.copy())
    assert digest(one) != digest(two)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, None], dtype="Int64"),
        pd.Series(["a", None], dtype="category"),
        pd.Series(["a", None], dtype="string"),
        pd.Series(["a", None], dtype=pd.ArrowDtype(pa.string())),
        pd.Series(pd.period_range("2026", periods=2)),
        pd.Series(pd.interval_range(0, 2)),
        pd.Series(pd.arrays.SparseArray([0, 1.0])),
        pd.Series(pd.date_range("2026", periods=2, tz="Europe/Berlin")),
    ],
    ids=lambda series: str(series.dtype),
)
def test_every_type_of_pandas(series):
    told = describe(series)
    assert told.digest == digest(series.copy())
    assert told.digest != digest(series[::-1].reset_index(drop=True))
    assert json.loads(told.schema)["mlflow_colspec"][0]["required"] is bool(series.notna().all())


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(), st.text()), max_size=20), st.data())
def test_any_table_is_told_from_its_neighbours(rows, data):
    frame = pd.DataFrame(rows, columns=["i", "f", "t"])
    told = describe(frame)
    assert told.digest == digest(pd.DataFrame(list(rows), columns=["i", "f", "t"]))
    if rows:
        at = data.draw(st.integers(0, len(rows) - 1))
        i, f, t = rows[at]
        assert (
            digest(pd.DataFrame([*rows[:at], (i, f, t + "!"), *rows[at + 1 :]], columns=["i", "f", "t"])) != told.digest
        )


def test_what_the_record_says():
    told = describe(pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.to_timedelta([1, 2], unit="s"), 7: [0.5, 1]}))
    assert told.name == "train"
    assert json.loads(told.profile) == {"num_rows": 2, "num_elements": 8, "digest_method": "sha256 of every value"}
    assert json.loads(told.schema) == {
        "mlflow_colspec": [
            {"type": "long", "name": "a", "required": True},
            {"type": "string", "name": "b", "required": False},
            {"type": "timedelta64[us]", "name": "c", "required": True},
            {"type": "double", "name": 7, "required": True},
        ]
    }
    assert told.source_type == "code"
    assert "mlflow.source.name" in json.loads(told.source)["tags"]


@pytest.mark.parametrize("maker", ["polars", "arrow", "hugging face"])
def test_the_other_tables_say_the_same(maker):
    told = describe(MAKERS[maker]({"a": [1, 2], "b": ["x", None]}))
    assert json.loads(told.profile)["num_rows"] == 2
    assert json.loads(told.schema)["mlflow_colspec"] == [
        {"type": "long", "name": "a", "required": True},
        {"type": "string", "name": "b", "required": False},
    ]
    assert told.source_type == "code"


def test_a_missing_value_far_below_is_seen():
    values = ["x"] * 5000 + [None]
    for make in MAKERS.values():
        assert json.loads(describe(make({"s": values})).schema)["mlflow_colspec"][0]["required"] is False


def test_an_array_s_record():
    told = describe(np.zeros((3, 4)))
    profile = json.loads(told.profile)
    assert (profile["num_rows"], profile["features_shape"]) == (3, [3, 4])
    assert "float64" in told.schema


@pytest.mark.parametrize("maker", MAKERS)
def test_nothing_in_it(maker):
    make = MAKERS[maker]
    assert json.loads(describe(make({})).profile)["num_elements"] == 0
    empty = describe(make({"a": []}))
    assert json.loads(empty.profile)["num_rows"] == 0
    assert empty.digest != digest(make({"b": []}))


@pytest.mark.parametrize(
    ("source", "kind", "told"),
    [
        ("s3://bucket/train.csv", "s3", {"uri": "s3://bucket/train.csv"}),
        ("https://ana:hunter2@example.org/x.csv?sig=s3cret", "http", {"url": "https://example.org/x.csv"}),
        ("data/train.csv", "local", {"uri": "data/train.csv"}),
        (5, "code", None),
        ("x" * 70_000, "local", {"uri": "(too long)"}),
    ],
)
def test_a_frame_may_say_its_source(source, kind, told):
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["source"] = source
    record = describe(frame)
    assert record.source_type == kind
    if told is not None:
        assert json.loads(record.source) == told
    assert record.digest == digest(pd.DataFrame({"a": [1]}))


def test_mlflow_s_limits_are_kept():
    ours = (mlflow_datasets.LONGEST_NAME, mlflow_datasets.LONGEST_SOURCE, mlflow_datasets.LONGEST_SCHEMA)
    assert ours == (MAX_DATASET_NAME_SIZE, MAX_DATASET_SOURCE_SIZE, MAX_DATASET_SCHEMA_SIZE)
    wide = describe(pd.DataFrame(np.zeros((1, 3000)), columns=[f"{'x' * 500}{i}" for i in range(3000)]), name="n" * 900)
    columns = json.loads(wide.schema)["mlflow_colspec"]
    assert columns[-1]["name"] == f"… and {3000 - len(columns) + 1:,} more columns"
    assert len(columns) > 1500
    assert len(wide.name) == 500


def test_mlflow_keeps_it_as_it_is(project):
    client = mlflow.MlflowClient(f"sqlite:///{project}/.mlops/mlflow.db")
    run_id = client.create_run("0").info.run_id
    told = [describe(make({"a": [1, 2], "b": ["x", None]}), name) for name, make in MAKERS.items()]
    inputs = [
        DatasetInput(Dataset(**dataclasses.asdict(one)), [InputTag("mlflow.data.context", "training")]) for one in told
    ]
    client.log_inputs(run_id, datasets=inputs)
    kept = [Record(**one.dataset.to_dictionary()) for one in client.get_run(run_id).inputs.dataset_inputs]
    assert sorted(kept, key=lambda one: one.name) == sorted(told, key=lambda one: one.name)


def test_too_much_to_read_is_read_in_parts_and_says_so():
    rows = 1_000_000

    def told(column):
        content = content_digest.Content("x", rows, 8, lambda start, end: [column[start:end]])
        return content_digest.digest(content, most_bytes=1_000_000)

    column = np.zeros(rows)
    whole = told(column)
    assert whole == told(column.copy())
    assert whole.method == "sha256 of 117,244 of 1,000,000 rows"
    for at in (0, rows - 1):
        changed = column.copy()
        changed[at] = 1
        assert told(changed).value != whole.value


def test_what_cannot_be_read_is_named():
    class Sealed:
        def __reduce__(self):
            raise RuntimeError

    told = describe(pd.DataFrame({"a": [Sealed(), 1]}))
    assert json.loads(told.profile)["digest_method"] == "sha256 of every value, of which Sealed only by type"
    assert told.digest == digest(pd.DataFrame({"a": [Sealed(), 1]}))


@pytest.mark.parametrize("value", [5, "train.csv", [1, 2], {"a": [1]}, None, pd.DataFrame, datasets.DatasetDict()])
def test_what_is_no_dataset(value):
    with pytest.raises(CommandError) as caught:
        MlflowDatasets().describe("train", value)
    assert caught.value.message == f"train is a {type(value).__name__}, no dataset"
    for kind in ("pandas", "numpy", "polars", "Arrow", "Hugging Face"):
        assert kind in caught.value.hint


def test_the_source_is_looked_for_once(monkeypatch):
    asked = []
    monkeypatch.setattr(registry_of_contexts, "resolve_tags", lambda: asked.append(1) or {})
    describe(pd.DataFrame({f"c{i}": pd.to_timedelta([1], unit="s") for i in range(9)}))
    assert asked == [1]


def test_nothing_is_said_about_schemas_of_models(caplog, capfd):
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")
        describe(pd.DataFrame({"i": [1], "span": pd.to_timedelta([1], unit="s")}))
        describe(pl.DataFrame({"i": [1], "span": [dt.timedelta(1)]}))
        describe(np.array(5))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_the_value_is_left_as_it_was():
    frame = pd.DataFrame({"a": [1.0, -0.0, np.nan], "o": [[1], None, {"a"}]})
    before = frame.copy(deep=True)
    describe(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert np.signbit(frame["a"][1])


def test_it_is_found_by_its_kind():
    assert registry.load("datasets", "mlflow") is MlflowDatasets
