"""A metrics server that knows nothing of an endpoint yet, or is slow, away, or of another time."""

from __future__ import annotations

import time

import numpy as np
import pytest

from mlops_jupyter.capabilities.monitoring import clocks
from mlops_jupyter.capabilities.monitoring.curves import CurveKey
from mlops_jupyter.capabilities.monitoring.sources import AskedServer
from mlops_jupyter.errors import NotFound, Unavailable
from mlops_jupyter.protocols import QueriedSeries


class Beginning:
    """A server that has scraped the endpoint once at most."""

    def __init__(self, *up: float) -> None:
        self.up = up

    def clock_s(self) -> float:
        return 1_700_000_000.0

    def query(self, expression: str, at_s: float | None = None) -> tuple[QueriedSeries, ...]:
        assert expression == 'up{job="mlops",endpoint="churn"}'
        return tuple(QueriedSeries({}, (self.clock_s(),), (value,)) for value in self.up)

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> tuple[QueriedSeries, ...]:
        return tuple(QueriedSeries({}, (self.clock_s(),), (self.clock_s(),)) for value in self.up if value)


@pytest.mark.parametrize(
    ("up", "said", "hint"),
    [
        ((1.0,), "has scraped churn only once so far", "wait for its next scrape"),
        ((0.0,), "cannot scrape churn", "its page /targets says why"),
        ((), "has not scraped churn in the last minutes", "mlops export prometheus churn"),
    ],
)
def test_why_nothing_is_known_is_told(up, said, hint):
    with pytest.raises(NotFound, match=said) as told:
        AskedServer(Beginning(*up), "churn").curves(60, None)
    assert hint in told.value.hint


class Scraping:
    """A server that scrapes the endpoint each second, whose values are the moments of its own clock.

    Its clock is ahead of ours, and each answer takes a while.
    """

    def __init__(self, *, ahead_s: float = 0.0, takes_s: float = 0.0) -> None:
        self.ahead_s, self.takes_s = ahead_s, takes_s
        self.away = False
        self.asked = 0

    def clock_s(self) -> float:
        present = time.time() + self.ahead_s
        self._take()
        return present

    def query(self, expression: str, at_s: float | None = None) -> tuple[QueriedSeries, ...]:
        self._take()
        return ()

    def query_range(self, expression: str, start_s: float, end_s: float, step_s: float) -> tuple[QueriedSeries, ...]:
        times = tuple(np.arange(start_s, end_s + step_s / 2, step_s).tolist())
        self._take()
        # Nothing is known of a time that has not come.
        known = tuple(one for one in times if one <= time.time() + self.ahead_s)
        return (QueriedSeries({"version": "1"}, known, known),)

    def _take(self) -> None:
        self.asked += 1
        if self.away:
            raise Unavailable("Prometheus", "Prometheus does not answer", None)
        time.sleep(self.takes_s)


@pytest.mark.parametrize(("ahead_s", "where"), [(90.0, "ahead of"), (-90.0, "behind")])
def test_of_a_server_whose_clock_is_wrong_each_value_stands_at_our_time(ahead_s, where):
    seen = AskedServer(Scraping(ahead_s=ahead_s), "churn").curves(60, None)
    found = seen.curves.values[CurveKey("requests", "1")]
    assert len(found) >= 60
    assert found - seen.curves.times == pytest.approx(ahead_s, abs=0.1)
    assert seen.notes == (f"the metrics server's clock is 90 s {where} this machine's; times are ours",)


def test_a_slow_answer_is_no_wrong_clock():
    server = Scraping(takes_s=0.5)
    assert clocks.ahead_s(server, agree_s=0.1) == 0.0
    server.ahead_s = -5.0
    assert clocks.ahead_s(server, agree_s=0.1) == pytest.approx(-5.25, abs=0.1)


def test_a_slow_server_is_asked_all_at_once():
    server = Scraping(takes_s=0.4)
    asked = AskedServer(server, "churn")
    began = time.monotonic()
    seen = asked.curves(60, None)
    # Its clock, how often it scrapes, and all the rest together.
    assert time.monotonic() - began < 6 * server.takes_s
    assert server.asked >= 12
    assert len(seen.curves.values) >= 10


def test_a_server_that_is_away_is_left_alone_for_a_while_and_then_found_again():
    server, now_s = Scraping(), 0.0
    asked = AskedServer(server, "churn", now=lambda: now_s)
    asked.curves(60, None)
    server.away = True
    for _ in range(3):
        with pytest.raises(Unavailable, match="Prometheus does not answer"):
            asked.curves(60, None)
    tried = server.asked
    server.away = False
    with pytest.raises(Unavailable, match="Prometheus does not answer"):
        asked.curves(60, None)
    assert server.asked == tried
    now_s = 5.1
    assert asked.curves(60, None).curves.values
