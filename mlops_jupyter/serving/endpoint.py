"""What the connections of a worker share."""

from __future__ import annotations

import hmac
from email.utils import formatdate
from hashlib import sha256
from itertools import count
from secrets import token_hex
from typing import Any, Literal, Protocol
from urllib.parse import unquote

from ..capabilities.endpoints import EndpointPlan, Limits
from . import failures, inference, scoring
from .exchange import Exchange
from .failures import Failure
from .routing import Router, Table, Version
from .telemetry import Telemetry

_JSON = b"content-type: application/json\r\n"
_JSON_TYPE, _JSON_BYTES = "application/json", b"application/json"
# So many addresses of models are remembered.
_ADDRESSES = 256


class Route(Protocol):
    """The words that a request and its answer are in."""

    protocol: Literal["scoring", "inference"]

    def submit(self, exchange: Exchange) -> None:
        """Read the rows of a request and put them into the line of a version."""

    def encode(self, exchange: Exchange, predictions: Any) -> tuple[bytes, bytes]:
        """Return the body that says the predictions, and header lines."""

    def failure(self, failure: Failure) -> bytes:
        """Return the body that says why there are none."""


class Endpoint:
    """What is served, and whom.

    Parameters
    ----------
    plan
        What the endpoint is told.
    telemetry, router
        What it counts, and which version it asks.
    """

    def __init__(self, plan: EndpointPlan, telemetry: Telemetry, router: Router) -> None:
        self.telemetry = telemetry
        self.router = router
        self.draining = False
        self.scoring = ScoringRoute(self)
        self._addresses: dict[bytes, Route] = {}
        self._admitted = b""
        self._heads: dict[tuple[bytes, bytes], bytes] = {}
        self._prefix = token_hex(8)
        self._numbers = count(1)
        self.dated = b""
        self.told(plan)
        self.tick()

    def told(self, plan: EndpointPlan) -> None:
        """Take a plan's settings; its versions are the router's."""
        self.plan = plan
        self.limits: Limits = plan.limits
        self.verbose = plan.verbose_errors
        self._admitted = b""
        self._addresses.clear()

    def tick(self) -> None:
        """Note the time, which stands in every answer: once a second."""
        self.dated = b"date: %b\r\n" % formatdate(usegmt=True).encode()
        self._heads.clear()

    def table(self) -> Table:
        """Return what is served.

        Raises
        ------
        Failure
            While nothing is.
        """
        if self.router.table is None:
            raise Failure(503, "TEMPORARILY_UNAVAILABLE", "the model is not loaded yet", retry_after_s=1)
        return self.router.table

    def admits(self, authorization: bytes | None) -> bool:
        """Tell whether a request bears the token. It takes as long for a wrong token as for a nearly right one."""
        if authorization is None:
            return False
        if self._admitted and hmac.compare_digest(authorization, self._admitted):
            return True
        if _bears(authorization, self.plan.token_sha256):
            # Remembered as it was sent: the comparison alone is made the next time.
            self._admitted = authorization
            return True
        return False

    def admits_metrics(self, authorization: bytes | None) -> bool:
        """Tell whether a request bears the token, or the one for metrics."""
        if authorization is None:
            return False
        return self.admits(authorization) or _bears(authorization, self.plan.metrics_sha256)

    def next_id(self) -> bytes:
        """Return an id that no other request has."""
        return f"{self._prefix}-{next(self._numbers):x}".encode()

    def head(self, version: Version | None, extra: bytes) -> bytes:
        """Return the beginning of a good answer."""
        name = version.name if version is not None else b""
        head = self._heads.get((name, extra))
        if head is None:
            more = extra if b"content-type:" in extra else _JSON + extra
            head = b"HTTP/1.1 200 OK\r\n%b%bx-mlops-version: %b\r\n" % (self.dated, more, name)
            if len(self._heads) < _ADDRESSES:
                self._heads[name, extra] = head
        return head

    def hot(self, url: bytes) -> Route | None:
        """Return who answers a POST to an address; ``None`` for the ASGI app."""
        if url == b"/invocations":
            return self.scoring
        route = self._addresses.get(url)
        if route is None:
            route = self._route(url)
            if route is not None and len(self._addresses) < _ADDRESSES:
                self._addresses[url] = route
        return route

    def _route(self, url: bytes) -> Route | None:
        path = url.partition(b"?")[0]
        if path == b"/invocations":
            return self.scoring
        parts = path.split(b"/")
        if parts[:3] != [b"", b"v2", b"models"] or parts[-1] != b"infer":
            return None
        names = [unquote(part.decode("latin-1")) for part in parts[3:-1]]
        if len(names) == 1:
            return InferenceRoute(self, names[0], None)
        if len(names) == 3 and names[1] == "versions":  # noqa: PLR2004 -- MODEL/versions/VERSION
            return InferenceRoute(self, names[0], names[2])
        return None


