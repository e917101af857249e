"""TensorBoard behind a guard: ``python -m mlops_jupyter.adapters.tensorboard.app LOGDIR PORT``.

It is TensorBoard's own server, through the class of servers that its program takes.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from tensorboard import program
from werkzeug import Request, Response
from werkzeug.utils import redirect

from ...capabilities.page_guard import PageGuard, cookie_path
from ...capabilities.served_pages import SECRET_VARIABLE, end_when_idle

_COOKIE = "mlops-tensorboard"
# Metrics arrive by the second.
_RELOAD_S = 2

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Guarded:
    """A WSGI application that lets in whom a `PageGuard` knows."""

    def __init__(self, app: Application, secret: str) -> None:
        self.guard = PageGuard(secret, _COOKIE, "%mlops ui tensorboard")
        self._app = app
        # Its server has a thread for each request, and a ticket is good once.
        self._deciding = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {name.lower(): value for name, value in Request(environ).headers}
        with self._deciding:
            decided = self.guard.decide(headers, environ.get("QUERY_STRING", ""))
        if decided == "pass":
            return self._app(environ, start_response)
        answer = Response(self.guard.refusal, 403, mimetype="text/plain")
        if decided != "refuse":
            answer = redirect("./", 303)
        if decided == "enter":
            answer.set_cookie(_COOKIE, self.guard.session, path=cookie_path(headers), httponly=True, samesite="Lax")
        return answer(environ, start_response)


def main(folder: str, port: str) -> int:
    """Serve a log directory until nobody has used it for an hour."""

    def server(app: Application, flags: Any) -> Any:
        guarded = Guarded(app, os.environ[SECRET_VARIABLE])
        end_when_idle(guarded.guard)
        return program.WerkzeugServer(guarded, flags)

    board = program.TensorBoard(server_class=server)
    board.configure(
        (
            *("tensorboard", "--logdir", folder, "--host", "127.0.0.1", "--port", port),
            # Its own reader of files, which is not a program of another process.
            *("--load_fast", "false", "--reload_interval", str(_RELOAD_S)),
        )
    )
    return int(board.main())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
