"""Hosts of merge requests at their protocol's boundary: what GitLab and GitHub answer, and what they were told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx


@dataclass
class Forge:
    """One project's merge requests; ``said`` holds what was posted, as (path, JSON)."""

    token: str = "a-token"
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    # What the next call fails with: a status and the host's own words.
    failing: tuple[int, str] | None = None

    def answer(self, method: str, address: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
        path, query = unquote(urlsplit(address).path), parse_qs(urlsplit(address).query)
        if token != self.token:
            return 401, {"message": "401 Unauthorized"}
        if self.failing is not None:
            status, words = self.failing
            return status, {"message": words}
        if method == "GET":
            return 200, self._read(path, query)
        self.said.append((path, body))
        if method in {"PUT", "PATCH"}:
            (note,) = (one for one in self.notes if str(one["id"]) == path.rpartition("/")[2])
            note.update(body)
            return 200, note
        if path.endswith(("/notes", "/comments")):
            return 201, self.noted(body["body"])
        number = len(self.requests) + 1
        link = f"{self.url}/ml/churn/{number}"
        made = {"iid": number, "number": number, "id": number, "web_url": link, "html_url": link}
        self.requests.append(made | {"branch": body.get("source_branch") or body.get("head")})
        return 201, made

    def _read(self, path: str, query: dict[str, list[str]]) -> Any:
        if path.endswith("/user"):
            return {"id": 1, "username": "ci"}
        if path.endswith(("/notes", "/comments")):
            size, page = int(query.get("per_page", ["20"])[0]), int(query.get("page", ["1"])[0])
            return self.notes[(page - 1) * size : page * size]
        branch = (query.get("source_branch") or query.get("head") or [""])[0].rpartition(":")[2]
        return [one for one in self.requests if one["branch"] == branch]

    def next_page(self, address: str, told: Any) -> str | None:
        """Return where a full page of notes goes on."""
        query = parse_qs(urlsplit(address).query)
        size, page = (int(query.get(name, [str(other)])[0]) for name, other in (("per_page", 20), ("page", 1)))
        full = isinstance(told, list) and urlsplit(address).path.endswith("/notes") and len(told) == size
        return f"{self.url}{urlsplit(address).path}?per_page={size}&page={page + 1}" if full else None

    def noted(self, text: str, *, stranger: bool = False) -> dict[str, Any]:
        """Keep a note, of ours or of somebody else's."""
        ident = len(self.notes) + 1
        note = {"id": ident, "body": text, "html_url": f"{self.url}/ml/churn/1#note-{ident}"}
        note |= {"author": {"id": 2 if stranger else 1}, "user": {"type": "User" if stranger else "Bot"}}
        self.notes.append(note | {"author_association": "NONE"})
        return self.notes[-1]


@contextmanager
def serving(forge: Forge) -> Iterator[Forge]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            token = self.headers.get("PRIVATE-TOKEN") or self.headers.get("Authorization", "").partition(" ")[2]
            status, told = forge.answer(self.command, self.path, body, token)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if (following := forge.next_page(self.path, told)) is not None:
                self.send_header("Link", f'<{following}>; rel="next"')
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def runs_of_a_project(server: str, token: str) -> Iterator[str]:
    """Serve an MLflow server as a GitLab project does: below the project's API, for who brings its token."""
    prefix = "/api/v4/projects/7/ml/mlflow"

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {token}":
                status, told = 401, b'{"message": "401 Unauthorized"}'
            elif not self.path.startswith(prefix):
                status, told = 404, b'{"error": "404 Not Found"}'
            else:
                address = server.rstrip("/") + self.path.removeprefix(prefix)
                kind = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
                answer = httpx.request(self.command, address, content=body, headers=kind, timeout=60)
                status, told = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    passing = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=passing.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{passing.server_port}{prefix}"
    finally:
        passing.shutdown()
        passing.server_close()
        thread.join(10)
