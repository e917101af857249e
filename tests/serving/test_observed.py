"""What a worker tells the watcher is what was asked and answered, in whatever form that came."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.endpoints import Limits, MonitoringPlan
from mlops_jupyter.serving.batching import Batcher
from mlops_jupyter.serving.failures import Failure
from mlops_jupyter.serving.frames import LENGTHS, Frame, lengths
from mlops_jupyter.serving.observed import Held, frames_of, pieces
from mlops_jupyter.serving.rows import Rows
from mlops_jupyter.serving.schema import Schema
from mlops_jupyter.serving.stretches import ColumnsStretch, NumbersStretch, kind_of
from mlops_jupyter.serving.telemetry import Telemetry
from mlops_jupyter.serving.watching import Watching
from tests.fakes.workers import SIGNATURE, planned

SCHEMA = Schema.from_signature(SIGNATURE)


class Version:
    """A version of whose traffic something is told."""

    def __init__(self, schema: Schema = SCHEMA) -> None:
        self.schema = schema
        self.planned = planned("Runner", Path("/nowhere"))
        self.labels = ("m", "1", "main")


class Request:
    def __init__(self, name: str, rows: Rows) -> None:
        self.request_id, self.rows, self.gone, self.arrived = name.encode(), rows, False, 0.0

    def answer(self, predictions: Any) -> None:
        self.gone = True

    def fail(self, failure: Failure) -> None:
        self.gone = True


class Sum:
    def predict(self, rows: Rows) -> Any:
        assert rows.matrix is not None
        if (rows.matrix == 13).any():
            raise ValueError
        return rows.matrix.sum(axis=1)

    def close(self) -> None: ...


def told(frames: list[Frame]) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Return each row by its request's id and number: its values and its answers."""
    found = {}
    for frame in frames:
        columns = dict(frame.columns)
        if frame.matrix is not None:
            columns |= {name: frame.matrix[:, at] for at, name in enumerate(frame.names)}
        ids, rows = frame.keys()
        for at, key in enumerate(zip(ids, rows.tolist(), strict=True)):
            assert key not in found
            values = {name: each[at] for name, each in columns.items()}
            found[key] = (values, {name: each[at] for name, each in frame.predictions.items()})
    return found


async def received(batches: list[list[list[list[float]]]], named: bool, redact: tuple[str, ...] = ()) -> list[Frame]:
    """Have a batcher answer requests, and return what its watcher hears."""

    async def answer(watching: Watching, telemetry: Telemetry) -> None:
        watching.told(MonitoringPlan(redact=redact))
        batcher = Batcher(Sum(), Limits(), telemetry, ("m", "1"), joins=True, slow=False)
        batcher.observer = lambda *batch: watching.observe(Version(), *batch)
        number = 0
        for batch in batches:
            for rows in batch:
                # Names that are equal, but not those of the signature itself, take another way.
                names = SCHEMA.names if named else (*SCHEMA.names,)
                batcher.submit(Request(f"r{number}", Rows(len(rows), names, np.array(rows, dtype=float))))
                number += 1
            await asyncio.sleep(0)
        await batcher.drained()
        await asyncio.sleep(0)

    return await watched(answer)


async def heard_of(asked: list[Rows]) -> list[Frame]:
    """Have requests answered with 1, one after the other, and return what the watcher hears."""

    async def answer(watching: Watching, _: Telemetry) -> None:
        version = Version(MIXED)
        for number, rows in enumerate(asked):
            said = np.ones(rows.count)
            watching.observe(version, [Request(f"r{number}", rows)], [said], (rows, said))

    return await watched(answer)


async def watched(answer: Callable[[Watching, Telemetry], Awaitable[None]]) -> list[Frame]:
    """Return what a watcher hears while something is answered."""
    heard: list[Frame] = []
    done = asyncio.Event()

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(LENGTHS.size):
            head, body = lengths(data)
            heard.append(Frame.from_bytes(await reader.readexactly(head), await reader.readexactly(body)))
        writer.close()
        done.set()

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "rows.sock"
        server = await asyncio.start_unix_server(hear, place)
        telemetry = Telemetry()
        watching = Watching(place, telemetry)
        await answer(watching, telemetry)
        await watching.close()
        await done.wait()
        server.close()
        assert not telemetry.dropped
    return heard


