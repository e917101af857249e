"""Deployments that pages look at: read once for all of them, and not at all when nobody looks."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import numpy as np
import pytest

from mlops_jupyter.faces.server import watching
from mlops_jupyter.faces.server.watching import Listener, Page, Reader, Watches
from mlops_jupyter.widgets.monitor_wire import alert_id
from tests.fakes.churn import ALERT, Churn

RANGE_S = 900.0


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on an event loop, for ten seconds at the most."""

    @wraps(test)
    def run(**fixtures: Any) -> None:
        asyncio.run(asyncio.wait_for(test(**fixtures), 10))

    return run


async def heard(listener: Listener) -> dict[str, Any]:
    """Return the next message."""
    event = await listener.next()
    assert event is not None
    first, second = event.decode().strip().split("\n")
    return {"n": int(first.removeprefix("id: ")), **json.loads(second.removeprefix("data: "))}


async def next_of(listener: Listener, kind: str) -> dict[str, Any]:
    while (message := await heard(listener))["kind"] != kind:
        pass
    return message


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 -- what happens happens in another thread
        await asyncio.sleep(0.01)


@pytest.fixture
def churn() -> Churn:
    return Churn()


@pytest.fixture
def watches() -> Watches:
    return Watches(tick_s=0.02)


def look(watches: Watches, churn: Churn, range_s: float) -> tuple[Reader, Listener]:
    """Look at a deployment of the project p, on a page of its own."""
    listener = Page().listen()
    return watches.look("p", churn, range_s, listener), listener


@on_a_loop
async def test_a_page_is_told_everything_and_then_what_is_new(churn, watches):
    reader, listener = look(watches, churn, RANGE_S)
    first = await heard(listener)
    assert (first["n"], first["kind"], first["reset"], first["count"]) == (0, "series", True, 21)
    assert np.frombuffer(b64decode(first["buffer"]), "<f8", 21).tolist() == list(range(80, 101))
    now = await heard(listener)
    assert (now["n"], now["kind"], now["status"]) == (1, "now", "ready")
    churn.now_s = 101.0
    more = await next_of(listener, "series")
    assert (more["n"], more["reset"], more["count"], more["new"]) == (2, False, 1, [])
    churn.status = "stopped"
    assert (await next_of(listener, "now"))["status"] == "stopped"
    reader.leave(listener)


@on_a_loop
async def test_one_reader_is_enough_for_all_and_ends_with_the_last(churn, watches):
    reader, one = look(watches, churn, RANGE_S)
    await next_of(one, "now")
    same, other = look(watches, Churn(), RANGE_S)
    assert same is reader
    assert watches.find("p", "churn") is reader
    assert watches.find("q", "churn") is None
    # Both begin anew, from one reading.
    for listener in (one, other):
        assert (await next_of(listener, "series"))["reset"]
    assert [after_s for _, after_s in churn.reads].count(None) == 2
    churn.now_s = 101.0
    assert (await next_of(one, "series"))["count"] == (await next_of(other, "series"))["count"] == 1
    reader.leave(one)
    churn.now_s = 102.0
    assert (await next_of(other, "series"))["count"] == 1
    reader.leave(other)
    assert watches.find("p", "churn") is None
    reads = len(churn.reads)
    await asyncio.sleep(0.1)
    assert len(churn.reads) == reads


@on_a_loop
async def test_pages_may_look_back_differently_far(churn, watches):
    reader, near = look(watches, churn, RANGE_S)
    _, far = look(watches, churn, 3_600.0)
    assert (await next_of(near, "series"))["range"] == RANGE_S
    assert (await next_of(far, "series"))["range"] == 3_600.0
    reader.leave(near)
    reader.leave(far)


@on_a_loop
async def test_who_joins_during_a_reading_is_told_everything(churn, watches):
    reader, one = look(watches, churn, RANGE_S)
    await next_of(one, "now")
    churn.slow.clear()
    reads = len(churn.reads)
    await until(lambda: len(churn.reads) > reads)
    _, other = look(watches, churn, RANGE_S)
    churn.now_s = 101.0
    churn.slow.set()
    told = await next_of(other, "series")
    assert (told["reset"], told["count"]) == (True, 21)
    reader.leave(one)
    reader.leave(other)


@on_a_loop
async def test_a_page_that_takes_nothing_is_told_no_more(churn, watches, monkeypatch):
    monkeypatch.setattr(watching, "_BEHIND", 3)
    reader, listener = look(watches, churn, RANGE_S)
    for second in range(10):
        churn.now_s = 101.0 + second
        reads = len(churn.reads)
        await until(lambda reads=reads: len(churn.reads) > reads + 1)
    told = [await listener.next() for _ in range(1)]
    assert told == [None]
    reader.leave(listener)


@on_a_loop
async def test_what_cannot_be_read_is_told_and_logged_and_the_next_page_tries_anew(churn, watches, caplog):
    churn.fails = ZeroDivisionError("a secret of the server's")
    with caplog.at_level(logging.ERROR):
        reader, listener = look(watches, churn, RANGE_S)
        told = await heard(listener)
    assert told["words"] == "the watching stopped: ZeroDivisionError; the Jupyter server's log has the whole of it"
    assert "a secret of the server's" in caplog.text
    assert await listener.next() is None
    churn.fails = None
    again, other = look(watches, churn, RANGE_S)
    assert again is not reader
    await next_of(other, "now")
    reader.leave(listener)
    assert watches.find("p", "churn") is again
    again.leave(other)


@on_a_loop
async def test_while_nothing_is_new_pages_hear_that_the_server_is_there(churn, watches, monkeypatch):
    monkeypatch.setattr(watching, "ALIVE_EVERY_S", 0.05)
    reader, listener = look(watches, churn, RANGE_S)
    assert (await next_of(listener, "alive"))["n"] == 2
    reader.leave(listener)


@on_a_loop
async def test_an_alert_is_acknowledged_and_a_feature_opened(churn, watches):
    reader, listener = look(watches, churn, RANGE_S)
    assert await reader.acknowledge("other") == "this alert does not fire any more"
    await next_of(listener, "now")
    assert await reader.acknowledge(alert_id(ALERT)) == "MlopsSlow is acknowledged for an hour"
    assert churn.done == [(ALERT, 3_600.0)]
    assert reader.distribution("1", "no feature", output=False) is None
    spread = reader.distribution("1", "age", output=False)
    assert spread is not None
    assert len(spread["edges"]) == len(spread["now"]) + 1
    reader.leave(listener)


@on_a_loop
async def test_a_page_looks_at_several_on_one_connection(churn, watches):
    page = Page()
    looks = []
    for number, project in enumerate("pq"):
        listener = page.listen(number)
        looks.append((watches.look(project, churn, RANGE_S, listener), listener))
    page.listen(2).refuse({"message": "there is no deployment x"})
    told: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    while not all(told.values()) or len(told["0"]) < 2:
        event = await page.next()
        assert event is not None
        which, number, data = event.decode().strip().split("\n")
        of = told[which.removeprefix("event: ")]
        assert int(number.removeprefix("id: ")) == len(of)
        of.append(json.loads(data.removeprefix("data: "))["kind"])
    assert (told["0"][:2], told["1"][0], told["2"]) == (["series", "now"], "series", ["refused"])
    for reader, listener in looks:
        reader.leave(listener)
    page.leave()
    assert await page.next() is None


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("extension", ("numpy", "mlflow")), ("watching", ("mlflow", "pandas", "anywidget", "sklearn"))],
)
def test_the_server_stays_light(module, heavy):
    words = f"import sys, mlops_jupyter.faces.server.{module}; print(*[n for n in {heavy!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == ""
