"""The kernel's half of the live chart: what it sends, how little, what it keeps, and that it harms nobody."""

from __future__ import annotations

import math
import struct
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.widgets.live_chart import LiveChart
from mlops_jupyter.widgets.resources import Resources
from mlops_jupyter.widgets.ticker import Ticker
from mlops_jupyter.widgets.wire import POINT, packed, thinned

SLOT = struct.Struct("<qqdHB4xB")
BEGAN = 1_764_000_000_000


def slots(*points: tuple[int, int, float]) -> bytes:
    """Slots of (key, step, value), a tenth of a second apart."""
    return b"".join(
        SLOT.pack(step, BEGAN + 100 * place, value, key, 1, 1) for place, (key, step, value) in enumerate(points)
    )


class Sent(list[tuple[dict[str, Any], bytes]]):
    """What a chart sent: JSON and buffer of each message."""

    def take(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.append((content, *buffers))


@pytest.fixture
def chart(monkeypatch: pytest.MonkeyPatch):
    made = LiveChart("fit")
    made.sent = Sent()
    monkeypatch.setattr(made, "send", made.sent.take)
    yield made
    made.finish()


# --- the wire ---------------------------------------------------------------------------------------------------


def test_one_message_for_all_series_declares_each_once_and_sends_each_point_once(chart):
    chart.feed([("a", ["loss", "acc"], slots((0, 1, 0.5), (1, 1, 0.25))), ("b", ["acc"], slots((0, 1, 0.75)))])
    chart.feed([("a", ["loss", "acc", "lr"], slots((2, 2, 0.1), (0, 2, 0.4)))])
    (first, columns), (second, more) = chart.sent
    assert first == {"n": 0, "base": 1, "new": [(0, "a", "loss", 0), (1, "a", "acc", 0), (2, "b", "acc", 0)]}
    assert second == {"n": 1, "base": 2, "new": [(3, "a", "lr", 0)]}
    assert len(columns) == 3 * 18
    assert np.frombuffer(more, "<f8", 2).tolist() == [0.1, 0.4]
    assert np.frombuffer(more, "<u2", 2, 32).tolist() == [3, 0]
    assert chart.points == 5


def test_nothing_new_is_no_message(chart):
    chart.feed([])
    chart.feed([("a", ["loss"], b"")])
    assert chart.sent == []


def test_slots_come_as_bytes_bytearray_or_memoryview(chart):
    whole = slots((0, 1, 0.5))
    chart.feed([("a", ["loss"], whole), ("a", ["loss"], bytearray(whole)), ("a", ["loss"], memoryview(whole))])
    assert chart.points == 3


def test_each_run_s_time_begins_with_its_first_point(chart):
    late = SLOT.pack(1, BEGAN + 86_400_000, 0.5, 0, 1, 1)
    chart.feed([("a", ["loss"], slots((0, 1, 1.0), (0, 2, 1.0))), ("b", ["loss"], late)])
    ((_, columns),) = chart.sent
    assert np.frombuffer(columns, "<f4", 3, 36).tolist() == [0, pytest.approx(0.1), 0]


@given(st.lists(st.tuples(st.integers(0, 65_535), st.floats(0, 1e6, width=32), st.integers(-(2**63), 2**63 - 1),
                          st.floats()), max_size=30))  # fmt: skip
def test_any_points_are_packed(points):
    base, columns = packed(np.array(points, POINT))
    assert len(columns) == len(points) * (22 if base is None else 18)
    values = np.frombuffer(columns, "<f8", len(points))
    assert all(one == other or math.isnan(one) for one, (*_, other) in zip(values, points, strict=True))


# --- bounds -----------------------------------------------------------------------------------------------------


def test_a_flood_is_thinned_and_keeps_its_spike_and_its_gap(chart):
    values = np.sin(np.arange(100_000) / 50)
    values[31_415], values[77_777] = 9, np.nan
    chart.feed([("a", ["loss"], slots(*((0, step, value) for step, value in enumerate(values))))])
    ((_, columns),) = chart.sent
    assert len(columns) <= 2_000 * 18
    sent = np.frombuffer(columns, "<f8", len(columns) // 18)
    assert np.nanmax(sent) == 9
    assert np.isnan(sent).any()
    assert (sent[0], sent[-1]) == (values[0], values[-1])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats()), max_size=200), st.integers(8, 40))
def test_thinning_keeps_order_ends_and_extremes(points, at_most):
    whole = np.array([(series, 0, step, value) for step, (series, value) in enumerate(points)], POINT)
    left = thinned(whole, at_most)
    assert (np.diff(left["step"]) > 0).all()
    for series in range(4):
        all_of, some = (found[found["series"] == series]["value"] for found in (whole, left))
        assert len(some) <= at_most
        finite = all_of[np.isfinite(all_of)]
        if len(finite):
            assert (finite.min(), finite.max()) == (some[np.isfinite(some)].min(), some[np.isfinite(some)].max())
        if len(all_of):
            assert np.array_equal(some[[0, -1]], all_of[[0, -1]], equal_nan=True)


def test_what_is_kept_for_late_pages_is_bounded_and_complete_in_shape(chart):
    for tick in range(60):
        chart.feed(
            [("a", ["loss", "acc"], slots(*((step % 2, tick * 1_000 + step, 1.0 + tick) for step in range(1_000))))]
        )
    chart._answer(chart, {"ask": "backlog"}, [])
    answer, columns = chart.sent[-1]
    assert answer["backlog"] is True
    assert answer["n"] == 60
    assert answer["new"] == [(0, "a", "loss", 0), (1, "a", "acc", 0)]
    count = len(columns) // 18
    assert 5_000 < count <= 20_000
    steps = np.frombuffer(columns, "<i4", count, 8 * count) + answer["base"]
    assert (steps[0], steps[-1]) == (0, 59_999)
    assert chart.get_state()["_told"] == 60


