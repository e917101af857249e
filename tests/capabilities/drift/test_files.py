"""Files as profiles: every type of Arrow, in one process or several, in bounded memory."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlops_jupyter.capabilities.conditions import parsed
from mlops_jupyter.capabilities.drift import Profile
from mlops_jupyter.capabilities.drift.files import drawn_rows, find, first_rows, known_columns
from mlops_jupyter.capabilities.drift.sketching import profile_of
from mlops_jupyter.errors import CommandError, ConfigurationError, NotFound


def profile(path, like=None, **options):
    files = find(path)
    return profile_of(files, known_columns(files)[0], like or Profile(), **options)


@pytest.fixture
def table():
    rng = np.random.default_rng(4)
    count = 5000
    return pa.table(
        {
            "x": rng.normal(size=count),
            "few": rng.integers(0, 4, count),
            "town": pa.array(rng.choice(["Bern", "Basel", None], count).tolist()),
            "old": pa.array(np.where(rng.random(count) < 0.1, None, rng.normal(size=count))),
        }
    )


def facts(made):
    return {
        name: (
            column.kind,
            column.rows,
            column.missing,
            column.infinite,
            dict(column.words.counts),
            round(column.quantities.mean, 9),
            column.quantities.count,
        )
        for name, column in made.columns.items()
    }


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_several_processes_give_what_one_does(table, tmp_path, processes):
    pq.write_table(table, tmp_path / "one.parquet")
    (tmp_path / "many").mkdir()
    for at in range(5):
        pq.write_table(table.slice(at * 1000, 1000), tmp_path / "many" / f"{at}.parquet", row_group_size=300)
    expected = facts(profile(tmp_path / "one.parquet", processes=1))
    seen = []
    assert facts(profile(tmp_path / "one.parquet", processes=processes, told=seen.append)) == expected
    assert sum(seen) == table.num_rows * table.num_columns
    made = profile(tmp_path / "many", processes=processes)
    assert facts(made) == expected
    assert made.rows == 5000
    assert made.names == tuple(table.column_names)


def test_csv_is_what_parquet_is(table, tmp_path):
    pq.write_table(table, tmp_path / "a.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "a.csv")
    assert facts(profile(tmp_path / "a.csv")) == facts(profile(tmp_path / "a.parquet"))


def test_whole_numbers_of_csv_that_become_others_later(tmp_path):
    lines = ["n,empty", *(f"{at}," for at in range(600_000)), "0.5,late"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    made = profile(tmp_path / "a.csv")
    assert made.columns["n"].quantities.count == 600_001
    assert (made.columns["empty"].missing, made.columns["empty"].words.counts) == (600_000, {"late": 1})


def test_every_type_of_arrow(tmp_path):
    columns = {
        "bool": pa.array([True, None, False]),
        "int8": pa.array([1, None, 3], pa.int8()),
        "uint64": pa.array([2**63, None, 1], pa.uint64()),
        "float32": pa.array([1.5, None, float("nan")], pa.float32()),
        "half": pa.array(np.array([1.5, 2.5, 3.5], np.float16)),
        "decimal": pa.array([Decimal("1.25"), None, Decimal("2.50")]),
        "date": pa.array([date(2026, 1, 1), None, date(2026, 1, 2)]),
        "moment": pa.array([datetime(2026, 1, 1, tzinfo=UTC), None, datetime(2026, 1, 2, tzinfo=UTC)]),
        "duration": pa.array([1, None, 2], pa.duration("ms")),
        "time": pa.array([1, None, 2], pa.time32("s")),
        "text": pa.array(["a", None, "b"]),
        "large": pa.array(["a", None, "b"], pa.large_string()),
        "dictionary": pa.array(["a", None, "b"]).dictionary_encode(),
        "nothing": pa.nulls(3),
        "list": pa.array([[3.0, 4.0], None, [1.0, None]]),
        "vector": pa.array([[3.0, 4.0], [0.0, 1.0], [6.0, 8.0]], pa.list_(pa.float32(), 2)),
        "struct": pa.array([{"a": 1}, {"a": 2}, None]),
        "binary": pa.array([b"a", b"b", None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    files = find(tmp_path / "a.parquet")
    assert known_columns(files)[1] == ["struct", "binary"]
    made = profile(tmp_path / "a.parquet")
    found = {name: (column.kind, column.present, column.missing) for name, column in made.columns.items()}
    assert found == {
        "bool": ("category", 2, 1),
        "int8": ("number", 2, 1),
        "uint64": ("number", 2, 1),
        "float32": ("number", 1, 2),
        "half": ("number", 3, 0),
        "decimal": ("number", 2, 1),
        "date": ("datetime", 2, 1),
        "moment": ("datetime", 2, 1),
        "duration": ("number", 2, 1),
        "time": ("number", 2, 1),
        "text": ("category", 2, 1),
        "large": ("category", 2, 1),
        "dictionary": ("category", 2, 1),
        "nothing": (None, 0, 3),
        "list": ("embedding", 1, 2),
        "vector": ("embedding", 3, 0),
    }
    assert dict(made.columns["vector"].quantities.few) == {1.0: 1, 5.0: 1, 10.0: 1}
    assert dict(made.columns["duration"].quantities.few) == {0.001: 1, 0.002: 1}
    assert made.columns["moment"].quantities.low == datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def test_values_are_taken_as_the_baseline_has_them(tmp_path):
    pq.write_table(pa.table({"code": [1, 2, 2], "n": ["1.5", "x", None]}), tmp_path / "a.parquet")
    made = profile(tmp_path / "a.parquet", Profile({"code": "category", "n": "number"}))
    assert made.columns["code"].words.counts == {"1": 1, "2": 2}
    number = made.columns["n"]
    assert (number.present, number.missing, number.invalid) == (1, 1, 1)


@pytest.mark.parametrize(
    ("segment", "rows"),
    [("town=Bern", 2), ("town != Bern", 1), ("n=1", 1), ("n>=2", 3), ("n<2", 1), ("yes=true", 1), ("town=", 0)],
)
def test_a_segment_is_the_rows_whose_value_is_so(tmp_path, segment, rows):
    table = pa.table({"town": ["Bern", "Bern", "Basel", None], "n": [1, 2, 3, 4], "yes": [True, False, None, False]})
    pq.write_table(table, tmp_path / "a.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "a.csv")
    for name in ("a.parquet", "a.csv"):
        assert profile(tmp_path / name, segments=(parsed(segment),)).rows == rows
        with pytest.raises(CommandError, match="n holds numbers, and 'x' is none"):
            profile(tmp_path / name, segments=(parsed("n=x"),))
        with pytest.raises(CommandError, match="town holds text"):
            profile(tmp_path / name, segments=(parsed("town>B"),))
    with pytest.raises(CommandError, match="no segment"):
        parsed("town")


def test_files_that_cannot_be_read_say_so(tmp_path):
    with pytest.raises(NotFound, match="no file"):
        find(tmp_path / "none.parquet")
    with pytest.raises(NotFound, match="no file of Parquet or CSV in"):
        find(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="neither Parquet nor CSV"):
        find(tmp_path / "a.txt")
    (tmp_path / "a.parquet").write_text("x")
    with pytest.raises(ConfigurationError, match="cannot read"):
        find(tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(ConfigurationError, match="cannot read"):
        profile(tmp_path / "a.csv")


def test_an_error_in_another_process_is_the_same_error(table, tmp_path):
    for at in range(8):
        pq.write_table(table, tmp_path / f"{at}.parquet")
    files = find(tmp_path)
    for at in range(8):
        (tmp_path / f"{at}.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(ConfigurationError, match="cannot read"):
        profile_of(files, ["x"], Profile(), processes=2)


def test_an_interrupt_stops_the_reading_and_leaves_no_process(table, tmp_path):
    for at in range(8):
        pq.write_table(table, tmp_path / f"{at}.parquet")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profile(tmp_path, processes=2, told=interrupt)
    made = profile(tmp_path, processes=1, cancelled=lambda: True)
    assert made.rows == 0


def test_memory_does_not_grow_with_the_file(tmp_path):
    rng = np.random.default_rng(0)
    with pq.ParquetWriter(tmp_path / "a.parquet", pa.schema([("x", pa.float64()), ("c", pa.string())])) as writer:
        for _ in range(10):
            town = pa.array(rng.integers(0, 1_000_000, 200_000)).cast(pa.string())
            writer.write_table(pa.table({"x": rng.normal(size=200_000), "c": town}))
    code = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from mlops_jupyter.capabilities.drift import Profile\n"
        "from mlops_jupyter.capabilities.drift.files import find\n"
        "from mlops_jupyter.capabilities.drift.sketching import profile_of\n"
        "import pyarrow.parquet\n"
        "def most(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "files = find(Path(sys.argv[1])); before = most()\n"
        "made = profile_of(files, ['x', 'c'], Profile(), processes=1)\n"
        "assert made.rows == 2_000_000\n"
        "print(most() - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.parquet")], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 80_000, "kilobytes more"


def test_rows_are_drawn_from_all_of_the_files_and_of_a_segment(tmp_path):
    for at in range(3):
        numbers = np.arange(at * 40_000, (at + 1) * 40_000)
        made = pa.table({"n": numbers, "plan": np.where(numbers % 4, "basic", "plus"), "more": numbers / 2})
        pq.write_table(made, tmp_path / f"{at}.parquet", row_group_size=7_000)
    found, of = drawn_rows(tmp_path, 1_000, ["plan", "n", "gone"])
    assert (len(found), of, list(found)) == (1_000, 120_000, ["n", "plan"])
    assert found["n"].is_monotonic_increasing
    assert np.histogram(found["n"], 4, (0, 120_000))[0].min() > 180
    assert drawn_rows(tmp_path, 1_000, ["n"])[0]["n"].tolist() == found["n"].tolist()
    plus, of = drawn_rows(tmp_path, 1_000, ["n"], parsed("plan=plus"))
    assert (len(plus), of, list(plus), set(plus["n"] % 4)) == (1_000, 30_000, ["n"], {0})
    every, of = drawn_rows(tmp_path / "0.parquet", 50_000, ["n"])
    assert (every["n"].tolist(), of) == (list(range(40_000)), 40_000)


def test_the_first_rows_are_a_frame(table, tmp_path):
    # Wider than what is sketched at a time, of several row groups, and one file without a column of the other.
    wide = table
    for at in range(12):
        wide = wide.append_column(f"more{at}", table["x"])
    (tmp_path / "both").mkdir()
    pq.write_table(wide, tmp_path / "both" / "a.parquet", row_group_size=700)
    pq.write_table(table.select(["x", "town"]), tmp_path / "both" / "b.parquet")
    found = first_rows(tmp_path / "both", 6000)
    assert found.shape == (6000, 16)
    assert found["town"].dtype != "category"
    assert found["x"][:5000].tolist() == table["x"].to_pylist()
    assert found["few"][5000:].isna().all()
    wide.to_pandas().to_csv(tmp_path / "a.csv", index=False)
    assert first_rows(tmp_path / "a.csv", 10).shape == (10, 16)