VALUES = st.floats(-100, 100) | st.just(13.0)
BATCHES = st.lists(
    st.lists(st.lists(st.lists(VALUES, min_size=2, max_size=2), min_size=1, max_size=3), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)


@given(BATCHES, st.booleans())
def test_every_row_that_was_answered_is_told_once_with_its_answer(batches, named):
    found = told(asyncio.run(received(batches, named)))
    wanted = {}
    requests = [rows for batch in batches for rows in batch]
    for number, rows in enumerate(requests):
        # One that a model raises at has no answer.
        if not any(value == 13.0 for row in rows for value in row):
            for at, row in enumerate(rows):
                values = {"a": row[0], "b": row[1]}
                wanted[f"r{number}", at] = (values, {"prediction": sum(row)})
    assert found == wanted


@pytest.mark.parametrize("named", [True, False])
def test_a_redacted_column_does_not_leave_the_worker(named):
    frames = asyncio.run(received([[[[1.0, 2.0]], [[3.0, 4.0]]]], named, ("b",)))
    assert [values for values, _ in told(frames).values()] == [{"a": 1.0}, {"a": 3.0}]


def test_a_request_of_many_rows_is_cut_and_its_rows_keep_their_numbers():
    rows = [[float(at), 0.5] for at in range(1_000, 6_000)]
    frames = asyncio.run(received([[rows]], named=True))
    assert max(frame.rows for frame in frames) <= 1_024
    found = told(frames)
    assert found == {("r0", at): ({"a": 1_000.0 + at, "b": 0.5}, {"prediction": 1_000.5 + at}) for at in range(5_000)}


def of(
    rows: Rows, said: Any, schema: Schema = SCHEMA, count: int = 1, redact: frozenset[str] = frozenset()
) -> list[Frame]:
    requests = [Request(f"r{at}", rows) for at in range(count)]
    held = Held(Version(schema), 0, pieces(requests, [said] * count, None))  # type: ignore[arg-type]
    return [Frame.from_bytes(*_parts(frame.to_bytes())) for frame in frames_of([held], redact)]


def _parts(data: bytes) -> tuple[bytes, bytes]:
    head, _ = lengths(data[: LENGTHS.size])
    return data[LENGTHS.size : LENGTHS.size + head], data[LENGTHS.size + head :]


TWO = Rows(2, SCHEMA.names, np.array([[1.0, 2.0], [3.0, 4.0]]))


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (np.array([[0.1, 0.9], [0.8, 0.2]]), {"prediction_0": [0.1, 0.8], "prediction_1": [0.9, 0.2]}),
        (np.array([[1.0], [2.0]]), {"prediction": [1.0, 2.0]}),
        (["x", None], {"prediction": ["x", None]}),
        ([1, 2], {"prediction": [1, 2]}),
        (np.array(["x", "y"]), {"prediction": ["x", "y"]}),
        (pd.Series([1, 2]), {"prediction": [1, 2]}),
        (pd.DataFrame({"p": [0.5, 0.25], "class": ["x", "y"]}), {"p": [0.5, 0.25], "class": ["x", "y"]}),
        ({"p": np.array([0.5, 0.25]), "q": [1, 2]}, {"p": [0.5, 0.25], "q": [1, 2]}),
        # One answer for many rows, answers of uneven lengths, and what is no answer at all.
        (np.array([1.0]), {}),
        ([[1, 2], [3]], {}),
        ("text", {}),
        (np.zeros((2, 100)), {}),
    ],
)
def test_answers_of_all_kinds(said, wanted):
    for frame in (*of(TWO, said), *of(TWO, said, count=2)):
        assert {name: values.tolist()[:2] for name, values in frame.predictions.items()} == wanted
        assert frame.matrix is not None


@pytest.mark.parametrize("named", [True, False])
def test_a_redacted_output_of_several_numbers_does_not_leave_the_worker(named):
    scores = [{"type": "tensor", "name": "scores", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
    schema = Schema.from_signature({**SIGNATURE, "outputs": json.dumps(scores)})
    values = np.array([[0.1, 0.9], [0.8, 0.2]])
    said = {"scores": values} if named else values
    (frame,) = of(TWO, said, schema, redact=frozenset({"scores"}))
    assert frame.predictions == {}
    (frame,) = of(TWO, said, schema, redact=frozenset({"scores_0"}))
    assert list(frame.predictions) == ["scores_1"]


def test_answers_of_other_lengths_are_left_out_and_their_rows_are_told():
    one = Rows(1, SCHEMA.names, np.array([[1.0, 2.0]]))
    requests = [Request(f"r{at}", one) for at in range(3)]
    held = Held(Version(), 0, pieces(requests, [[[1, 2, 3]], [[1, 2]], [[1, 2, 3]]], None))  # type: ignore[arg-type]
    frames = list(frames_of([held], frozenset()))
    assert set(told(frames)) == {("r0", 0), ("r1", 0), ("r2", 0)}
    assert [frame.predictions for frame in frames] == [{}]


class Odd:
    """An answer that cannot be looked at."""

    def to_numpy(self) -> np.ndarray:
        raise RuntimeError("no array")


def test_what_cannot_be_packed_is_counted_and_the_rest_is_sent(caplog):
    one = Rows(1, SCHEMA.names, np.array([[1.0, 2.0]]))
    heard = bytearray()

    async def sent() -> Telemetry:
        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read())
            writer.close()
            done.set()

        done = asyncio.Event()
        with tempfile.TemporaryDirectory() as folder:
            server = await asyncio.start_unix_server(hear, Path(folder) / "rows.sock")
            telemetry = Telemetry()
            watching = Watching(Path(folder) / "rows.sock", telemetry)
            for at, said in enumerate((Odd(), [1.5])):
                watching.observe(Version(), [Request(f"r{at}", one)], [said], None)  # type: ignore[arg-type, list-item]
                await watching._connect()
                watching._turn()
            await watching.close()
            await done.wait()
            server.close()
        return telemetry

    telemetry = asyncio.run(sent())
    assert telemetry.dropped == {("m", "1"): 1}
    assert "RuntimeError: no array" in caplog.text
    assert list(told([Frame.from_bytes(*_parts(bytes(heard)))])) == [("r1", 0)]


def test_columns_of_all_kinds():
    types = {
        "n": "double",
        "t": "string",
        "d": "datetime",
        "raw": "binary",
        "v": "array",
        "any": "any",
        "yes": "boolean",
    }
    spec: dict[str, Any] = {"v": {"items": {"type": "double"}}}
    inputs = [{"name": name, "type": kind, **spec.get(name, {})} for name, kind in types.items()]
    schema = Schema.from_signature({"inputs": json.dumps(inputs)})
    lists = np.empty(2, dtype=object)
    lists[:] = [[1.0, 2.0], [3.0, 4.0]]
    columns = {
        "n": np.array([1.0, np.nan]),
        "t": np.array(["x", None], dtype=object),
        "d": np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]"),
        "raw": np.array([b"x", b"y"], dtype=object),
        "v": lists,
        "any": np.array([{"a": 1}, None], dtype=object),
        "yes": np.array([True, False]),
    }
    (frame,) = of(Rows(2, tuple(columns), None, columns), np.array([1, 2]), schema, count=3)
    # Of bytes and objects no sketch is made.
    assert frame.names == ("n", "t", "d", "v", "yes")
    assert frame.columns["v"].shape == (6, 2)
    assert frame.columns["t"].tolist() == ["x", None] * 3