def test_more_series_than_a_chart_can_hold_are_left_out(chart):
    names = [f"m{key}" for key in range(1_000)]
    chart.feed([("a", names, slots(*((key, 1, 1.0) for key in range(1_000))))])
    ((content, columns),) = chart.sent
    assert len(content["new"]) == 256
    assert len(columns) == 256 * 18


@pytest.mark.parametrize("content", [None, "backlog", {}, {"ask": "all"}, ["ask"]])
def test_a_question_it_does_not_know_is_not_answered(chart, content):
    chart._answer(chart, content, [])
    assert chart.sent == []


# --- the ticker -------------------------------------------------------------------------------------------------


def test_the_last_points_are_fed_when_it_stops(chart):
    waiting = [("a", ["loss"], slots((0, 1, 0.5)))]
    ticker = Ticker(chart, lambda: [waiting.pop()] if waiting else [], tick_s=60, sample_resources=False)
    ticker.start()
    assert ticker.stop() is None
    assert chart.points == 1


def test_the_first_points_are_fed_at_once(chart):
    fed = Event()

    def read():
        fed.set()
        return []

    ticker = Ticker(chart, read, tick_s=60, sample_resources=False)
    ticker.start()
    assert fed.wait(10)
    ticker.stop()


def test_an_error_ends_the_thread_and_is_told_when_it_stops(chart):
    def read():
        raise OSError("the journal is gone")

    ticker = Ticker(chart, read, tick_s=0.01)
    ticker.start()
    ticker._thread.join(10)
    assert str(ticker.stop()) == "the journal is gone"
    assert isinstance(ticker.stop(), OSError)


def test_a_ticker_that_never_began_stops():
    assert Ticker(LiveChart("fit"), list).stop() is None


# --- resources --------------------------------------------------------------------------------------------------


def test_cpu_and_memory_of_this_process():
    resources = Resources()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    told = resources.sample()
    assert 1 < told["CPU %"] < 1_000
    assert 10 < told["memory MB"] < 100_000


def test_gpus_are_told_by_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        f"#!{sys.executable}\nprint('0, 87, 1024\\n1, [N/A], 5', flush=True)\nimport time\ntime.sleep(60)\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    resources = Resources()
    end = time.monotonic() + 20
    while "GPU 1 MB" not in (told := resources.sample()):
        assert time.monotonic() < end
        time.sleep(0.02)
    resources.stop()
    gpus = {name: value for name, value in told.items() if name.startswith("GPU")}
    assert gpus == {"GPU 0 %": 87, "GPU 0 MB": 1024, "GPU 1 MB": 5}
    assert resources._teller.poll() is not None


def test_resources_are_series_of_the_machine(chart):
    chart.measure(1.5, {"CPU %": 50.0})
    assert chart.sent == []
    chart.feed([])
    chart.feed([])
    ((content, _),) = chart.sent
    assert content["new"] == [(0, "", "CPU %", 1)]
    assert "0 metrics" in repr(chart)


def test_resources_go_with_the_points_of_their_tick(chart):
    chart.measure(1.5, {"CPU %": 50.0})
    chart.feed([("a", ["loss"], slots((0, 1, 0.5)))])
    ((content, columns),) = chart.sent
    assert content["new"] == [(0, "", "CPU %", 1), (1, "a", "loss", 0)]
    assert np.frombuffer(columns, "<f8", 2).tolist() == [50.0, 0.5]


# --- in a real kernel -------------------------------------------------------------------------------------------

IN_KERNEL = f"""
import struct, time
from mlops_jupyter.widgets.live_chart import LiveChart
from mlops_jupyter.widgets.ticker import Ticker
slot = struct.Struct("<qqdHB4xB")
step = 0
def read():
    global step
    step += 1
    return [("fit", ["loss"], slot.pack(step, {BEGAN} + step, 1 / step, 0, 1, 1))]
chart = LiveChart("fit <b>")
display(chart)
ticker = Ticker(chart, read, tick_s=0.02, sample_resources=False)
ticker.start()
while chart.messages < 5: time.sleep(0.01)
print(ticker.stop())
chart.finish()
"""


def test_a_kernel_s_messages_carry_new_points_alone_and_close(kernel):
    reply = kernel.run(IN_KERNEL)
    assert (reply.status, reply.stdout) == ("ok", "None\n")
    (bundle,) = [one["content"]["data"] for one in reply.outputs if one["msg_type"] == "display_data"]
    assert bundle["text/plain"].startswith("live chart of fit <b>: ")
    ident = bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    ours = [one for one in reply.outputs if one["content"].get("comm_id") == ident]
    kinds = [one["msg_type"] for one in ours]
    assert kinds[0] == "comm_open"
    assert kinds[-1] == "comm_close"
    points = [one for one in ours if one["msg_type"] == "comm_msg"]
    assert len(points) >= 5
    assert {sum(len(part) for part in one["buffers"]) for one in points} == {18}
    assert [one["content"]["data"]["content"]["n"] for one in points] == list(range(len(points)))
    opened = {one["content"]["comm_id"] for one in reply.outputs if one["msg_type"] == "comm_open"}
    closed = {one["content"]["comm_id"] for one in reply.outputs if one["msg_type"] == "comm_close"}
    assert opened == closed
    assert kernel.run("print(chart)").stdout.startswith("live chart of fit <b>: ")
