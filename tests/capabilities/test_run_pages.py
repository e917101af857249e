"""Very many runs, read page by page: every run once, and no more kept than a page."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.run_pages import PagedRuns
from mlops_jupyter.records import Run, RunTable


class Store:
    """Counts runs off a list, as MLflow's databases do; runs may be put before it meanwhile."""

    def __init__(self, runs: int, size: int) -> None:
        self.names = [str(number) for number in range(runs)]
        self.size = size
        self.asked: list[int] = []
        self.alive: weakref.WeakSet = weakref.WeakSet()

    def page(self, place: str = "0") -> RunTable:
        start = int(place)
        self.asked.append(start)
        some = self.names[start : start + self.size]
        runs = tuple(Run(name, name, "churn", "FINISHED") for name in some)
        for run in runs:
            self.alive.add(Alive(run))
        more = start + self.size < len(self.names)
        return RunTable(runs, "churn", "", "", "x", next_page=str(start + self.size) if more else None)

    def runs(self, limit: int) -> PagedRuns:
        return PagedRuns(self.page(), self.page, limit)


class Alive:
    """Lives as long as its run."""

    def __init__(self, run: Run) -> None:
        object.__setattr__(run, "_alive", self)


@given(runs=st.integers(0, 40), size=st.integers(1, 9), limit=st.integers(1, 50))
def test_it_is_the_sequence_that_it_stands_for(runs, size, limit):
    store = Store(runs, size)
    wanted = store.names[:limit]
    found = store.runs(limit)
    assert [run.name for run in found] == wanted
    assert [run.name for run in found] == wanted
    assert (len(found), found.more) == (len(wanted), runs > limit)
    assert [found[place].name for place in range(len(wanted))] == wanted
    assert [found[-place].name for place in range(1, len(wanted) + 1)] == wanted[::-1]
    for some in (slice(3), slice(2, 7), slice(-3, None), slice(None, None, -1), slice(1, -1, 2)):
        assert [run.name for run in found[some]] == wanted[some]
    for place in (len(wanted), -len(wanted) - 1):
        with pytest.raises(IndexError):
            found[place]


def test_what_is_not_wanted_is_not_read():
    store = Store(100, 10)
    found = store.runs(1000)
    assert [run.name for run in found[:10]] == store.names[:10]
    assert found[3].name == "3"
    assert store.asked == [0]
    assert found[25].name == "25"
    assert store.asked == [0, 10, 20]


def test_a_run_that_comes_meanwhile_does_not_show_another_twice():
    store = Store(30, 10)
    found, seen = store.runs(1000), []
    for run in found:
        if len(seen) == 10:
            store.names[:0] = ["new", "newer"]
        seen.append(run.name)
    assert sorted(seen, key=int) == [str(number) for number in range(30)]
    assert len(found) == 30


def test_a_page_at_a_time_is_kept():
    store = Store(500, 10)
    found, most = store.runs(1000), 0
    for place, _ in enumerate(found):
        if place % 50 == 0:
            gc.collect()
            most = max(most, len(store.alive))
    assert place == 499
    # The first page, the one being read, and the one after it as it comes.
    assert most <= 40
