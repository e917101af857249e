"""The supervisor's own socket: whoever may open it asks a question a line, and gets an answer a line."""

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..capabilities.endpoints.lines import LineBuffer, line
from .listening import listen_unix

_READ = 65536


class Visitor:
    """One connection."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._buffer = LineBuffer()
        self._left = b""

    def fileno(self) -> int:
        """Return the number of its socket, -1 once it is closed."""
        return self._stream.fileno()

    def requests(self) -> list[dict[str, Any]] | None:
        """Return what it asks now; ``None`` when it is gone."""
        try:
            data = self._stream.recv(_READ)
            return self._buffer.feed(data) if data else None
        except BlockingIOError:
            return []
        except (OSError, ValueError):
            return None

    def answer(self, message: dict[str, Any]) -> None:
        """Answer; a long answer goes in pieces, by `flush`."""
        self._left += line(message)

    def flush(self) -> bool:
        """Send what can be sent; tell whether there is more."""
        try:
            while self._left:
                self._left = self._left[self._stream.send(self._left) :]
        except BlockingIOError:
            return True
        except OSError:
            self._left = b""
        return False

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()


class ControlDesk:
    """The socket and those who have connected to it.

    Parameters
    ----------
    path
        The socket's path.
    selector
        Where its files are watched; what is registered is a function to call.
    serve
        Called with a visitor and its request.
    """

    def __init__(
        self, path: Path, selector: selectors.BaseSelector, serve: Callable[[Visitor, dict[str, Any]], None]
    ) -> None:
        self._path, self._selector, self._serve = path, selector, serve
        self._visitors: set[Visitor] = set()
        self._listening = listen_unix(path)
        self._listening.settimeout(0)
        selector.register(self._listening, selectors.EVENT_READ, self._welcome)

    def reply(self, visitor: Visitor, message: dict[str, Any]) -> None:
        """Answer a visitor, who may be gone by now."""
        if visitor not in self._visitors:
            return
        visitor.answer(message)
        self._flush(visitor)

    def close(self) -> None:
        """Remove the socket."""
        self._selector.unregister(self._listening)
        self._listening.close()
        self._path.unlink(missing_ok=True)
        for visitor in list(self._visitors):
            self._leave(visitor)

    def _welcome(self) -> None:
        with contextlib.suppress(BlockingIOError):
            stream, _ = self._listening.accept()
            stream.settimeout(0)
            visitor = Visitor(stream)
            self._visitors.add(visitor)
            self._selector.register(visitor, selectors.EVENT_READ, lambda: self._hear(visitor))

    def _hear(self, visitor: Visitor) -> None:
        self._flush(visitor)
        requests = visitor.requests()
        if requests is None:
            self._leave(visitor)
            return
        for request in requests:
            self._serve(visitor, request)

    def _flush(self, visitor: Visitor) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if visitor.flush() else 0)
        self._selector.modify(visitor, events, lambda: self._hear(visitor))

    def _leave(self, visitor: Visitor) -> None:
        self._visitors.discard(visitor)
        self._selector.unregister(visitor)
        visitor.close()
