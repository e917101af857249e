"""Real Jupyter servers with the extension of this checkout, whatever is installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.servers import answers, free_port, serving

TOKEN = "test-token"


@contextmanager
def jupyter(
    app: str, project: Path, monkeypatch: pytest.MonkeyPatch, *options: str, python: Path | str = sys.executable
) -> Iterator[str]:
    """Run a Jupyter server in a project, below a hub's prefix, until the block ends.

    Parameters
    ----------
    app
        The module that is run: jupyterlab, notebook, jupyter_server.
    project
        What it shows. Its log and the extension's folder lie beside it: nothing of them is seen by a verb in it.
    monkeypatch
        Of the test.
    options
        More options of the server.
    python
        What runs it.

    Yields
    ------
    str
        Its address, with a slash at the end.
    """
    _enable(monkeypatch, project.parent / "jupyter")
    port = free_port()
    words = [
        *(str(python), "-m", app, "--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={project}", f"--IdentityProvider.token={TOKEN}", "--ServerApp.base_url=/user/ana/"),
        *options,
    ]
    base = f"http://127.0.0.1:{port}/user/ana/"
    with serving(words, project, lambda: answers(f"{base}api/status", token=TOKEN), log=project.parent / "jupyter.log"):
        yield base


def _enable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have Jupyter servers that are started from now on find both halves, by way of a folder that is not there yet."""
    extensions = folder / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "mlops-jupyter").symlink_to(REPOSITORY / "mlops_jupyter" / "labextension")
    # Kernel specifications that a test has put on the path stay there.
    monkeypatch.setenv("JUPYTER_PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(REPOSITORY / "jupyter-config"))
