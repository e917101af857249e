"""The extension of this checkout where JupyterLab looks for it, whatever is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


def enable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have Jupyter servers that are started from now on find both halves, by way of a folder that is not there yet."""
    extensions = folder / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "mlops-jupyter").symlink_to(REPOSITORY / "mlops_jupyter" / "labextension")
    monkeypatch.setenv("JUPYTER_PATH", str(folder))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(REPOSITORY / "jupyter-config"))
