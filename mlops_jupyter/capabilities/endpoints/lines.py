"""JSON objects on a stream socket, one a line: what the processes of an endpoint say to one another."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# A snapshot of a worker's telemetry is the longest; one that goes on and on is no message of ours.
MOST_BYTES = 32 * 1024 * 1024


class LineBuffer:
    """Puts the pieces that arrive together again."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Return the messages that these bytes complete.

        Raises
        ------
        ValueError
            When a line is no JSON object, or does not end.
        """
        self._rest += data
        *whole, rest = self._rest.split(b"\n")
        self._rest = bytearray(rest)
        if len(self._rest) > MOST_BYTES:
            raise ValueError("a message does not end")
        messages = [json.loads(line) for line in whole if line.strip()]
        for message in messages:
            if not isinstance(message, dict):
                raise ValueError("a message is no JSON object")  # noqa: TRY004 -- of the bytes, not of an argument
        return messages


def line(message: Mapping[str, Any]) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(message).encode() + b"\n"


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """Name a Unix socket however deep it lies: the kernel takes some hundred letters and no more.

    Raises
    ------
    OSError
        When there is no such folder.
    """
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
