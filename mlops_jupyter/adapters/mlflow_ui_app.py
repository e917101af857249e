"""MLflow's server application behind a guard: ``mlflow server --app-name mlops-guarded``.

A browser shows a ticket once and gets a cookie; anything else is refused. See ``mlflow_ui`` for who makes
tickets.
"""

from __future__ import annotations

import os

from mlflow.server.fastapi_app import app as mlflow_app
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..capabilities.page_guard import PageGuard, cookie_path
from ..capabilities.served_pages import SECRET_VARIABLE, end_when_idle

_COOKIE = "mlops-mlflow-ui"


class Guard:
    """Lets in whom a `PageGuard` knows."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self.guard = PageGuard(secret, _COOKIE, "%mlops ui mlflow")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        query = scope.get("query_string", b"").decode("latin-1")
        decided = self.guard.decide(headers, query, http=scope["type"] == "http")
        if decided == "pass":
            await self._app(scope, receive, send)
            return
        answer: Response = PlainTextResponse(self.guard.refusal, status_code=403)
        if decided != "refuse":
            answer = RedirectResponse("./", status_code=303)
        if decided == "enter":
            answer.set_cookie(_COOKIE, self.guard.session, path=cookie_path(headers), httponly=True, samesite="lax")
        await answer(scope, receive, send)


def create_app() -> Guard:
    """Build the guarded application; it ends its process after an hour without use."""
    guarded = Guard(mlflow_app, os.environ[SECRET_VARIABLE])
    end_when_idle(guarded.guard)
    return guarded
