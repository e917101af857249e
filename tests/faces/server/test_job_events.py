"""What is kept of a job: in bounds, for long enough, and not of too many at once."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from mlops_jupyter.errors import Conflict
from mlops_jupyter.faces.server import job_events, jobs
from mlops_jupyter.faces.server.forks import Forks
from mlops_jupyter.faces.server.job_events import Follower, Told
from mlops_jupyter.faces.server.jobs import Jobs, Wanted


def add(told: Told, event: str, **more: Any) -> None:
    told.add(event, json.dumps({"event": event, **more}).encode() + b"\n")


def words(told: Told, after: int = 0) -> list[tuple[int, str]]:
    return [(one["n"], one["event"]) for one in map(json.loads, told.after(after))]


def test_of_what_replaces_itself_the_newest_is_kept():
    told = Told("a")
    for share in (0.1, 0.2):
        add(told, "progress", message="x", share=share)
        add(told, "part", data={})
    add(told, "live", data={})
    add(told, "live", data={})
    assert words(told) == [(2, "part"), (3, "progress"), (4, "part"), (6, "live")]
    assert words(told, 3) == [(4, "part"), (6, "live")]
    assert json.loads(told.after(2)[0]) == {"job": "a", "n": 3, "event": "progress", "message": "x", "share": 0.2}


def test_what_is_too_much_is_missed_and_said_to_be(monkeypatch):
    monkeypatch.setattr(job_events, "MOST_EVENTS", 3)
    monkeypatch.setattr(job_events, "MOST_BYTES", 1_000)
    told = Told("a")
    for _ in range(5):
        add(told, "part", data={})
    assert words(told) == [(2, "missed"), (3, "part"), (4, "part"), (5, "part")]
    assert words(told, 2) == [(3, "part"), (4, "part"), (5, "part")]
    add(told, "result", data={"text/plain": 2_000 * "x"})
    assert words(told, 4) == [(5, "missed"), (6, "result")]
    assert told.ended


def test_who_follows_is_told_what_comes_until_all_have_ended():
    async def follow() -> None:
        first, second = Told("a"), Told("b")
        add(first, "part", data={})
        follower = Follower({first: 1, second: 0})
        asked = asyncio.ensure_future(follower.next())
        await asyncio.sleep(0)
        add(second, "part", data={})
        assert json.loads(await asked)["job"] == "b"
        for told in (first, second):
            add(told, "cancelled")
        assert (await follower.next()).count(b"cancelled") == 2
        assert not first.heard  # it is on its way
        assert await follower.next() is None
        assert first.heard
        assert second.heard

    asyncio.run(follow())


def test_who_leaves_has_heard_nothing():
    async def follow() -> None:
        told = Told("a")
        follower = Follower({told: 0})
        assert told.alone_s() == 0.0
        add(told, "cancelled")
        assert await follower.next() is not None
        follower.leave()
        assert await follower.next() is None
        assert not told.heard
        assert told.alone_s() > 0.0

    asyncio.run(follow())


class Waiting:
    """A process that runs until it is told to end, in the place of one that would do something."""

    stdin = None

    def __init__(self) -> None:
        self.pid, self.returncode = 2**22 + 1, None
        self.stdout = asyncio.StreamReader()

    async def wait(self) -> int:
        return 0

    def end(self) -> None:
        self.stdout.feed_data(b'{"event": "result", "failed": false, "data": {}}\n')
        self.returncode = 0


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> tuple[Jobs, list[Waiting]]:
    found = Jobs(Forks(logging.getLogger("tests.jobs")))
    processes: list[Waiting] = []

    async def start(_: Wanted) -> Waiting:
        processes.append(Waiting())
        return processes[-1]

    monkeypatch.setattr(found, "_started", start)
    monkeypatch.setattr(jobs.os, "killpg", lambda *_: [one.end() for one in processes])
    monkeypatch.setattr(jobs, "_LOOK_S", 0.01)
    return found, processes


def wanted(verb: str) -> Wanted:
    return Wanted(verb, {}, False, Path("/"))


async def until(happened: Any) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 -- what happens is announced to nobody
            await asyncio.sleep(0.005)


def test_no_more_are_begun_than_may_be_at_work(running, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 2)
    all_, processes = running

    async def begin() -> None:
        for _ in range(2):
            all_.start(wanted("run"), "")
        with pytest.raises(
            Conflict, match="2 verbs are at work here, as many as may be at a time: deploy was not begun"
        ) as no:
            all_.start(wanted("deploy"), "")
        assert no.value.hint == "wait until one has ended, or cancel one"
        # To look is not held up by those at work.
        all_.start(wanted("runs"), "")
        await until(lambda: len(processes) == 3)
        processes[0].end()
        await until(lambda: len(all_._tasks) == 2)
        all_.start(wanted("deploy"), "")
        for job in all_.of(""):
            all_.forget(job)
        await asyncio.gather(*all_._tasks)

    asyncio.run(begin())


def test_what_only_reads_ends_when_nobody_follows_it(running, monkeypatch):
    monkeypatch.setattr(jobs, "_ALONE_S", 0.2)
    all_, _ = running

    async def begin() -> None:
        followed, left, writes = (all_.start(wanted(verb), "") for verb in ("logs", "logs", "run"))
        follower = Follower({followed.told: 0})
        await until(lambda: all_.find(left.id, "") is None)
        assert [one.id for one in all_.of("")] == [followed.id, writes.id]
        follower.leave()
        all_.forget(writes)
        await until(lambda: all_.of("") == [])

    asyncio.run(begin())


def test_what_has_ended_is_kept_for_a_while(running, monkeypatch):
    all_, processes = running
    active: list[None] = []
    monkeypatch.setattr(all_, "_active", lambda: active.append(None))

    async def begin() -> None:
        first = all_.start(wanted("run"), "")
        await until(lambda: active)
        processes[0].end()
        await asyncio.gather(*all_._tasks)
        second = all_.start(wanted("run"), "")
        await until(lambda: len(processes) == 2)
        processes[1].end()
        await asyncio.gather(*all_._tasks)
        assert [one.described()["state"] for one in all_.of("")] == ["finished", "finished"]
        monkeypatch.setattr(jobs, "_MOST_KEPT", 1)
        await until(lambda: all_.of("") == [second])
        assert all_.find(first.id, "") is None
        monkeypatch.setattr(jobs, "_KEPT_S", 0.0)
        await until(lambda: all_.of("") == [])

    asyncio.run(begin())


def test_a_verb_that_cannot_be_started_is_told_to_have_failed(running, monkeypatch, caplog):
    all_, _ = running

    async def refuse(_: Wanted) -> Waiting:
        raise OSError("no memory")

    monkeypatch.setattr(all_, "_started", refuse)

    async def begin() -> None:
        job = all_.start(wanted("run"), "")
        await asyncio.gather(*all_._tasks)
        (line,) = job.told.after(0)
        assert json.loads(line)["message"] == "run could not be run; the Jupyter server's log has the whole of it"
        all_.forget(job)

    asyncio.run(begin())
    assert "no memory" in caplog.text
