"""The kernel's half of the dashboard: what it tells, how little, and that it rests when nobody looks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from IPython.core.events import EventManager

from mlops_jupyter.widgets import monitor, viewers
from mlops_jupyter.widgets.monitor import MonitorDashboard
from mlops_jupyter.widgets.monitor_wire import alert_id, packed
from tests.fakes.churn import ALERT, Churn
from tests.fakes.waiting import wait_for


@pytest.fixture
def churn():
    return Churn()


@pytest.fixture
def dashboard(churn, monkeypatch):
    made = MonitorDashboard(churn, tick_s=0.02)
    made.sent = []
    monkeypatch.setattr(made, "send", lambda content, buffers=None: made.sent.append((content, buffers)))
    yield made
    made.finish()
    assert not made._thread.is_alive()


def ask(dashboard: MonitorDashboard, **content: Any) -> None:
    dashboard._handle_custom_msg(content, [])


def of(dashboard: MonitorDashboard, kind: str) -> list[Any]:
    return [each for each in dashboard.sent if each[0]["kind"] == kind]


def first(dashboard: MonitorDashboard, kind: str) -> Any:
    return wait_for(lambda: of(dashboard, kind), 10, f"no {kind} was sent")[0]


def begin(dashboard: MonitorDashboard) -> None:
    ask(dashboard, ask="begin")
    ask(dashboard, ask="seen", view="a", seen=True)


def test_a_page_that_begins_is_told_everything_and_then_what_is_new(dashboard, churn):
    begin(dashboard)
    content, (buffer,) = first(dashboard, "series")
    assert (content["reset"], content["count"], content["step"], content["range"]) == (True, 21, 1.0, 900.0)
    assert ["requests", "1", ""] in [new[1:] for new in content["new"]]
    assert ["drift", "", "age"] in [new[1:] for new in content["new"]]
    assert np.frombuffer(buffer, "<f8", 21).tolist() == list(range(80, 101))
    place = next(at for at, new in enumerate(content["new"]) if new[1] == "p95")
    column = np.frombuffer(buffer, "<f4", 21, 21 * 8 + place * 21 * 4)
    assert column.tolist() == [second % 10 for second in range(80, 101)]

    churn.now_s = 101.0
    wait_for(lambda: len(of(dashboard, "series")) > 1, 10, "the new instant was not sent")
    content, (buffer,) = of(dashboard, "series")[1]
    assert (content["reset"], content["count"], content["new"]) == (False, 1, [])
    assert len(buffer) == 8 + 4 * len(content["columns"])
    # While nothing changes nothing is said, and how the deployment is was said once.
    reads = len(churn.reads)
    wait_for(lambda: len(churn.reads) > reads + 5, 10, "it does not look")
    assert (len(of(dashboard, "series")), len(of(dashboard, "now"))) == (2, 1)
    assert [content["n"] for content, _ in dashboard.sent] == list(range(3))


def test_what_is_told_of_drift_has_no_distributions_until_one_is_opened(dashboard, churn):
    begin(dashboard)
    content, _ = first(dashboard, "now")
    assert content["reports"][0]["features"][0][:2] == ["age", "PSI"]
    assert "'edges'" not in str(content)
    ask(dashboard, ask="open", version="1", feature="age", output=False)
    content, _ = first(dashboard, "distribution")
    assert len(content["spread"]["edges"]) == len(content["spread"]["now"]) + 1
    ask(dashboard, ask="open", version="1", feature="nothing", output=False)
    ask(dashboard, ask="open", feature=None)


def test_nobody_looks_while_nobody_is_looking(dashboard, churn):
    time.sleep(0.1)
    assert churn.reads == []
    begin(dashboard)
    ask(dashboard, ask="seen", view="b", seen=True)
    first(dashboard, "series")
    ask(dashboard, ask="seen", view="a", seen=False)
    reads = len(churn.reads)
    wait_for(lambda: len(churn.reads) > reads + 3, 10, "the other view still looks")
    ask(dashboard, ask="seen", view="b", seen=False)
    time.sleep(0.1)
    reads = len(churn.reads)
    time.sleep(0.2)
    assert len(churn.reads) == reads
    ask(dashboard, ask="seen", view="a", seen=True)
    wait_for(lambda: len(churn.reads) > reads, 10, "it does not wake")


def test_a_view_that_is_heard_no_more_is_seen_by_nobody(dashboard, churn, monkeypatch):
    monkeypatch.setattr(viewers, "LEASE_S", 0.3)
    ask(dashboard, ask="seen", view="a", seen=True)
    for _ in range(5):
        reads = len(churn.reads)
        ask(dashboard, ask="seen", view="a", seen=True)
        wait_for(lambda reads=reads: len(churn.reads) > reads + 5, 10, "it rests though it is seen")
    wait_for(lambda: not dashboard._is_seen(), 10, "it is seen for ever")
    reads = len(churn.reads)
    time.sleep(0.2)
    assert len(churn.reads) <= reads + 1  # one that was under way
    ask(dashboard, ask="seen", view="a", seen=True)
    wait_for(lambda: len(churn.reads) > reads + 3, 10, "it does not wake")


def test_while_a_cell_runs_nobody_needs_to_be_heard(monkeypatch):
    monkeypatch.setattr(viewers, "LEASE_S", 0.1)
    events = EventManager(None, {"pre_run_cell": None, "post_run_cell": None})
    seen = viewers.Viewers(events)
    seen.note("a", seen=True)
    time.sleep(0.2)
    assert seen.any()  # the cell that has made it runs still
    events.trigger("post_run_cell", None)
    assert seen.any()
    events.trigger("pre_run_cell", None)
    time.sleep(0.2)
    assert seen.any()
    events.trigger("post_run_cell", None)
    wait_for(lambda: not seen.any(), 10, "it is seen for ever")
    seen.end()
    assert events.callbacks == {"pre_run_cell": [], "post_run_cell": []}


def test_another_range_begins_anew_and_nonsense_is_none(dashboard, churn):
    begin(dashboard)
    first(dashboard, "series")
    for nonsense in (None, "1h", -5, float("nan"), 10**12, [], {}):
        ask(dashboard, ask="range", range=nonsense)
    ask(dashboard, ask=["range"])
    dashboard._handle_custom_msg("range", [])
    ask(dashboard, ask="range", range=3_600)
    found = wait_for(lambda: [c for c, _ in of(dashboard, "series") if c["range"] == 3_600], 10, "the range stays")
    assert found[0]["reset"]
    assert {range_s for range_s, _ in churn.reads} == {900.0, 3_600.0}


def test_what_is_asked_for_is_done_beside_the_kernel_and_told(dashboard, churn):
    begin(dashboard)
    churn.held.clear()
    ask(dashboard, ask="share", shares={"1": 100})
    assert churn.done == []  # the kernel is free meanwhile
    ask(dashboard, ask="rollback")
    content, _ = first(dashboard, "done")
    assert (content["failed"], content["words"]) == (True, "something else is being done still")
    churn.held.set()
    wait_for(lambda: len(of(dashboard, "done")) == 2, 10)
    assert of(dashboard, "done")[1][0]["words"] == "traffic: version 1 100 %"
    assert churn.done == [("1=100",)]

    dashboard._acting.join(10)
    ask(dashboard, ask="share", shares={"1": 7})
    wait_for(lambda: len(of(dashboard, "done")) == 3, 10)
    words = of(dashboard, "done")[2][0]["words"]
    assert words == "the shares sum to 7, not to 100; mlops traffic NAME 3=90 4=10"
    dashboard._acting.join(10)
    ask(dashboard, ask="rollback")
    wait_for(lambda: len(of(dashboard, "done")) == 4, 10)
    assert of(dashboard, "done")[3][0]["words"] == "RuntimeError: something unforeseen"


def test_an_alert_is_acknowledged_by_what_names_it(dashboard, churn):
    begin(dashboard)
    first(dashboard, "now")
    ask(dashboard, ask="acknowledge", alert="another")
    wait_for(lambda: len(of(dashboard, "done")) == 1, 10)
    assert "does not fire any more" in of(dashboard, "done")[0][0]["words"]
    dashboard._acting.join(10)
    ask(dashboard, ask="acknowledge", alert=alert_id(ALERT))
    wait_for(lambda: len(of(dashboard, "done")) == 2, 10)
    assert churn.done == [(ALERT, 3_600.0)]


def test_a_thread_that_cannot_go_on_says_so(dashboard, churn):
    churn.fails = ZeroDivisionError("division by zero")
    begin(dashboard)
    content, _ = first(dashboard, "done")
    assert content["words"] == "the dashboard stopped: ZeroDivisionError: division by zero"
    assert len(churn.reads) == 1


def test_while_nothing_is_new_the_page_hears_that_the_kernel_is_there(dashboard, churn, monkeypatch):
    monkeypatch.setattr(monitor, "ALIVE_EVERY_S", 0.1)
    begin(dashboard)
    first(dashboard, "alive")
    ask(dashboard, ask="seen", view="a", seen=False)


def test_a_change_of_how_it_is_is_told_at_once(dashboard, churn):
    begin(dashboard)
    first(dashboard, "now")
    churn.status = "stopped"
    found = wait_for(lambda: of(dashboard, "now")[1:], 10, "nothing was told")
    assert found[0][0]["status"] == "stopped"


def test_values_that_are_not_known_are_nan():
    data = packed((1.5, 2.5), [(None, 0.25)])
    assert np.frombuffer(data, "<f8", 2).tolist() == [1.5, 2.5]
    unknown, known = np.frombuffer(data, "<f4", 2, 16)
    assert np.isnan(unknown)
    assert known == 0.25


def test_another_alert_has_another_name():
    assert alert_id(ALERT) != alert_id(replace(ALERT, labels={"endpoint": "shop"}))