MIXED = Schema.from_signature(
    {"inputs": json.dumps([{"name": "n", "type": "double"}, {"name": "t", "type": "string"}])}
)


def mixed(numbers: list[Any], texts: list[Any], kind: Any = float) -> Rows:
    columns = {"n": np.array(numbers, kind), "t": np.array(texts, object)}
    return Rows(len(numbers), MIXED.names, None, columns)


def test_rows_of_numbers_and_texts_are_copied_one_behind_the_other():
    version, first = Version(MIXED), mixed([1.0], ["x"])
    assert kind_of(version, (first, np.zeros(1))) is ColumnsStretch
    stretch = ColumnsStretch(version, 7, first, np.zeros(1))
    for number, rows in enumerate((first, mixed([2.0, np.nan], [None, "y"]))):
        assert stretch.fits(rows, np.zeros(rows.count))
        assert stretch.add([Request(f"r{number}", rows)], rows, np.full(rows.count, float(number)))
    # What the signature does not keep out, but is rare: a number that is missing where the others are none.
    assert not stretch.fits(mixed([None], ["x"], object), np.zeros(1))
    assert not stretch.fits(first, np.zeros(1, np.int64))
    frame = Frame.from_bytes(*_parts(stretch.frame(frozenset()).to_bytes()))
    assert (frame.names, frame.counts, frame.matrix) == (("n", "t"), [1, 2], None)
    assert frame.columns["n"].tolist()[:2] == [1.0, 2.0]
    assert frame.columns["t"].tolist() == ["x", None, "y"]
    assert frame.predictions["prediction"].tolist() == [0.0, 1.0, 1.0]
    assert tuple(stretch.frame(frozenset({"t"})).columns) == ("n",)
    while stretch.add([Request("r", first)], first, np.zeros(1)):
        pass
    assert stretch.count == 1_024


def test_rows_of_another_type_than_those_before_are_told_all_the_same():
    heard = asyncio.run(heard_of([mixed([1.0], ["a"]), mixed([None], ["b"], object), mixed([3.0], ["c"])]))
    assert {key[0]: values["t"] for key, (values, _) in told(heard).items()} == {"r0": "a", "r1": "b", "r2": "c"}
    assert len(heard) == 2


def test_a_tensor_is_one_embedding_and_an_image_is_left_out():
    rows = Rows(2, (), np.arange(12.0).reshape(2, 2, 3))
    (frame,) = of(rows, np.array([1, 2]), Schema())
    assert frame.columns["input"].shape == (2, 6)
    (frame,) = of(Rows(1, (), np.zeros((1, 224, 224, 3))), np.array([1]), Schema())
    assert (frame.columns, frame.rows, frame.predictions["prediction"].tolist()) == ({}, 1, [1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_tensor_is_no_table_of_columns(dtype):
    spec = {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": [-1, 2]}}
    version = Version(Schema.from_signature({"inputs": json.dumps([spec])}))
    rows = Rows(3, (), np.zeros((3, 2), dtype))
    assert kind_of(version, (rows, np.zeros(3))) is None
    table = Rows(3, SCHEMA.names, np.zeros((3, len(SCHEMA.names))))
    assert kind_of(Version(), (table, np.zeros(3))) is NumbersStretch
