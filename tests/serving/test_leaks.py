"""A worker keeps nothing of the requests it has answered: no descriptor, and no memory that grows with their number."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import psutil
import pytest

from mlops_jupyter.capabilities.endpoints import Limits
from tests.fakes.waiting import wait_for
from tests.fakes.workers import plan_of, planned, request, scoring

GOOD = request(scoring([[1, 2]]))
BAD = (
    request(b'{"dataframe_split": {"columns": ["a"], "data": [[1]]}}'),
    request(b"[" * 200),
    request(b'{"instances": [[1, "x"]]}'),
    request(
        json.dumps({"inputs": [{"name": "a", "shape": [9], "datatype": "FP64", "data": [1]}]}).encode(),
        path="/v2/models/m/infer",
    ),
    request(GOOD, "x-request-id: " + "r" * 4_000),
    request(scoring([[13, 2]])),
    request(scoring([[1, 2]]), path="/nowhere"),
    request(scoring([[1, 2]]), token="wrong"),
)
ROUNDS, EACH = 12, 250
# What allocators hold back differs by some pages; 3,000 requests that each left 1 kB would be 3 MB.
MOST_BYTES = 2_000_000


def a_round(worker) -> None:
    """Ask well and badly, over connections that are closed, cut off in a request's middle, and left."""
    client = worker.client()
    for at in range(EACH):
        client.ask(GOOD)
        client.ask(BAD[at % len(BAD)])
        if at % 25 == 0:
            client.close()
            with socket.create_connection(worker.address) as half:
                half.sendall(GOOD[: len(GOOD) // 2])
            client = worker.client()
    client.close()


@pytest.mark.parametrize("kind", ["Runner", "Particular"])
def test_nothing_grows_with_the_number_of_requests(kind, start, tmp_path):
    worker = start(plan_of(planned(kind, tmp_path), limits=Limits(body_bytes=20_000))).ready()
    process = psutil.Process(worker.process.pid)
    sizes = []
    idle = process.num_fds()
    for _ in range(ROUNDS):
        a_round(worker)
        sizes.append(process.memory_full_info().uss)
    wait_for(lambda: process.num_fds() <= idle, 30, "descriptors are left open")
    grown = sizes[-1] - sizes[ROUNDS // 2]
    assert grown < MOST_BYTES, sizes
    with suppress(ConnectionError):
        assert worker.client().ask(GOOD).status == 200
