"""Whoever has connected is answered, also when the endpoint changes or ends in that moment."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_jupyter.capabilities import processes
from mlops_jupyter.capabilities.endpoints import EndpointPlan
from tests.fakes.endpoints import RunningEndpoint
from tests.fakes.waiting import wait_for
from tests.fakes.workers import plan_of, planned, request, scoring

ASKED = request(scoring([[1.0, 2.0]]), "connection: close")


class Newcomers:
    """Clients that come all the time, each with one request on a connection of its own."""

    def __init__(self, connect: Callable[[], socket.socket], many: int = 16) -> None:
        self.answered = 0
        self.refused = 0
        self.lost: list[str] = []
        self._connect = connect
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._come) for _ in range(many)]
        for thread in self._threads:
            thread.start()

    def wait_for_more(self, count: int = 200) -> None:
        wanted = self.answered + count
        wait_for(lambda: self.answered >= wanted)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def _come(self) -> None:
        while not self._stop.is_set():
            try:
                stream = self._connect()
            except OSError:
                # Nobody is there any more, and that is told at once.
                self.refused += 1
                return
            try:
                told = _asked(stream)
            except OSError as error:
                self.lost.append(repr(error))
                continue
            head, _, body = told.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 ") or json.loads(body)["predictions"] not in ([3.0], [6.0]):
                self.lost.append(repr(told))
            self.answered += 1


def _asked(stream: socket.socket) -> bytes:
    with stream:
        stream.sendall(ASKED)
        told = b""
        while more := stream.recv(65536):
            told += more
        return told


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[EndpointPlan], RunningEndpoint]]:
    started: list[RunningEndpoint] = []

    def start(plan: EndpointPlan) -> RunningEndpoint:
        started.append(RunningEndpoint(tmp_path, plan))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.mark.parametrize("kind", ["port", "socket"])
@pytest.mark.parametrize("workers", [1, 2])
def test_nobody_who_has_connected_is_cut_off_at_the_end(begin, tmp_path, kind, workers):
    place = str(tmp_path / "e.sock")
    plan = plan_of(planned("Runner", tmp_path), workers=workers, socket=place if kind == "socket" else None)
    endpoint = begin(plan)

    def connect() -> socket.socket:
        if kind == "port":
            return socket.create_connection(("127.0.0.1", endpoint.state.port), 30)
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(30)
        stream.connect(place)
        return stream

    newcomers = Newcomers(connect)
    newcomers.wait_for_more()
    processes.end(endpoint.state.supervisor, 40)
    newcomers.end()
    assert newcomers.lost == []
    assert newcomers.refused == 16
    assert "cut off" not in endpoint.log()


def test_nobody_is_cut_off_while_versions_and_workers_change(begin, tmp_path):
    plan = plan_of(planned("Runner", tmp_path), workers=3)
    endpoint = begin(plan)
    newcomers = Newcomers(lambda: socket.create_connection(("127.0.0.1", endpoint.state.port), 30))
    newcomers.wait_for_more()
    for workers, version in ((1, "1"), (1, "2"), (2, "2"), (1, "1")):
        endpoint.change(replace(plan, workers=workers, versions=(planned("Runner", tmp_path, version),)))
        wait_for(lambda workers=workers: [one.status for one in endpoint.now().workers] == ["ready"] * workers)
        newcomers.wait_for_more()
    newcomers.end()
    assert (newcomers.lost, newcomers.refused) == ([], 0)
