"""One request for predictions, from its head to the bytes of its answer."""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .failures import Failure
from .rows import Rows
from .tracing import trace_of

if TYPE_CHECKING:
    from .endpoint import Route
    from .http import EndpointProtocol
    from .routing import Version

_LOG = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_NO_ROWS = Rows(0, (), None)


class Exchange:
    """One request for predictions.

    Parameters
    ----------
    connection
        Where it came from.
    route
        Whose words it and its answer are in.
    headers
        Of the request, names in lower case.
    keep_alive
        Whether the connection takes more requests.
    """

    __slots__ = (
        *("arrived", "body", "call", "connection", "expects", "gone", "headers", "keep_alive", "refused"),
        *("request_id", "route", "rows", "trace", "version", "wire"),
    )

    def __init__(
        self, connection: EndpointProtocol, route: Route, headers: list[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> None:
        self.arrived = perf_counter()
        self.connection = connection
        self.route = route
        self.keep_alive = keep_alive
        self.headers = dict(headers)
        self.body: bytes | bytearray = b""
        self.rows = _NO_ROWS
        self.call: Any = None
        self.version: Version | None = None
        self.refused: Failure | None = None
        self.wire: bytes | None = None
        self.gone = False
        self.expects = False
        given = self.headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            self.request_id = given
        else:
            self.request_id = connection.endpoint.next_id()
        self.trace = trace_of(headers) if b"traceparent" in self.headers else None
        connection.endpoint.telemetry.in_flight += 1

    def begin(self, *, expects: bool) -> None:
        """Look at the head: a request that will be refused need not send its body."""
        endpoint = self.connection.endpoint
        length = self.headers.get(b"content-length")
        if not endpoint.admits(self.headers.get(b"authorization")):
            self.refused = Failure(
                401, "UNAUTHENTICATED", "the token is missing or wrong; send it as 'Authorization: Bearer TOKEN'"
            )
        elif length is not None and int(length) > endpoint.limits.body_bytes:
            self.refused = self._too_long()
        if self.refused is not None and (expects or self.refused.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
            self.keep_alive = False
            self.fail(self.refused)
        elif expects:
            self.expects = True
            if self.connection.order[0] is self:
                self.go_on()

    def go_on(self) -> None:
        """Have the client send the body, if it waits to be told so."""
        if self.expects:
            self.expects = False
            self.connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def take(self, body: bytes) -> None:
        """Take a part of the body."""
        if self.refused is not None:
            return
        if not self.body:
            self.body = body
        else:
            if not isinstance(self.body, bytearray):
                self.body = bytearray(self.body)
            self.body += body
        if len(self.body) > self.connection.endpoint.limits.body_bytes:
            self.body = b""
            self.refused = self._too_long()
            self.keep_alive = False
            self.fail(self.refused)

    def run(self) -> None:
        """Have the whole request answered."""
        if self.gone:
            # Refused before its body had come: that has been read now.
            if not self.keep_alive:
                self.connection.transport.close()
            return
        if self.refused is not None:
            self.fail(self.refused)
            return
        try:
            self.route.submit(self)
        except Failure as failure:
            self.fail(failure)
        except Exception:  # noqa: BLE001 -- one request, whatever is the matter with it, does not end the connection's others
            _LOG.exception("a request could not be handled")
            self.fail(Failure(500, "INTERNAL_ERROR", "the endpoint could not handle this request; its log says more"))
        self.body = b""

    def lost(self) -> None:
        """Forget about an answer: nobody is there to read it."""
        if not self.gone:
            self._count("499")
            self.gone = True
            self.connection.endpoint.telemetry.in_flight -= 1

    def answer(self, predictions: Any) -> None:
        """Send predictions."""
        endpoint = self.connection.endpoint
        try:
            body, extra = self.route.encode(self, predictions)
        except Failure as failure:
            # What a model answers is no fault of this server's: MLflow says 400 of a model that raises, too.
            server_s = failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            self.fail(Failure(400, "BAD_REQUEST", failure.message) if server_s else failure)
            return
        head = endpoint.head(self.version, extra)
        self._send(head, body, "200")

    def fail(self, failure: Failure) -> None:
        """Send why there is no prediction."""
        endpoint = self.connection.endpoint
        if failure.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _LOG.error("request %s: %s", self.request_id.decode("latin-1"), failure.message)
        head = _STATUS[failure.status] + endpoint.dated + b"content-type: application/json\r\n"
        if self.version is not None:
            head += b"x-mlops-version: %b\r\n" % self.version.name
        if failure.retry_after_s is not None:
            head += b"retry-after: %d\r\n" % failure.retry_after_s
        if failure.status == HTTPStatus.UNAUTHORIZED:
            head += b"www-authenticate: Bearer\r\n"
        endpoint.telemetry.refused(self._labels(), failure.code)
        if failure.columns and self.version is not None:
            # Names of the signature only: what a caller makes up is no label.
            known = self.version.schema.known
            endpoint.telemetry.unfit(self.version.labels[:2], [name for name in failure.columns if name in known])
        self._send(head, self.route.failure(failure), str(failure.status))

    def _send(self, head: bytes, body: bytes, code: str) -> None:
        connection = self.connection
        if connection.endpoint.draining:
            self.keep_alive = False
        more = b"" if self.keep_alive else b"connection: close\r\n"
        if self.trace is not None:
            more += b"".join(b"%b: %b\r\n" % header for header in self.trace.headers())
        self.wire = b"%bx-request-id: %b\r\ncontent-length: %d\r\n%b\r\n%b" % (
            head,
            self.request_id,
            len(body),
            more,
            body,
        )
        self.gone = True
        connection.endpoint.telemetry.in_flight -= 1
        self._count(code)
        if connection.order and connection.order[0] is self:
            connection.advance()

    def _labels(self) -> tuple[str, ...]:
        if self.version is None:
            return ("", "", "", self.route.protocol)
        return self.version.answer_labels[self.route.protocol]

    def _count(self, code: str) -> None:
        telemetry = self.connection.endpoint.telemetry
        trace = None if self.trace is None else self.trace.parent
        telemetry.answered(self._labels(), code, perf_counter() - self.arrived, trace)

    def _too_long(self) -> Failure:
        limit = self.connection.endpoint.limits.body_bytes
        return Failure(413, "INVALID_PARAMETER_VALUE", f"the body is longer than {limit:,} bytes")
