"""Labels that come by POST to ``/feedback``, kept in the endpoint's folder and joined to what it has answered."""

from __future__ import annotations

import asyncio
import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..capabilities.endpoints import EndpointPlan
from ..errors import CommandError, ConfigurationError
from .failures import TOO_MUCH, Failure, malformed

if TYPE_CHECKING:
    from .app import Receive

_INVALID_STATE = "INVALID_STATE"
# So many may wait until the labels before them have been joined.
_WAITING = 64


class FeedbackDesk:
    """Where labels are given.

    Parameters
    ----------
    watch
        The endpoint's folder ``watch``.
    """

    def __init__(self, watch: Path) -> None:
        self._watch = watch
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def take(self, plan: EndpointPlan, kind: str, length: bytes | None, receive: Receive) -> bytes:
        """Take the labels of a request's body, and return as JSON what became of them.

        Parameters
        ----------
        plan
            The endpoint's plan.
        kind
            The body's media type.
        length
            How long the body is to be, if the request's head says so.
        receive
            Where the body comes from.

        Raises
        ------
        Failure
            When they are too many, cannot be read, or nobody keeps what was answered.
        """
        if not plan.monitoring.enabled:
            said = "this endpoint does not keep what it answers, so labels have nothing to join"
            raise Failure(409, _INVALID_STATE, said)
        if length is not None and length.isdigit() and int(length) > plan.limits.body_bytes:
            raise _too_long(plan)
        body = await _read(plan, receive)
        if self._waiting >= _WAITING:
            said = f"{_WAITING} requests with labels wait already; send many labels in one request"
            raise Failure(429, TOO_MUCH, said, retry_after_s=1)
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                # The loop goes on answering predictions meanwhile.
                return await asyncio.to_thread(self._give, plan, body, kind)
        finally:
            self._waiting -= 1

    def _give(self, plan: EndpointPlan, body: bytes, kind: str) -> bytes:
        quality = _quality()
        try:
            labels = list(quality.given.of_body(body, kind, plan.limits.rows))
            found = quality.giving.give(self._watch, plan.name, labels)
        except CommandError as error:
            raise malformed(error.message) from error
        except ConfigurationError as error:
            raise Failure(
                503, "TEMPORARILY_UNAVAILABLE", "the labels cannot be written down", retry_after_s=5
            ) from error
        told = {name: getattr(found, name) for name in ("labels", "joined", "duplicates", "unknown")}
        notes = list(found.notes)
        if found.foreign:
            notes.append(f"{found.foreign} of the labels are of another kind than the answers and do not count")
        return json.dumps({**told, "notes": notes}).encode()


class _quality:  # noqa: N801 -- modules under one name
    """The modules that need pandas and pyarrow, loaded when the first labels come, as `values.tables` is."""

    def __init__(self) -> None:
        home = "mlops_jupyter.capabilities.quality"
        self.given: Any = importlib.import_module(f"{home}.given")
        self.giving: Any = importlib.import_module(f"{home}.giving")


async def _read(plan: EndpointPlan, receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise malformed("the rest of the request did not come")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > plan.limits.body_bytes:
            raise _too_long(plan)
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_long(plan: EndpointPlan) -> Failure:
    return Failure(413, TOO_MUCH, f"the body is longer than {plan.limits.body_bytes:,} bytes")
