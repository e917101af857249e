"""A server before another one, which lets in only who brings a token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_OPEN = "/health"


@contextmanager
def gate(behind: str, token: str) -> Iterator[str]:
    """Serve what another server serves, its health to everybody and the rest for a token; give the address."""

    class Keeper(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path != _OPEN and self.headers.get("Authorization") != f"Bearer {token}":
                self._answer(401, b'{"error_code": "UNAUTHENTICATED", "message": "who are you?"}')
                return
            kept = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
            answer = httpx.request(self.command, behind + self.path, content=body, headers=kept, timeout=60)
            self._answer(answer.status_code, answer.content)

        def _answer(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        setattr(Keeper, f"do_{method}", Keeper._pass)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
