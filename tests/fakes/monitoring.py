"""A real Prometheus, Alertmanager and Pushgateway for tests."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import httpx
import pytest
import yaml

from tests.fakes.servers import answers, free_port, serving


def executable(*names: str, package: str) -> str:
    """Return the path of a program; where it is missing skip the test, or in CI fail it.

    CI has installed it, unless nothing can be installed there: `.ci/run` says so in ``MLOPS_CI_WITHOUT``.
    """
    found = next((path for path in map(shutil.which, names) if path is not None), None)
    if found is None:
        said = f"{names[0]} is missing: apt-get install {package}"
        if os.environ.get("CI") == "true" and package not in os.environ.get("MLOPS_CI_WITHOUT", "").split():
            pytest.fail(said)
        pytest.skip(said)
    return found


def promtool() -> str:
    """Return the path of promtool."""
    return executable("promtool", package="prometheus")


@contextmanager
def prometheus(
    directory: Path, config: Mapping[str, object] | Path, *more: str, port: int | None = None
) -> Iterator[str]:
    """Run a Prometheus with a configuration, given or in a file, at a free port unless told; give its address."""
    directory.mkdir(parents=True, exist_ok=True)
    file = config if isinstance(config, Path) else directory / "prometheus.yml"
    if not isinstance(config, Path):
        file.write_text(yaml.safe_dump(config))
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    words = [
        executable("prometheus", package="prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        *more,
    ]
    with serving(words, directory, lambda: answers(f"{address}/-/ready"), log=directory / "log"):
        yield address


@contextmanager
def alertmanager(directory: Path) -> Iterator[str]:
    """Run an Alertmanager that tells nobody; give its address."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "alertmanager.yml"
    file.write_text(yaml.safe_dump({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    words = [
        executable("alertmanager", "prometheus-alertmanager", package="prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        # Without an address it looks for others of its kind.
        "--cluster.listen-address=",
    ]
    with serving(words, directory, lambda: answers(f"{address}/-/ready"), log=directory / "log"):
        yield address


@contextmanager
def pushgateway(directory: Path) -> Iterator[str]:
    """Run a Pushgateway; give its address."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    program = executable("pushgateway", "prometheus-pushgateway", package="prometheus-pushgateway")
    # Debian's keeps what it was told among the machine's files.
    kept = directory / "data"
    words = [program, f"--web.listen-address=127.0.0.1:{port}", f"--persistence.file={kept}"]
    with serving(words, directory, lambda: answers(f"{address}/-/ready"), log=directory / "log"):
        yield address


def scrape(job: str, *addresses: str, interval: str = "1s") -> dict[str, object]:
    """Return a configuration that scrapes addresses."""
    targets = [address.removeprefix("http://") for address in addresses]
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "scrape_configs": [{"job_name": job, "static_configs": [{"targets": targets}]}],
    }


class Stub:
    """A web server that answers all requests as it is told, and keeps what it was asked."""

    def __init__(self, status: int, body: str, headers: Mapping[str, str] | None = None) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        stub = self

        class Answering(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                sent = self.rfile.read(length).decode()
                stub.asked.append((self.command, self.path, dict(self.headers), sent))
                self.send_response(status)
                for name, value in (headers or {"Content-Type": "application/json"}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST = do_PUT = _answer  # noqa: N815 -- the library's names

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def post_alerts(address: str, alerts: Sequence[Mapping[str, object]]) -> None:
    """Tell an Alertmanager of alerts, as Prometheus does."""
    told = httpx.post(
        f"{address}/api/v2/alerts", content=json.dumps(alerts), headers={"Content-Type": "application/json"}
    )
    told.raise_for_status()
