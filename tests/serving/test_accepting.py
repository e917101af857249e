"""Whoever connects is let in at once, however many come together."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from mlops_jupyter.serving.accepting import ALONE, AMONG_OTHERS, Door

MANY = 64


class Hello(asyncio.Protocol):
    """Says one byte to whoever is let in, and counts them."""

    def __init__(self, seen: list[asyncio.BaseTransport], first: asyncio.Event | None = None) -> None:
        self.seen = seen
        self.first = first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.seen.append(transport)
        if self.first is not None:
            self.first.set()
        transport.write(b"!")  # type: ignore[attr-defined]


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as one:
        yield one


@pytest.fixture
def connect(listening: socket.socket) -> Iterator[Callable[[], socket.socket]]:
    address = listening.getsockname()
    with ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection(address, 10))


def run(work: Coroutine[Any, Any, None]) -> None:
    uvloop.run(asyncio.wait_for(work, 30))


async def turns_until(found: Callable[[], bool]) -> int:
    turns = 0
    while not found():
        turns += 1
        await asyncio.sleep(0)
    return turns


@pytest.mark.parametrize("at_once", [ALONE, AMONG_OTHERS])
def test_who_comes_together_is_let_in_as_many_at_once_as_told(listening, connect, at_once):
    async def serve() -> None:
        seen: list[asyncio.BaseTransport] = []
        door = Door(listening, lambda: Hello(seen), at_once=at_once)
        clients = [connect() for _ in range(MANY)]
        door.open()
        turns = await turns_until(lambda: len(seen) == MANY)
        if at_once == ALONE:
            assert turns < 10
        else:
            # Another worker has time to take its share.
            assert turns >= MANY / AMONG_OTHERS - 1
        assert all(client.recv(1) == b"!" for client in clients)
        await door.close()

    run(serve())


def test_who_connected_before_the_door_closed_is_let_in_and_nobody_after(listening, connect):
    async def serve() -> None:
        seen: list[asyncio.BaseTransport] = []
        door = Door(listening, lambda: Hello(seen), at_once=ALONE)
        client = connect()
        door.open()
        await turns_until(lambda: bool(door._coming))
        await door.close()
        assert len(seen) == 1
        assert client.recv(1) == b"!"
        with pytest.raises(ConnectionRefusedError):
            connect()

    run(serve())


def test_who_comes_while_no_file_can_be_opened_waits_and_is_let_in_later(listening, connect, caplog):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def serve() -> None:
        seen: list[asyncio.BaseTransport] = []
        first = asyncio.Event()
        door = Door(listening, lambda: Hello(seen, first), at_once=ALONE)
        client = connect()
        resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
        door.open()
        await turns_until(lambda: bool(caplog.records))
        assert not seen
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await first.wait()
        assert client.recv(1) == b"!"
        assert len(caplog.records) == 1, "it asks again and again"
        await door.close()

    try:
        run(serve())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_client_that_is_gone_before_it_is_let_in_harms_nobody(listening, connect):
    async def serve() -> None:
        seen: list[asyncio.BaseTransport] = []
        door = Door(listening, lambda: Hello(seen), at_once=ALONE)
        gone = connect()
        # Closed with a reset.
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.close()
        client = connect()
        door.open()
        assert await asyncio.to_thread(client.recv, 1) == b"!"
        await door.close()

    run(serve())
