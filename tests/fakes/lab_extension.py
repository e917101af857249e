"""The extension of this checkout where JupyterLab looks for it, whatever is installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def enable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have Jupyter servers that are started from now on find both halves, by way of a folder that is not there yet."""
    extensions = folder / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "mlops-jupyter").symlink_to(REPOSITORY / "mlops_jupyter" / "labextension")
    # Kernel specifications that a test has put on the path stay there.
    monkeypatch.setenv("JUPYTER_PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(REPOSITORY / "jupyter-config"))
