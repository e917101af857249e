"""A server that is told to end does, whatever the processes do that it waits for."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import httpx
import psutil
import pytest

from mlops_jupyter.capabilities.forking import supported
from tests.fakes.waiting import ended, wait_for

pytestmark = pytest.mark.skipif(not supported(), reason="needs Linux")
FORKING = "mlops_jupyter.capabilities.forking.server"


def of_this_test(module: str) -> list[psutil.Process]:
    """Return the processes that run a module, parents first."""
    found = [
        one
        for one in psutil.process_iter(["cmdline", "environ"])
        if module in (one.info["cmdline"] or []) and (one.info["environ"] or {}).get("HOME") == os.environ["HOME"]
    ]
    pids = {one.pid for one in found}
    return sorted(found, key=lambda one: one.ppid() in pids)


def test_a_server_ends_while_it_waits_for_a_fork(server: httpx.Client, project: Path):
    assert server.post("verbs/status", json={}).status_code == 200
    (jupyter,) = of_this_test("jupyter_server")
    base = of_this_test(FORKING)[0]
    before = jupyter.num_fds()
    base.send_signal(signal.SIGSTOP)
    try:
        answers: list[object] = []

        def ask() -> None:
            try:
                answers.append(server.post("verbs/status", json={}).status_code)
            except httpx.TransportError as error:
                answers.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        # Two ends for the worker, and one to the process that is to fork it, which says nothing.
        wait_for(lambda: jupyter.num_fds() >= before + 3, what="the verb has not come")
        jupyter.send_signal(signal.SIGTERM)
        wait_for(lambda: ended(jupyter), 30, "the server has not ended")
        asking.join(30)
        assert isinstance(answers[0], httpx.TransportError)
    finally:
        base.send_signal(signal.SIGCONT)
    # It sees that its owner is gone.
    wait_for(lambda: ended(base))
