"""Data of every kind becomes requests of a size that an endpoint takes, which together hold what one would."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mlops_jupyter.adapters.arrow_tables import ArrowTables
from mlops_jupyter.capabilities.endpoints import Limits
from mlops_jupyter.capabilities.predictions.bodies import asked
from mlops_jupyter.capabilities.predictions.cutting import Portion
from mlops_jupyter.capabilities.predictions.documents import Takes
from mlops_jupyter.errors import CommandError, ConfigurationError
from mlops_jupyter.protocols import ScoringBody

WIDE = Takes(tuple(f"column_{at}" for at in range(100)), rows=True)
TENSOR = Takes(rows=True)
UNKNOWN = Takes()


def sent(data: object, takes: Takes = UNKNOWN) -> list[ScoringBody]:
    """Return the requests, each of which an endpoint would take."""
    bodies = list(asked(data, takes, ArrowTables).bodies)
    limits = Limits()
    assert all(len(body.content) < limits.body_bytes for body in bodies)
    assert [body.done for body in bodies] == sorted(body.done for body in bodies)
    assert bodies[-1].done == 1
    return bodies


def rows_of(bodies: list[ScoringBody], shape: str) -> Iterator[object]:
    """Yield all rows, of requests that say rightly where they begin."""
    count = 0
    for body in bodies:
        assert body.first_row == count
        told = json.loads(body.content)[shape]
        rows = told["data"] if shape == "dataframe_split" else told
        assert 0 < len(rows) <= Portion().rows
        count += len(rows)
        yield from rows


def test_a_wide_table_is_cut_by_its_bytes():
    values = np.random.default_rng(0).normal(size=(10_000, 100))
    frame = pd.DataFrame(values, columns=list(WIDE.columns))
    bodies = sent(frame, WIDE)
    assert 4 <= len(bodies) <= 8
    assert np.array_equal(list(rows_of(bodies, "dataframe_split")), values)
    # Without names, and as lists, it is the same.
    assert list(rows_of(sent(values, WIDE), "dataframe_split")) == values.tolist()
    assert list(rows_of(sent(values.tolist(), WIDE), "dataframe_split")) == values.tolist()


def test_rows_that_grow_longer_are_cut_by_their_bytes_too():
    texts = ["x"] * 9_000 + ["y" * 1_000_000] * 20 + ["z" * 12_000_000]
    bodies = sent(pd.DataFrame({"text": texts}))
    assert [row[0] for row in rows_of(bodies, "dataframe_split")] == texts
    assert max(len(body.content) for body in bodies[:-1]) <= 9_000_000


def test_a_tensor_is_cut_along_its_rows():
    values = np.random.default_rng(0).random((2_000, 28, 28), dtype=np.float32)
    for given in (values, values.tolist()):
        bodies = sent(given, TENSOR)
        assert len(bodies) > 4
        assert np.array_equal(np.array(list(rows_of(bodies, "inputs")), np.float32), values)
    # One of which nobody has said that its first axis is its rows, and one of which somebody has said that it is not.
    assert len(sent(np.zeros(20_000))) == 1
    assert len(sent(np.zeros((12_000, 2)), Takes(rows=False))) == 1
    assert len(sent(np.zeros((12_000, 2)))) == 2
    assert len(sent(np.float64(3))) == 1


@pytest.mark.parametrize("shape", ["dataframe_records", "instances", "inputs"])
def test_a_request_of_any_shape_is_cut(shape, tmp_path):
    records = [{"a": at, "b": str(at)} for at in range(25_000)]
    file = tmp_path / "data.json"
    file.write_text(json.dumps({shape: records, "params": {"beam": 3}}))
    bodies = sent(str(file))
    assert len(bodies) == 3
    assert list(rows_of(bodies, shape)) == records
    assert all(json.loads(body.content)["params"] == {"beam": 3} for body in bodies)


def test_a_request_with_an_index_or_columns_by_name_is_cut():
    rows = [[at, at] for at in range(12_000)]
    bodies = sent({"dataframe_split": {"columns": ["a", "b"], "data": rows, "index": list(range(12_000))}})
    assert [json.loads(body.content)["dataframe_split"]["index"][0] for body in bodies] == [0, 10_000]
    by_name = {"inputs": {"a": list(range(12_000)), "b": list(range(12_000))}}
    first, second = (json.loads(body.content)["inputs"] for body in sent(by_name))
    assert first["a"] + second["a"] == first["b"] + second["b"] == list(range(12_000))
    # Where a value may be a list, that may be one row.
    assert len(sent(by_name, Takes(("a", "b"), rows=True, nested=True))) == 1
    assert len(sent({"a": list(range(12_000))})) == 2


def test_a_small_request_goes_as_it_is():
    request = {"inputs": [[1.5, 2]], "params": {"beam": 3}}
    assert [json.loads(body.content) for body in sent(json.dumps(request))] == [request]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_long_csv_is_cut_between_its_records(tmp_path, end):
    rng = np.random.default_rng(0)
    texts = ["plain", 'said "yes"', "two\nlines", "a, b", '"', '\n"\n', "", 'half"quoted']
    rows = [[str(at), texts[one]] for at, one in enumerate(rng.integers(0, len(texts), 25_000))]
    file = tmp_path / "data.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out, lineterminator=end)
        writer.writerows([["number", "the\ntext"], *rows])
        # Quotes within a field that is not quoted, empty lines, and no end.
        out.write(f'25000,5" pipe{end}{end}25001,6" pipe{end}{end}25002,"7"')
    rows += [["25000", '5" pipe'], ["25001", '6" pipe'], ["25002", "7"]]
    bodies = sent(str(file))
    assert [body.first_row for body in bodies] == [0, 10_000, 20_000]
    parts = [pd.read_csv(io.BytesIO(body.content), dtype=object, keep_default_na=False) for body in bodies]
    assert {tuple(part.columns) for part in parts} == {("number", "the\ntext")}
    assert pd.concat(parts).to_numpy().tolist() == rows


def test_a_csv_with_long_records_is_cut_by_their_bytes(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("text\n" + "".join(f"{'x' * 100_000}\n" for _ in range(200)))
    bodies = sent(file)
    assert [body.content.count(b"\n") - 1 for body in bodies] == [41, 41, 41, 41, 36]


def test_a_small_file_goes_byte_for_byte(tmp_path):
    for content in (b"a,b\n1,2", b"\xef\xbb\xbfa,b\r\n\r\n1,2\r\n", b"a,b\n", b"a\n\xff\n"):
        (tmp_path / "data.csv").write_bytes(content)
        assert [body.content for body in sent(tmp_path / "data.csv")] == [content]


def test_a_long_parquet_is_cut(tmp_path):
    frame = pd.DataFrame({"a": range(25_000), "b": pd.Categorical(["x", "y"] * 12_500), "c": "z" * 900})
    # Without an index to speak of, and with one.
    for given in (frame, frame.set_index(frame["a"].map(str).rename("key"))):
        given.to_parquet(tmp_path / "data.parquet", row_group_size=7_000)
        bodies = sent(tmp_path / "data.parquet")
        parts = [pd.read_parquet(io.BytesIO(body.content)) for body in bodies]
        assert [body.first_row for body in bodies] == np.cumsum([0, *map(len, parts[:-1])]).tolist()
        assert max(map(len, parts)) <= Portion().rows
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=given is frame), given)
    frame.head(10).to_parquet(tmp_path / "data.parquet")
    (body,) = sent(tmp_path / "data.parquet")
    assert body.content == (tmp_path / "data.parquet").read_bytes()
    assert pq.read_table(io.BytesIO(body.content)).num_rows == 10


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(ConfigurationError, match=r"damaged\.parquet is no Parquet that can be read"):
        sent(tmp_path / "damaged.parquet")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot read .*folder\.csv: Is a directory"):
        sent(tmp_path / "folder.csv")
    (tmp_path / "notes.txt").write_text("a")
    with pytest.raises(CommandError, match="no CSV, JSON or Parquet by its name"):
        sent(tmp_path / "notes.txt")
    with pytest.raises(CommandError, match=r"the data cannot be sent: .* set"):
        sent([{1}])


def test_an_endpoint_that_takes_less_is_sent_less(tmp_path):
    few = Takes(("a", "b"), rows=True, portion=Portion().within(rows=100, body_mb=0.004))
    frame = pd.DataFrame({"a": range(1_000), "b": np.linspace(0, 1, 1_000)})
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame.to_parquet(tmp_path / "data.parquet")
    for data in (frame, frame.to_numpy(), frame.to_dict("records"), tmp_path / "data.csv"):
        bodies = list(asked(data, few, ArrowTables).bodies)
        assert len(bodies) >= 10
        assert max(len(body.content) for body in bodies) <= 4_000
    parts = [
        pq.read_table(io.BytesIO(one.content)) for one in asked(tmp_path / "data.parquet", few, ArrowTables).bodies
    ]
    assert max(part.num_rows for part in parts) <= 100
    assert sum(part.num_rows for part in parts) == 1_000
