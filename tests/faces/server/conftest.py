"""A real Jupyter server with the extension, as it is configured when it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.jupyter_servers import TOKEN, jupyter


@pytest.fixture
def server(request: pytest.FixtureRequest, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client of the extension's routes, below a hub's prefix, that bears the server's token.

    An indirect parameter is one more option of the server.
    """
    options = [request.param] if hasattr(request, "param") else []
    with (
        jupyter("jupyter_server", project, monkeypatch, *options) as base,
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