class ScoringRoute:
    """MLflow's scoring protocol.

    Parameters
    ----------
    endpoint
        What is served.
    """

    protocol: Literal["scoring", "inference"] = "scoring"

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def submit(self, exchange: Exchange) -> None:
        """Read the rows of a request and put them into the line of a version."""
        endpoint = self.endpoint
        version = exchange.version = endpoint.table().pick()
        kind = exchange.headers.get(b"content-type")
        said = _JSON_TYPE if kind == _JSON_BYTES else None if kind is None else kind.decode("latin-1")
        exchange.rows = scoring.decode(bytes(exchange.body), said, version.schema, endpoint.limits)
        version.batcher.submit(exchange)

    def encode(self, exchange: Exchange, predictions: Any) -> tuple[bytes, bytes]:
        """Return the body that says the predictions, and header lines."""
        return scoring.encode(predictions), b""

    def failure(self, failure: Failure) -> bytes:
        """Return the body that says why there are none."""
        return failures.body(failure, self.protocol, verbose=self.endpoint.verbose)


class InferenceRoute:
    """The Open Inference Protocol.

    Parameters
    ----------
    endpoint
        What is served.
    model, version
        What the address names.
    """

    protocol: Literal["scoring", "inference"] = "inference"

    def __init__(self, endpoint: Endpoint, model: str, version: str | None) -> None:
        self.endpoint = endpoint
        self.model = model
        self.version = version

    def submit(self, exchange: Exchange) -> None:
        """Read the rows of a request and put them into the line of a version."""
        endpoint = self.endpoint
        version = exchange.version = find(endpoint.table(), self.model, self.version)
        kind = exchange.headers.get(b"content-type")
        if kind != _JSON_BYTES:
            inference.check_media(None if kind is None else kind.decode("latin-1"))
        length = exchange.headers.get(b"inference-header-content-length")
        exchange.call = inference.decode(
            bytes(exchange.body), None if length is None else length.decode("latin-1"), version.schema, endpoint.limits
        )
        exchange.rows = exchange.call.rows
        version.batcher.submit(exchange)

    def encode(self, exchange: Exchange, predictions: Any) -> tuple[bytes, bytes]:
        """Return the body that says the predictions, and header lines."""
        named = exchange.version.planned.version if exchange.version is not None else ""
        body, headers = inference.encode(predictions, exchange.call, self.model, named)
        return body, "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode()

    def failure(self, failure: Failure) -> bytes:
        """Return the body that says why there are none."""
        return failures.body(failure, self.protocol, verbose=self.endpoint.verbose)


def find(table: Table, model: str, version: str | None) -> Version:
    """Return the version that an address of the Open Inference Protocol names.

    Raises
    ------
    Failure
        When none of that name is served.
    """
    if model not in table.names:
        raise Failure(404, "RESOURCE_DOES_NOT_EXIST", f"no such model here; there is {', '.join(sorted(table.names))}")
    if version is None:
        return table.pick()
    found = table.named(version)
    if found is None:
        there = ", ".join(each.planned.version for each in table.answering)
        raise Failure(404, "RESOURCE_DOES_NOT_EXIST", f"no such version here; there is {there}")
    return found


def _bears(authorization: bytes, digest: str) -> bool:
    scheme, _, token = authorization.partition(b" ")
    right = hmac.compare_digest(sha256(token.strip()).hexdigest(), digest)
    return right and bool(digest) and scheme.lower() == b"bearer"
