"""The way from a browser to an endpoint: its token is added here, and the browser's own credentials end here."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.httputil import HTTPHeaders
from tornado.netutil import Resolver
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError, SimpleAsyncHTTPClient
from tornado.web import authenticated

from ... import settings
from ...capabilities.endpoints.addresses import project_of
from ...capabilities.endpoints.folder import EndpointFolder, endpoint_folder
from ...capabilities.endpoints.state import EndpointState, current_state
from ...errors import MlopsError, NotFound, Unavailable
from .routes import NAMESPACE, executing, root_of
from .worker import said

# Of a request only what an endpoint understands goes on; of an answer all but what is between two neighbours.
_ASKED = {"Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "Inference-Header-Content-Length"}
_ASKED |= {"X-Request-Id", "Traceparent", "Tracestate"}
_BETWEEN = {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"}
_BETWEEN |= {"content-length", "date", "server", "set-cookie", "www-authenticate", "strict-transport-security"}
# In an address these are for the Jupyter server.
_NOT_ASKED = {"token", "_xsrf"}
_LARGEST = 512 * 1024 * 1024
_CONNECT_S, _ANSWER_S = 5.0, 600.0


class _UnixResolver(Resolver):
    """Resolves every name to one Unix socket."""

    def initialize(self, path: str) -> None:
        self._path = path

    async def resolve(self, host: str, port: int, family: Any = None) -> list[tuple[int, Any]]:
        return [(socket.AF_UNIX, self._path)]


class EndpointRoute(JupyterHandler):
    """``endpoints/NAME/PATH``: what the endpoint answers there. ``endpoints/NAME/docs`` is its page to try it.

    Those are the endpoints of the project around the server's directory. ``projects/KEY/endpoints/NAME/PATH`` are those
    of one below it.
    """

    auth_resource = "mlops"

    @authenticated
    @authorized
    async def get(self, name: str, path: str, project: str = "") -> None:
        if not path:
            # An endpoint has nothing at its root, and who comes by a link wants to see something.
            self.redirect("docs")
            return
        # The page's own requests will want the cookie's value: see to it that there is one.
        _ = self.xsrf_token
        await self._pass_on(name, path, project)

    @authenticated
    @authorized
    async def head(self, name: str, path: str, project: str = "") -> None:
        await self._pass_on(name, path, project)

    @authenticated
    @executing
    async def post(self, name: str, path: str, project: str = "") -> None:
        await self._pass_on(name, path, project)

    async def _pass_on(self, name: str, path: str, project: str) -> None:
        try:
            answer = await self._ask(name, path, project)
        except MlopsError as error:
            self.set_status(error.http_status)
            self.finish(said(error))
            return
        self.set_status(answer.code, answer.reason)
        for header, value in answer.headers.get_all():
            if header.lower() not in _BETWEEN:
                self.set_header(header, value)
        if answer.body and self.request.method != "HEAD":
            self.write(answer.body)
        self.finish()

    async def _ask(self, name: str, path: str, project: str) -> HTTPResponse:
        folder, state = _endpoint(root_of(self.settings), project, name)
        request = self.request
        headers = HTTPHeaders({"Authorization": f"Bearer {folder.token()}"})
        for header in _ASKED:
            if (value := request.headers.get(header)) is not None:
                headers[header] = value
        left = [(key, value) for key, value in parse_qsl(request.query, True) if key not in _NOT_ASKED]  # noqa: FBT003
        address = f"{_base(state)}/{quote(path, safe='/:@!$&()*+,;=~-._')}" + (f"?{urlencode(left)}" if left else "")
        client = _client(state)
        try:
            return await client.fetch(
                HTTPRequest(
                    address,
                    method=str(request.method),
                    headers=headers,
                    body=request.body if request.method == "POST" else None,
                    follow_redirects=False,
                    decompress_response=False,
                    connect_timeout=_CONNECT_S,
                    request_timeout=_ANSWER_S,
                ),
                raise_error=False,
            )
        except (OSError, HTTPTimeoutError, HTTPStreamClosedError) as error:
            raise Unavailable("endpoint", f"{name} did not answer: {error}", f"mlops deployments {name}") from error
        finally:
            client.close()


def endpoint_routes(base_url: str) -> list[tuple[str, type[Any]]]:
    """Return the routes below a base URL."""
    below = r"endpoints/(?P<name>[^/]+)/(?P<path>.*)"
    return [
        (url_path_join(base_url, NAMESPACE, below), EndpointRoute),
        (url_path_join(base_url, NAMESPACE, r"projects/(?P<project>[\w-]+)", below), EndpointRoute),
    ]


def _endpoint(root: Path, key: str, name: str) -> tuple[EndpointFolder, EndpointState]:
    project = project_of(key, root) if key else settings.find_root(root, os.environ)
    folder = endpoint_folder(project / settings.STATE_DIRECTORY, name)
    if not os.access(folder.path, os.R_OK | os.X_OK):
        raise NotFound(f"there is no deployment {name}", "mlops deployments")
    # The token must go to nobody who could have put it there himself.
    folder.check()
    state = current_state(folder)
    if state is None or not state.alive:
        raise Unavailable("endpoint", f"{name} does not run", f"mlops deployments {name}")
    return folder, state


def _base(state: EndpointState) -> str:
    if state.socket is not None:
        return "http://localhost"
    host = f"[{state.host}]" if ":" in state.host else state.host
    return f"http://{host}:{state.port}"


def _client(state: EndpointState) -> SimpleAsyncHTTPClient:
    more: dict[str, Any] = {} if state.socket is None else {"resolver": _UnixResolver(path=state.socket)}
    return SimpleAsyncHTTPClient(force_instance=True, max_buffer_size=_LARGEST, max_body_size=_LARGEST, **more)
