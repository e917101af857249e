"""What the processes of a fork server say to one another: JSON with a length before it, and open files beside it."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

_HEADER = struct.Struct("!II")
_READ, _MOST_FILES = 65536, 16
_MOST_BYTES = 64 * 1024 * 1024


class Message(NamedTuple):
    """One message and the open files that came with it; whoever takes it closes them."""

    body: dict[str, Any]
    files: tuple[int, ...]


class Closed(Exception):
    """The other side is gone."""


class Channel:
    """One side of a stream socket.

    Parameters
    ----------
    stream
        The socket; it is closed with the channel.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = bytearray()
        self._files: list[int] = []

    def fileno(self) -> int:
        """Return the socket's number, for a selector."""
        return self._stream.fileno()

    def send(self, body: dict[str, Any], files: Sequence[int] = ()) -> None:
        """Send a message.

        Raises
        ------
        Closed
            When the other side is gone.
        """
        data = json.dumps(body).encode("utf-8", "surrogatepass")
        data = _HEADER.pack(len(data), len(files)) + data
        try:
            sent = socket.send_fds(self._stream, [data], list(files)) if files else 0
            if sent < len(data):
                # Not of nothing: who has read it all, may have answered and gone.
                self._stream.sendall(memoryview(data)[sent:])
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def receive(self) -> list[Message]:
        """Return the messages that one read completes: none, one, or several.

        Raises
        ------
        Closed
            When the other side is gone, or does not speak this language.
        """
        try:
            # The flag keeps the files out of programs that are started.
            data, files, _, _ = socket.recv_fds(self._stream, _READ, _MOST_FILES, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError as error:
            raise Closed from error
        self._files.extend(files)
        if not data:
            raise Closed
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        if len(self._buffer) < _HEADER.size:
            return None
        size, count = _HEADER.unpack_from(self._buffer)
        if size > _MOST_BYTES or count > len(self._files):
            raise Closed
        end = _HEADER.size + size
        if len(self._buffer) < end:
            return None
        body = json.loads(self._buffer[_HEADER.size : end].decode("utf-8", "surrogatepass"))
        files = tuple(self._files[:count])
        del self._buffer[:end], self._files[:count]
        return Message(body, files)

    def close(self) -> None:
        """Close the socket, and files that came for no message."""
        self._stream.close()
        close_all(self._files)
        self._files.clear()


def close_all(files: Sequence[int]) -> None:
    """Close open files by number."""
    for file in files:
        os.close(file)
