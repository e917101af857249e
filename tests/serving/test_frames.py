"""What a worker tells the watcher comes out as it went in, and what is no message says so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlops_jupyter.serving.frames import LENGTHS, Frame, lengths

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
IDS = st.lists(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=9), min_size=1, max_size=4
)
TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def frames(draw):
    ids = draw(IDS)
    counts = [draw(st.integers(1, 4)) for _ in ids]
    starts = draw(st.just([]) | st.lists(st.integers(0, 2000), min_size=len(ids), max_size=len(ids)))
    total = sum(counts)
    columns = {
        "floats": draw(hnp.arrays(draw(st.sampled_from(["<f4", "<f8", "<i8", "|b1"])), (total,))),
        "moments": draw(hnp.arrays(np.dtype("datetime64[ns]"), (total,))),
        "lists": draw(hnp.arrays(np.float32, (total, 3))),
        "texts": np.fromiter(draw(st.lists(TEXTS, min_size=total, max_size=total)), object, total),
    }
    matrix = draw(st.none() | hnp.arrays(np.float64, (total, 2)))
    answers = {"prediction": draw(hnp.arrays(np.int32, (total,)))}
    told = draw(NAMES), draw(NAMES), draw(st.integers(0, 2**60))
    return Frame(*told, "\n".join(ids).encode(), counts, starts, ("a", "é"), matrix, columns, answers)


def parted(data: bytes) -> Frame:
    head, body = lengths(data[: LENGTHS.size])
    assert len(data) == LENGTHS.size + head + body
    return Frame.from_bytes(data[LENGTHS.size : LENGTHS.size + head], data[LENGTHS.size + head :])


@given(frames())
def test_a_message_comes_out_as_it_went_in(frame):
    found = parted(frame.to_bytes())
    assert (found.model, found.version, found.at_us, found.ids, found.names, found.rows) == (
        frame.model, frame.version, frame.at_us, frame.ids, frame.names, frame.rows,
    )  # fmt: skip
    for name, values in {**frame.columns, **frame.predictions}.items():
        other = {**found.columns, **found.predictions}[name]
        if name == "moments":
            other = other.view(values.dtype)
        np.testing.assert_array_equal(other, values)
    assert (found.matrix is None) == (frame.matrix is None)
    if frame.matrix is not None and found.matrix is not None:
        np.testing.assert_array_equal(found.matrix, frame.matrix)


@given(frames())
def test_each_row_has_the_id_of_its_request_and_its_number_there(frame):
    ids, rows = parted(frame.to_bytes()).keys()
    wanted = [
        (request_id, start + at)
        for request_id, count, start in zip(
            frame.ids.decode().split("\n"), frame.counts, frame.starts or [0] * len(frame.counts), strict=True
        )
        for at in range(count)
    ]
    assert list(zip(ids, rows.tolist(), strict=True)) == wanted


def test_text_that_no_json_holds_is_told_as_well_as_can_be():
    values = np.array(["\ud800x", None, 2**70], dtype=object)
    frame = Frame("m", "1", 0, b"a\nb\nc", [1] * 3, [], ("t",), None, {"t": values}, {})
    assert parted(frame.to_bytes()).columns["t"].tolist() == ["?x", None, str(2**70)]


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_what_is_no_message_says_so(head, body):
    with pytest.raises(ValueError, match=r"\S"):
        Frame.from_bytes(head, body)


def test_a_length_that_no_message_has_is_refused():
    with pytest.raises(ValueError, match="no message of a worker"):
        lengths(b"GET / HTTP/1"[: LENGTHS.size])
