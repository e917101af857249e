"""Verbs at work for a browser: they outlive its connection, are found again, and are cancelled by a word only."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.faces.server.test_routes import STREAM, events, importable
from tests.fakes.notebooks import write_notebook
from tests.fakes.waiting import ended, wait_for

__all__ = ["importable"]


def slow_notebook(project: Path) -> dict[str, Any]:
    """Write a notebook that has begun when the file ``begun`` is there, and ends when ``go`` is."""
    waits = "import pathlib, time\nopen('begun', 'w').close()\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
    write_notebook(project / "slow.ipynb", waits)
    return {"arguments": {"notebooks": ["slow.ipynb"]}}


FORKING, WORKER = "mlops_jupyter.capabilities.forking.server", "mlops_jupyter.faces.server.worker"


def workers() -> list[psutil.Process]:
    """Return the processes that run verbs: those started, and those forked, whose names are their server's."""
    ours = [one for one in psutil.process_iter(["cmdline", "environ"]) if is_ours(one)]
    started = [one for one in ours if WORKER in one.info["cmdline"]]
    forking = {one.pid: one for one in ours if FORKING in one.info["cmdline"]}

    def ancestors(one: psutil.Process) -> list[int]:
        """A base has none, a family its base, a worker its family and the base; what that starts is further down."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            while one.ppid() in forking:
                one = forking[one.ppid()]
                found.append(one.pid)
        return found

    return started + [one for one in forking.values() if len(ancestors(one)) == 2]


def is_ours(one: psutil.Process) -> bool:
    return bool(one.info["cmdline"]) and (one.info["environ"] or {}).get("HOME") == os.environ["HOME"]


def begin(server: httpx.Client, verb: str, **body: Any) -> str:
    """Start a verb without waiting for it; return its job."""
    answer = server.post(f"verbs/{verb}", json={**body, "wait": False})
    assert answer.status_code == 202, answer.text
    found: str = answer.json()["job"]
    return found


def told(server: httpx.Client, path: str) -> list[dict[str, Any]]:
    """Follow jobs to their end."""
    with server.stream("GET", path) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        return events(answer)


def listed(server: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.get("jobs").json()["jobs"]
    return found


def test_a_verb_is_cancelled(server, stored_runs, project):
    with server.stream("POST", "verbs/run", json=slow_notebook(project), headers=STREAM) as answer:
        lines = answer.iter_lines()
        job = json.loads(next(lines))["job"]
        wait_for((project / "begun").exists)
        assert server.delete(f"jobs/{job}").status_code == 204
        told = [json.loads(line) for line in lines if line]
    assert told[-1]["event"] == "cancelled"
    # What it says when it is interrupted comes before.
    (shown,) = [one for one in told if one["event"] == "shown"]
    assert shown["data"]["text/plain"].startswith("KILLED  slow")
    wait_for(lambda: not workers())
    assert [one.status for one in stored_runs()] == ["KILLED"]
    again = server.delete(f"jobs/{job}")
    assert (again.status_code, again.json()["error"]) == (404, "NotFound")


def test_a_run_outlives_the_connection_that_it_was_begun_on(server, project):
    with server.stream(
        "POST", "verbs/run", json=slow_notebook(project) | {"notebook": "a.ipynb"}, headers=STREAM
    ) as one:
        lines = one.iter_lines()  # kept: without it the connection is closed already
        job = json.loads(next(lines))["job"]
        wait_for((project / "begun").exists)
    (found,) = listed(server)
    assert {key: found[key] for key in ("job", "verb", "notebook", "effect", "form", "state", "heard", "ended")} == {
        "job": job,
        "verb": "run",
        "notebook": "a.ipynb",
        "effect": "writes",
        "form": "shown",
        "state": "running",
        "heard": False,
        "ended": None,
    }
    assert found["arguments"] == {"notebooks": ["slow.ipynb"]}
    assert workers()
    (project / "go").touch()
    wait_for(lambda: listed(server)[0]["state"] == "finished")
    assert listed(server)[0]["heard"] is False
    whole = told(server, f"jobs/{job}")
    assert [one["n"] for one in whole] == sorted(one["n"] for one in whole)
    assert (whole[-1]["event"], whole[-1]["failed"]) == ("result", False)
    assert "FINISHED" in whole[-1]["data"]["text/plain"]
    # Who has a part of it already is told the rest.
    assert told(server, f"jobs/{job}?after={whole[-2]['n']}") == whole[-1:]
    assert told(server, f"jobs/{job}?after={whole[-1]['n']}") == []
    wait_for(lambda: listed(server)[0]["heard"])


def test_several_jobs_are_followed_on_one_connection(server, project):
    first = begin(server, "run", **slow_notebook(project))
    second = begin(server, "status")
    with server.stream("GET", f"jobs/events?job={first}:0&job={second}:0&job=00:7") as answer:
        lines = (json.loads(line) for line in answer.iter_lines() if line)
        lost = next(lines)
        assert (lost["job"], lost["n"], lost["event"], lost["error"]) == ("00", 8, "error", "NotFound")
        assert lost["message"] == "there is no job 00 any more: it ended with the server, or long ago"
        ends = {}
        for one in lines:
            if one["event"] == "result":
                ends[one["job"]] = one["failed"]
            if one["job"] == second and one["event"] == "result":
                assert ends == {second: False}
                (project / "go").touch()
        assert ends == {second: False, first: False}
    for path in ("jobs/events", "jobs/events?job=0:x", f"jobs/{first}?after=-1", "jobs/events?" + 101 * "job=0:0&"):
        answer = server.get(path)
        assert (answer.status_code, answer.json()["error"]) == (400, "CommandError")
    assert server.get("jobs/0").status_code == 404


@pytest.fixture
def silent_store(project: Path) -> Iterator[socket.socket]:
    """A tracking server that is asked and does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (project / "mlops.toml").write_text(f'tracking_uri = "http://127.0.0.1:{listening.getsockname()[1]}"\n')
        yield listening


