"""Where connections come in: many in one turn of the event loop.

A server of uvloop accepts one connection in each turn. Under load a turn takes as long as a batch: the last of 64
clients that connect at once would wait for 64 batches, while the first are answered again and again: decision 0041.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

_LOG = logging.getLogger(__name__)
# So many in one turn; where workers share the socket few, so that not all come to the one that wakes first.
ALONE, AMONG_OTHERS = 256, 2
# The machine can take no more for now: what has connected waits in line so long.
_FULL = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_FULL_S = 0.25


class Door:
    """Accepts connections from a listening socket.

    Parameters
    ----------
    listening
        The socket. It is closed with the door.
    protocol
        Makes the protocol of one connection.
    at_once
        How many are accepted in one turn.
    """

    def __init__(self, listening: socket.socket, protocol: Callable[[], asyncio.Protocol], *, at_once: int) -> None:
        self.at_once = at_once
        self._listening = listening
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[object]] = set()
        self._later: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Accept from now on."""
        self._later = None
        self._listening.settimeout(0)
        self._loop.add_reader(self._listening, self._accept)

    async def close(self) -> None:
        """Accept no more, and wait until the last that was accepted has its protocol."""
        if self._later is not None:
            self._later.cancel()
        else:
            self._loop.remove_reader(self._listening)
        self._listening.close()
        if self._coming:
            await asyncio.wait(self._coming)

    def _accept(self) -> None:
        for _ in range(self.at_once):
            try:
                connection, _ = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                _LOG.warning("no connection can be accepted for now: %s", error.strerror)
                self._loop.remove_reader(self._listening)
                self._later = self._loop.call_later(_FULL_S, self.open)
                return
            connection.settimeout(0)
            task = self._loop.create_task(self._let_in(connection))
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    async def _let_in(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError as error:
            connection.close()
            _LOG.debug("a client went before it was let in: %s", error)
