"""A real Jupyter server with the extension, as it is configured when it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.lab_extension import enable
from tests.fakes.servers import answers, free_port, serving

TOKEN = "test-token"


@pytest.fixture
def server(request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of the extension's routes, below a hub's prefix, that bears the server's token.

    An indirect parameter is one more option of the server.
    """
    enable(monkeypatch, project.parent / "jupyter")
    port = free_port()
    words = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}"),
        *(f"--ServerApp.root_dir={project}", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"),
        "--ServerApp.base_url=/user/ana/",
        *([request.param] if hasattr(request, "param") else []),
    ]
    base = f"http://127.0.0.1:{port}/user/ana/"
    # The prefix and the log lie beside the project: nothing of them is seen by a verb in it.
    with (
        serving(words, project, lambda: answers(f"{base}api/status", token=TOKEN), log=project.parent / "server.log"),
        httpx.Client(
            base_url=f"{base}mlops-jupyter/", headers={"Authorization": f"token {TOKEN}"}, timeout=120, trust_env=False
        ) as client,
    ):
        yield client


@pytest.fixture
def login(server: httpx.Client) -> Iterator[httpx.Client]:
    """The same as a browser that has logged in: a cookie, and no token."""
    with httpx.Client(base_url=server.base_url, timeout=120, trust_env=False, follow_redirects=False) as browser:
        at = str(server.base_url).removesuffix("mlops-jupyter/")
        browser.get(f"{at}login")
        browser.get(f"{at}api/me", params={"token": TOKEN})
        assert "_xsrf" in browser.cookies
        yield browser
