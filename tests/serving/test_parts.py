"""Parquet files of answered rows: bounded in size and age, whole whatever happens to who writes them."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_jupyter.serving import parts
from mlops_jupyter.serving.frames import Frame
from mlops_jupyter.serving.parts import Parts
from mlops_jupyter.serving.sampling import Sampling


def frame(start: int = 0, rows: int = 3, **columns: np.ndarray) -> Frame:
    ids = "\n".join(f"r{start + at}" for at in range(rows)).encode()
    predictions = {"prediction": np.arange(start, start + rows)}
    return Frame("m", "1", 1_700_000_000_000_000, ids, [1] * rows, [], tuple(columns), None, columns, predictions)


def written(folder: Path) -> list[dict[str, object]]:
    return [row for one in Parts(folder).files() for row in pq.read_table(one).to_pylist()]


def fill(made: Parts, count: int, rows: int = 3) -> None:
    for at in range(count):
        made.add(parts.answers(frame(at * rows, rows)))
        made.tick(now=True)


def test_rows_come_back_with_their_keys(tmp_path):
    made = Parts(tmp_path / "answers")
    made.add(parts.answers(frame()))
    assert written(tmp_path / "answers") == []
    made.tick(now=True)
    first, *_ = written(tmp_path / "answers")
    assert {**first, "at": None} == {"request_id": "r0", "row": 0, "at": None, "version": "1", "prediction": 0}
    (file,) = made.files()
    start, _, pid = file.stem.partition("-")
    assert (len(start), int(pid)) == (13, os.getpid())
    assert file.stat().st_mode & 0o077 == 0


def test_values_of_all_kinds_are_kept_and_a_name_that_is_taken_gets_a_line(tmp_path):
    moments = np.array(["2024-01-01", "NaT", "2024-01-02"], dtype="datetime64[ns]")
    mixed = np.array([1, "x", None], dtype=object)
    given = frame(
        a=np.array([1.5, np.nan, 2.0], np.float32),
        text=np.array(["x", None, "z"], dtype=object),
        when=moments,
        mixed=mixed,
        vector=np.arange(6.0).reshape(3, 2),
        version=np.array([True, False, True]),
        prediction=np.array([7, 8, 9]),
    )
    made = Parts(tmp_path)
    made.add(parts.payload(given, np.array([0, 1])))
    made.tick(now=True)
    first, second = written(tmp_path)
    assert (first["a"], first["text"], first["vector"], first["mixed"]) == (1.5, "x", [0.0, 1.0], "1")
    assert (second["text"], second["when"], second["mixed"]) == (None, None, "x")
    assert (first["version"], first["version_"], first["prediction"], first["prediction_"]) == ("1", True, 0, 7)


def test_rows_of_several_forms_go_to_several_files_in_one_order(tmp_path):
    made = Parts(tmp_path)
    made.add(parts.answers(frame()))
    other = frame(10)
    other.predictions = {"prediction": np.array(["x", "y", "z"], dtype=object)}
    made.add(parts.answers(other))
    made.add(parts.answers(frame(20)))
    made.tick(now=True)
    first, second = (pq.read_table(one) for one in made.files())
    assert first["request_id"].to_pylist() == ["r0", "r1", "r2", "r20", "r21", "r22"]
    assert second["prediction"].to_pylist() == ["x", "y", "z"]


def test_many_small_files_become_one_and_no_row_is_lost_or_doubled(tmp_path):
    made = Parts(tmp_path)
    fill(made, 40)
    assert len(made.files()) == 40
    made.bound(1e9, 1e9)
    made.tick()
    assert len(made.files()) == 1
    assert sorted(row["prediction"] for row in written(tmp_path)) == list(range(120))
    # And again, with what has been put together before.
    for at in range(40, 75):
        made.add(parts.answers(frame(at * 3)))
        made.tick(now=True)
    made.bound(1e9, 1e9)
    made.tick()
    assert sorted(row["prediction"] for row in written(tmp_path)) == list(range(225))


def test_a_file_holds_the_rows_of_an_hour_at_the_most_however_few_they_are(tmp_path):
    made = Parts(tmp_path)
    fill(made, 60)
    now_ms = int(time.time() * 1000)
    # One each ten minutes, up to now.
    for ago, one in enumerate(reversed(made.files())):
        one.rename(one.with_name(f"{now_ms - ago * 600_000:013d}-1.parquet"))
    for _ in range(2):
        made.bound(1e9, 1e9)
        made.tick()
        assert [pq.read_metadata(one).num_rows // 3 for one in made.files()] == [6] * 9 + [1] * 6
        assert [row["prediction"] for row in written(tmp_path)] == list(range(180))
    # The hour that goes on is put together when it is over.
    fill(made, 1)
    late, newest = made.files()[-2:]
    newest.rename(late.with_name(f"{now_ms + 7_200_000:013d}-1.parquet"))
    made.bound(1e9, 1e9)
    made.tick()
    assert [pq.read_metadata(one).num_rows // 3 for one in made.files()] == [6] * 10 + [1]


def test_a_file_goes_when_its_last_row_is_too_old_and_not_before(tmp_path):
    made = Parts(tmp_path)
    now_s = time.time()
    for ago in (3_000, 1_000, 100):
        told = frame()
        told.at_us = int((now_s - ago) * 1_000_000)
        made.add(parts.answers(told))
    made.tick(now=True)
    (whole,) = made.files()
    whole.rename(whole.with_name(f"{int((now_s - 3_000) * 1000):013d}-1.parquet"))
    (whole,) = made.files()
    for keep_s, left in ((2_000, [whole]), (500, [whole]), (50, [])):
        made.bound(1e9, keep_s)
        made.tick()
        assert made.files() == left


def test_what_a_killed_process_left_is_put_right(tmp_path):
    made = Parts(tmp_path)
    fill(made, 3)
    first, second, third = made.files()
    # Killed when one file held all three, and before the others were removed.
    whole = pa.concat_tables([pq.read_table(one) for one in (first, second, third)])
    names = json.dumps([one.name for one in (first, second, third)]).encode()
    pq.write_table(whole.replace_schema_metadata({b"mlops_merged": names}), first)
    (tmp_path / f".{second.name}").write_bytes(b"half a file")
    (tmp_path / "0000000000001-1.parquet").write_bytes(b"garbage")
    assert Parts(tmp_path).files() == [first]
    assert sorted(row["prediction"] for row in written(tmp_path)) == list(range(9))
    assert [one.name for one in tmp_path.iterdir()] == [first.name]


def test_the_oldest_go_first_when_there_is_no_room(tmp_path):
    made = Parts(tmp_path)
    fill(made, 10)
    sizes = [one.stat().st_size for one in made.files()]
    newest = made.files()[-4:]
    made.bound(sum(sizes[-4:]), 1e9)
    made.tick()
    assert made.files() == newest


def test_what_is_too_old_goes(tmp_path):
    made = Parts(tmp_path)
    fill(made, 2)
    old, young = made.files()
    aged = old.with_name(f"{int((time.time() - 100) * 1000):013d}-1.parquet")
    old.rename(aged)
    made.bound(1e9, 50.0)
    made.tick()
    assert made.files() == [young]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_said_once_and_raises_nothing(tmp_path, caplog):
    made = Parts(tmp_path / "answers")
    with caplog.at_level(logging.WARNING):
        fill(made, 5)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "rows cannot be written to answers, and are left out"
    ]
    assert list((tmp_path / "answers").iterdir()) == []


def test_a_sample_is_a_share_of_the_rows_and_no_more_a_second_than_was_said():
    now = [0.0]
    sampling = Sampling(lambda: now[0])
    sampling.told(1.0, 100.0)
    assert sampling.choose(50).tolist() == list(range(50))
    # What is left of ten seconds' worth.
    chosen = sampling.choose(100_000)
    assert len(chosen) == 950
    assert (np.diff(chosen) > 0).all()
    # By chance from all of them, not the first ones.
    assert chosen[-1] > 90_000
    assert len(sampling.choose(10)) == 0
    now[0] = 0.5
    assert len(sampling.choose(1_000)) == 50
    sampling.told(0.1, 1e9)
    assert 800 < len(sampling.choose(10_000)) < 1_200
    sampling.told(0.0, 1e9)
    assert len(sampling.choose(10_000)) == 0
