"""Pipelines run here: a repository for them, and what a GitLab answers to their review job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import mlflow

from tests.conftest import REPOSITORY
from tests.fakes.git import git
from tests.fakes.models import small_model
from tests.fakes.notebooks import write_notebook

GOOD = 'import mlflow\nmlflow.log_metric("accuracy", 0.95)'


def repository(root: Path, **notebooks: str) -> Path:
    """Make a project a repository with an origin: each notebook is one cell of this source, below notebooks/."""
    (root / "notebooks").mkdir()
    (root / ".gitignore").write_text(".mlops/\nmlops-results/\n.gitlab-ci-local/\n")
    for name, source in (notebooks or {"train": GOOD}).items():
        write_notebook(root / "notebooks" / f"{name}.ipynb", source)
    git(root.parent, "init", "-q", "--bare", "-b", "main", "origin.git")
    git(root, "init", "-q", "-b", "main")
    git(root, "remote", "add", "origin", str(root.parent / "origin.git"))
    commit(root)
    git(root, "push", "-q", "origin", "main")
    return root


def registered(folder: Path, make: Callable[[Path], Path] = small_model) -> str:
    """Make a store elsewhere with a registered model churn and its champion; return the store's address."""
    uri = f"sqlite:///{folder}/registry.db"
    client = mlflow.MlflowClient(uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", make(folder / "model").as_uri())
    client.set_registered_model_alias("churn", "champion", "1")
    return uri


@contextmanager
def deployed(place: Path, store: str, name: str = "churn") -> Iterator[Callable[..., str]]:
    """Run verbs where a pipeline's job has deployed a model, as somebody does who has come to that machine."""

    def mlops(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mlops_jupyter", *words],
            cwd=place, capture_output=True, text=True, check=False,
            env={
                **os.environ, "MLOPS_JUPYTER_ROOT": str(place / name), "MLFLOW_TRACKING_URI": store,
                "PYTHONPATH": str(REPOSITORY),
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        yield mlops
    finally:
        mlops("undeploy", name, "--yes")


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "as it is now")


@dataclass
class Notes:
    """The notes of a merge request, by their ids; 1 is another person's that begins like ours."""

    token: str = "a-token"
    url: str = ""
    notes: dict[int, dict[str, object]] = field(default_factory=dict)

    def answer(self, method: str, address: str, form: dict[str, list[str]]) -> tuple[int, object]:
        path = urlsplit(address).path
        if path == "/api/v4/user":
            return 200, {"id": 7}
        if method == "GET":
            return 200, [{"id": number, **note} for number, note in self.notes.items()]
        number = int(path.rpartition("/")[2]) if method == "PUT" else len(self.notes) + 1
        self.notes[number] = {"author": {"id": 7}, "body": form["body"][0]}
        return 200, {"id": number}


@contextmanager
def gitlab(told: Notes) -> Iterator[Notes]:
    """Serve the few addresses of GitLab's API that a review job asks."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
            right = self.headers.get("PRIVATE-TOKEN") == told.token
            status, words = told.answer(self.command, self.path, form) if right else (401, {})
            content = json.dumps(words).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}/api/v4"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
