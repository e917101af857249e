"""W3C Trace Context: a request's trace goes on in its answer, in which the endpoint is a step of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from secrets import token_hex
from typing import NamedTuple

_PARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# What others keep in a trace is passed on as it is; longer than any of them has to take, it is left out.
_STATE = re.compile(rb"[\x20-\x7e\t]{1,512}")


class Trace(NamedTuple):
    """The trace of a request: ``traceparent``, and ``tracestate`` or nothing."""

    parent: bytes
    state: bytes

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers of the answer."""
        step = b"%b%b%b" % (self.parent[:36], token_hex(8).encode(), self.parent[52:])
        told = [(b"traceparent", step)]
        return [*told, (b"tracestate", self.state)] if self.state else told


def trace_of(headers: Sequence[tuple[bytes, bytes]]) -> Trace | None:
    """Return the trace that a request is part of, by its headers with names in lower case; ``None`` for none."""
    parents = [value for name, value in headers if name == b"traceparent"]
    if len(parents) != 1 or not _PARENT.fullmatch(parents[0]):
        return None
    # It may come in several headers, which are one list.
    state = b",".join(value.strip() for name, value in headers if name == b"tracestate")
    return Trace(parents[0], state if _STATE.fullmatch(state) else b"")
