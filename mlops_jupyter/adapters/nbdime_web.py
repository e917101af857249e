"""nbdime's own web pages, opened with two versions of a notebook."""

from __future__ import annotations

import secrets
import socket
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

import httpx

from ..capabilities import lasting_processes
from ..capabilities.redaction import redacted
from ..errors import Unavailable
from ..protocols import ServedPage

_START_S = 30.0
_BEFORE, _AFTER = "before.ipynb", "after.ipynb"
_SERVER = "mlops_jupyter.adapters.nbdime_server"


class NbdimeWeb:
    """Starts a server for each pair of versions; it ends by itself."""

    def open(self, before: bytes, after: bytes, server_url: str | None) -> ServedPage:
        """Return a page that shows two versions.

        Parameters
        ----------
        before, after
            The notebooks' content.
        server_url
            The base path of the Jupyter server that the page is to be seen through, if there is one.

        Raises
        ------
        Unavailable
            When the server ends or is not ready in time, with its own last words.
        """
        folder = Path(tempfile.mkdtemp(prefix="mlops-diff-"))
        (folder / _BEFORE).write_bytes(before)
        (folder / _AFTER).write_bytes(after)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        # A proxy that strips nothing, so that the page's own absolute addresses hold behind it too.
        proxied = "/" if server_url is None else f"{server_url}proxy/absolute/{port}/"
        base = f"{proxied}{secrets.token_urlsafe(24)}/"
        with (folder / "server.log").open("wb") as log:
            command = [sys.executable, "-m", _SERVER, str(folder), str(port), base]
            process = lasting_processes.start(command, log, cwd=folder)
        path = f"{base}diff?{urlencode({'base': _BEFORE, 'remote': _AFTER})}"
        if not lasting_processes.answers(process, lambda: _answers(f"http://127.0.0.1:{port}{path}"), _START_S):
            said = (folder / "server.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Unavailable("nbdime", f"nbdime's pages did not start: {redacted((said or ['no word'])[-1])}", None)
        return ServedPage(port, path, f"served by process {process.pid}, which ends after an hour without use")


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False
