"""HTTP, as uvicorn speaks it; the requests that are many are answered here, everything else by the ASGI app.

A prediction needs no task, no scope and no chain of messages: its request is read, checked, put into the line of its
model and answered with one write. Requests that were sent before the answer to the last one (pipelining) are answered
in their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from .exchange import Exchange
from .failures import Failure

if TYPE_CHECKING:
    from .endpoint import Endpoint

_LOG = logging.getLogger(__name__)
# A head longer than this is refused.
_HEAD_BYTES = 64 * 1024
# So many requests of one connection may be under way before no more is read from it.
_PIPELINED = 64
_SLOW_CLIENT_S = 30.0
_DRAIN_IDLE_S = 0.5
_INVALID = Failure(400, "BAD_REQUEST", "the request is no valid HTTP")


class EndpointProtocol(HttpToolsProtocol):
    """One connection.

    Parameters
    ----------
    endpoint
        What is served.
    config, server_state, loop
        uvicorn's.
    """

    def __init__(
        self, endpoint: Endpoint, config: Config, server_state: ServerState, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self.endpoint = endpoint
        self.order: deque[Exchange | RequestResponseCycle] = deque()
        self.hot: Exchange | None = None
        self.since = loop.time()
        self.reading = False
        self.head_bytes = 0
        self.deaf = False

    # What the transport calls.

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        for each in self.order:
            if isinstance(each, Exchange):
                each.lost()
            else:
                each.disconnected = True
                each.message_event.set()
        if self.hot is not None:
            self.hot.lost()
        self.order.clear()
        self.hot = None
        self.deaf = True
        self.flow.resume_writing()
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        self.since = self.loop.time()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._last_one()
        except httptools.HttpParserCallbackError as error:
            _LOG.exception("a request could not be read", exc_info=error.__context__)
            self._refuse(_INVALID)
            return
        except httptools.HttpParserError:
            self._refuse(_INVALID)
            return
        if self.head_bytes >= 0:
            # Begun in this chunk, it may have come behind a request: the next chunk shows whether it is too long.
            behind = self.head_bytes == 0 and self.order
            self.head_bytes += min(len(data), _HEAD_BYTES) if behind else len(data)
            if self.head_bytes > _HEAD_BYTES:
                self._refuse(Failure(431, "BAD_REQUEST", "the request's head is too long"))

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.flow.resume_reading()

    # What the parser calls.

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.hot = None
        self.reading = True
        self.head_bytes = 0

    def on_headers_complete(self) -> None:
        self.head_bytes = -1
        if self.order and not self.order[-1].keep_alive:
            # After its last request a client has nothing to say.
            self.deaf = True
        if self.deaf:
            return
        if self.parser.get_method() == b"POST":
            route = self.endpoint.hot(self.url)
            if route is not None:
                keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
                self.hot = hot = Exchange(self, route, self.headers, keep_alive=keep_alive)
                self.order.append(hot)
                hot.begin(expects=self.expect_100_continue)
                return
        self._open_asgi()

    def on_body(self, body: bytes) -> None:
        if self.deaf:
            return
        if self.hot is not None:
            self.hot.take(body)
        elif isinstance(self.order[-1] if self.order else None, RequestResponseCycle):
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.reading = False
        if self.deaf:
            return
        hot = self.hot
        if hot is not None:
            self.hot = None
            hot.run()
            if len(self.order) > _PIPELINED:
                self.flow.pause_reading()
        elif self.order:
            super().on_message_complete()

    # The order of answers.

    def advance(self) -> None:
        """Send what can be sent, in the order of the requests."""
        order = self.order
        transport = self.transport
        while order:
            head = order[0]
            if not isinstance(head, Exchange):
                if not head.scope.setdefault("state", {}).get("started"):
                    head.scope["state"]["started"] = True
                    self._start_asgi_task(head, self.app)
                return
            if head.wire is None:
                head.go_on()
                return
            if not transport.is_closing():
                transport.write(head.wire)
            order.popleft()
            self.server_state.total_requests += 1
            if not head.keep_alive:
                self._end(head)
                return
        if self.flow.read_paused and not self.flow.write_paused:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        """Go on after an answer of the app."""
        if not self.order:
            return
        done = self.order.popleft()
        self.server_state.total_requests += 1
        if done.keep_alive and not self.transport.is_closing():
            self.flow.resume_reading()
            self.advance()

    # The end of connections.

    def shutdown(self) -> None:
        """Close when the client has its answers; `sweep` sees to clients that ask nothing."""
        for each in self.order:
            each.keep_alive = False

    def sweep(self, now: float, *, draining: bool) -> None:
        """Close a connection that nothing has been heard on for too long."""
        quiet = now - self.since
        if self.order:
            if self.flow.write_paused and quiet > _SLOW_CLIENT_S:
                self.transport.abort()
            elif self.reading and quiet > _SLOW_CLIENT_S and self.order[-1] is self.hot:
                self._refuse(Failure(408, "BAD_REQUEST", "the rest of the request did not come"))
            return
        limit = _DRAIN_IDLE_S if draining else float(self.timeout_keep_alive)
        if self.deaf or quiet > (_SLOW_CLIENT_S if self.reading else limit):
            self.transport.close()

    def _end(self, last: Exchange) -> None:
        """Close after the last answer, once the client has been let say the rest: else it might not read the answer."""
        self.deaf = True
        if last is not self.hot:
            self.transport.close()

    def _last_one(self) -> None:
        if self.order:
            self.order[-1].keep_alive = False
        else:
            self.transport.close()

    def _refuse(self, failure: Failure) -> None:
        """Answer what cannot be read on; nothing more is read from this client."""
        if self.deaf:
            return
        refused, self.hot = self.hot, None
        if refused is None:
            refused = Exchange(self, self.endpoint.scoring, [], keep_alive=False)
            self.order.append(refused)
        refused.keep_alive = False
        self.deaf = True
        if not refused.gone:
            refused.fail(failure)

    # Everything but predictions.

    def _open_asgi(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url, self.headers = url, headers
        method = self.parser.get_method().decode("ascii")
        parsed = httptools.parse_url(url)
        raw_path: bytes = parsed.path or b"/"
        path = unquote(raw_path.decode("latin-1"))
        self.scope["method"] = method
        self.scope["http_version"] = self.parser.get_http_version()
        self.scope["path"] = path
        self.scope["raw_path"] = raw_path
        self.scope["query_string"] = parsed.query or b""
        self.scope["headers"] = headers
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.order.append(self.cycle)
        if len(self.order) == 1:
            self.advance()
        else:
            self.flow.pause_reading()


def listen_config(app: Any, keep_alive_s: int) -> Config:
    """Return uvicorn's settings for these connections."""
    config = Config(
        app,
        http=EndpointProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=keep_alive_s,
        proxy_headers=False,
        server_header=False,
        date_header=False,
    )
    config.load()
    return config
