"""What an endpoint answers besides predictions: an ASGI app without a framework."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from ..capabilities.endpoints import metrics_text
from ..capabilities.endpoints.folder import EndpointFolder
from . import failures, inference, openapi, scoring, trial_page
from .asking import asked
from .endpoint import Endpoint, find
from .failures import Failure
from .feedback import FeedbackDesk
from .tracing import trace_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, bytes, bytes]

# What answers without a token: whether the endpoint is alive says nothing about anybody's data, and the page for trying
# it asks for the token before it shows any.
_OPEN = frozenset({"/ping", "/health", "/v2/health/live", "/v2/health/ready", "/", "/docs"})
_FEEDBACK = "/feedback"
_ONLY_POST = frozenset({"/invocations", _FEEDBACK})
_TEXT = b"text/plain; charset=utf-8"
_JSON = b"application/json"
_HTML = b"text/html; charset=utf-8"
_SUPERVISOR_S = 2.0


class App:
    """The ASGI app of a worker.

    Parameters
    ----------
    endpoint
        What is served.
    control
        The supervisor's socket, which knows what all workers have counted; ``None`` for this worker's own alone.
    """

    def __init__(self, endpoint: Endpoint, control: Path | None = None) -> None:
        self.endpoint = endpoint
        self.control = control
        self._feedback = None if control is None else FeedbackDesk(EndpointFolder(control.parent).watch)
        self._nonce = token_urlsafe(16)
        self._page = trial_page.page(self._nonce).encode()
        self._policy = trial_page.policy(self._nonce).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        path: str = scope["path"]
        more: Headers = []
        try:
            self._admit(path, headers.get(b"authorization"))
            if scope["method"] == "OPTIONS":
                status, kind, body = 204, _TEXT, b""
                more = [(b"allow", _allowed(path))]
            elif path == _FEEDBACK and scope["method"] == "POST" and self._feedback is not None:
                status, kind = 200, _JSON
                media, length = _told(headers, b"content-type"), headers.get(b"content-length")
                body = await self._feedback.take(self.endpoint.plan, scoring.media_type(media), length, receive)
            elif scope["method"] not in ("GET", "HEAD") or path in _ONLY_POST or path.endswith("/infer"):
                more = [(b"allow", _allowed(path))]
                takes = _allowed(path).decode().removesuffix(", OPTIONS")
                raise Failure(405, "BAD_REQUEST", f"this address takes {takes}, not {scope['method']}")  # noqa: TRY301
            elif path == "/":
                # Who comes by a link wants to see something.
                status, kind, body, more = 307, _TEXT, b"", [(b"location", b"docs")]
            else:
                status, kind, body = await self._get(path, headers.get(b"accept", b""))
        except Failure as failure:
            status, kind = failure.status, _JSON
            body = failures.body(
                failure, "inference" if path.startswith("/v2") else "scoring", verbose=self.endpoint.verbose
            )
            if status == 401:  # noqa: PLR2004
                more = [(b"www-authenticate", b"Bearer")]
        told = [] if status == 204 else [(b"content-type", kind), (b"content-length", str(len(body)).encode())]  # noqa: PLR2004
        trace = trace_of(scope["headers"])
        told += [*self._always(headers), *([] if trace is None else trace.headers()), *more]
        if kind == _HTML:
            # The page is what this process wrote, and loads and runs nothing else.
            told.append((b"content-security-policy", self._policy))
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _admit(self, path: str, authorization: bytes | None) -> None:
        if path in _OPEN:
            return
        admits = self.endpoint.admits_metrics if path == "/metrics" else self.endpoint.admits
        if not admits(authorization):
            raise Failure(
                401, "UNAUTHENTICATED", "the token is missing or wrong; send it as 'Authorization: Bearer TOKEN'"
            )

    def _always(self, headers: dict[bytes, bytes]) -> Headers:
        given = headers.get(b"x-request-id", b"")
        plain = 0 < len(given) <= 128 and all(0x20 < each < 0x7F for each in given)  # noqa: PLR2004 -- visible ASCII
        table = self.endpoint.router.table
        only = table.only.name if table is not None and table.only is not None else None
        return [
            (b"x-request-id", given if plain else self.endpoint.next_id()),
            *([(b"x-mlops-version", only)] if only is not None else []),
        ]

    async def _get(self, path: str, accept: bytes) -> Answer:
        if path in ("/ping", "/health"):
            self.endpoint.table()
            return 200, _TEXT, b"\n"
        if path == "/version":
            return 200, _TEXT, _mlflow_version()
        if path == "/metrics":
            openmetrics = metrics_text.prefers_openmetrics(accept.decode("latin-1"))
            kind = metrics_text.OPENMETRICS_TYPE if openmetrics else metrics_text.CONTENT_TYPE
            return 200, kind.encode(), (await self._metrics(openmetrics=openmetrics)).encode()
        if path == "/docs":
            return 200, _HTML, self._page
        if path in ("/openapi.json", "/docs/model.json"):
            return 200, _JSON, json.dumps(self._described(page=path != "/openapi.json")).encode()
        if path == "/v2" or path.startswith("/v2/"):
            return 200, _JSON, json.dumps(self._v2(path.rstrip("/").split("/")[2:])).encode()
        raise Failure(404, "ENDPOINT_NOT_FOUND", "nothing is served at this address")

    def _described(self, *, page: bool) -> dict[str, Any]:
        table = self.endpoint.table()
        version = table.answering[0]
        planned = version.planned
        told = (version.schema, planned.model or table.plan.name, planned.version, planned.example)
        return trial_page.shown(*told) if page else openapi.document(*told)

    def _v2(self, parts: list[str]) -> dict[str, Any]:
        if not parts:
            extensions = ["binary_tensor_data"]
            return {"name": "mlops-jupyter", "version": version("mlops-jupyter"), "extensions": extensions}
        if parts == ["health", "live"]:
            return {"live": True}
        if parts == ["health", "ready"]:
            self.endpoint.table()
            return {"ready": True}
        if parts[0] == "models" and len(parts) > 1:
            ready = parts[-1] == "ready"
            names = parts[1:-1] if ready else parts[1:]
            if len(names) == 1 or (len(names) == 3 and names[1] == "versions"):  # noqa: PLR2004 -- as in _route
                return self._model(names[0], names[2] if len(names) > 1 else None, ready=ready)
        raise Failure(404, "ENDPOINT_NOT_FOUND", "nothing is served at this address")

    def _model(self, model: str, named: str | None, *, ready: bool) -> dict[str, Any]:
        table = self.endpoint.table()
        found = find(table, model, named)
        if ready:
            return {"name": model, "ready": True}
        return inference.model_metadata(found.schema, model, [each.planned.version for each in table.answering])

    async def _metrics(self, *, openmetrics: bool) -> str:
        if self.control is not None:
            request = {"do": "metrics", "format": "openmetrics" if openmetrics else "text"}
            try:
                return str((await asked(self.control, request, _SUPERVISOR_S))["text"])
            except (OSError, ValueError, KeyError):
                # Better what this worker has counted than nothing.
                pass
        total = metrics_text.merged([self.endpoint.telemetry.snapshot()])
        return metrics_text.render(total, openmetrics=openmetrics)


def _told(headers: dict[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _allowed(path: str) -> bytes:
    return b"POST, OPTIONS" if path in _ONLY_POST or path.endswith("/infer") else b"GET, HEAD, OPTIONS"


def _mlflow_version() -> bytes:
    for name in ("mlflow", "mlflow-skinny"):
        try:
            return version(name).encode()
        except PackageNotFoundError:
            continue
    return b""