def test_what_only_reads_ends_with_its_connection(silent_store, server):
    with server.stream("POST", "verbs/runs", json={}, headers=STREAM) as answer:
        lines = answer.iter_lines()
        next(lines)
        asking, _ = silent_store.accept()
        assert workers()
    with asking:
        wait_for(lambda: not workers())
    assert listed(server) == []


def test_a_verb_is_cancelled_before_its_process_is_there(server, project):
    job = begin(server, "run", **slow_notebook(project))
    server.delete(f"jobs/{job}")
    assert told(server, f"jobs/{job}")[-1]["event"] == "cancelled"
    wait_for(lambda: not workers())
    assert not (project / "begun").exists()


def test_a_verb_whose_process_is_killed_is_told(server, project):
    with server.stream("POST", "verbs/run", json=slow_notebook(project), headers=STREAM) as answer:
        lines = answer.iter_lines()
        next(lines)
        wait_for((project / "begun").exists)
        (worker,) = workers()
        kernels = worker.children(recursive=True)
        worker.send_signal(signal.SIGKILL)
        last = [json.loads(line) for line in lines if line][-1]
    (known,) = server.get("jobs").json()["jobs"]
    assert (last.pop("job"), last.pop("n"), known["state"]) == (known["job"], known["events"], "failed")
    for one in kernels:
        if one.is_running():
            one.kill()
    assert last == {
        "event": "error",
        "status": 500,
        "error": "Unexpected",
        "message": "the process that ran run has ended with SIGKILL",
        "hint": None,
    }


@pytest.mark.parametrize(
    "server", ["--ServerApp.identity_provider_class=tests.fakes.authorizers.ByName"], indirect=True
)
def test_nobody_sees_or_cancels_another_s_jobs(importable, server, project):
    ana, ben = ({"X-Name": name} for name in ("ana", "ben"))
    job = server.post("verbs/run", json=slow_notebook(project) | {"wait": False}, headers=ana).json()["job"]
    assert [one["job"] for one in server.get("jobs", headers=ana).json()["jobs"]] == [job]
    assert server.get("jobs", headers=ben).json()["jobs"] == []
    assert server.get(f"jobs/{job}", headers=ben).status_code == 404
    (lost,) = events(server.get(f"jobs/events?job={job}:0", headers=ben))
    assert (lost["event"], lost["error"]) == ("error", "NotFound")
    assert server.delete(f"jobs/{job}", headers=ben).status_code == 404
    assert server.delete(f"jobs/{job}", headers=ana).status_code == 204
    assert events(server.get(f"jobs/{job}", headers=ana))[-1]["event"] == "cancelled"


def test_a_server_that_ends_leaves_nothing_at_work(server, project):
    begin(server, "run", **slow_notebook(project))
    wait_for((project / "begun").exists)
    (worker,) = workers()
    # What brings metrics to the store outlives everybody, until they are there.
    known = {}
    for one in (worker, *worker.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            known[one] = " ".join(one.cmdline())
    left = {one: line for one, line in known.items() if "shipper" not in line}
    assert len(left) > 1
    (jupyter,) = [one for one in psutil.process_iter(["cmdline", "environ"]) if is_ours(one) and is_jupyter(one)]
    jupyter.send_signal(signal.SIGTERM)
    wait_for(lambda: ended(jupyter), 30, "the server has not ended")
    for one, line in left.items():
        wait_for(lambda one=one: ended(one), 30, f"it goes on: {line}")


def is_jupyter(one: psutil.Process) -> bool:
    return "jupyter_server" in one.info["cmdline"]
