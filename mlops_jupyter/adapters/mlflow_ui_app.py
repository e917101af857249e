"""MLflow's server application behind a guard: ``mlflow server --app-name mlops-guarded``.

A browser shows a ticket once and gets a cookie; anything else is refused. See ``mlflow_ui`` for who makes
tickets.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from mlflow.server.fastapi_app import app as mlflow_app
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..capabilities import tickets

_SECRET = "MLOPS_JUPYTER_UI_SECRET"  # noqa: S105 -- a variable's name
_COOKIE = "mlops-mlflow-ui"
_IDLE_LIMIT_S = 3600.0
_IDLE_CHECK_S = 60.0


class Guard:
    """Lets in who shows a fresh ticket, the cookie that it bought, or the secret itself."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._secret = secret
        self._session = tickets.proof(secret, "session")
        self._tickets = tickets.Tickets(secret)
        self.last_used = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket", [""])[0]
        if scope["type"] == "http" and ticket:
            await self._answer(ticket, headers)(scope, receive, send)
        elif self._knows(headers) and _same_origin(headers):
            self.last_used = time.monotonic()
            await self._app(scope, receive, send)
        else:
            await self._refuse()(scope, receive, send)

    def _knows(self, headers: Headers) -> bool:
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
        except CookieError:
            cookie = None
        shown = cookie.value if cookie is not None else ""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        return tickets.same(shown, self._session) or tickets.same(bearer, self._secret)

    def _answer(self, ticket: str, headers: Headers) -> Response:
        if self._tickets.spend(ticket, time.time()):
            return self._enter(headers)
        # A notebook that is opened again shows its old link; the cookie may still be good.
        return self._onwards() if self._knows(headers) else self._refuse()

    def _onwards(self) -> Response:
        return RedirectResponse("./", status_code=303)

    def _enter(self, headers: Headers) -> Response:
        answer = self._onwards()
        # Below a Jupyter server other programs share its origin, but not this path.
        path = headers.get("x-forwarded-context") or "/"
        answer.set_cookie(_COOKIE, self._session, path=path, httponly=True, samesite="lax")
        return answer

    def _refuse(self) -> Response:
        return PlainTextResponse("This page needs a fresh link. Run: %mlops ui mlflow\n", status_code=403)


def _same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc in {headers.get("host"), headers.get("x-forwarded-host")}


def create_app() -> Guard:
    """Build the guarded application; it ends its process after an hour without use."""
    guard = Guard(mlflow_app, os.environ[_SECRET])

    def watch() -> None:
        pause = threading.Event()
        while time.monotonic() - guard.last_used < _IDLE_LIMIT_S:
            pause.wait(_IDLE_CHECK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="mlops-idle", daemon=True).start()
    return guard
