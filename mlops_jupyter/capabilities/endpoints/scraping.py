"""Where the endpoints of a project are scraped: a file for each, in the form of Prometheus' file-based discovery.

A file an endpoint, so that two deployments never write the same one; it is watched by whoever scrapes, and stays
while an endpoint is down: that is what it is watched for.
"""

from __future__ import annotations

import json
from pathlib import Path

from ..private_files import write_private
from .folder import EndpointFolder

JOB = "mlops"
_FOLDER = "scrape"


def targets(project_state: Path) -> Path:
    """Return the folder of the files, which the first deployment makes."""
    return project_state / _FOLDER


def announce(folder: EndpointFolder, host: str, port: int) -> None:
    """Say where an endpoint is scraped from now on.

    Parameters
    ----------
    folder
        The endpoint's.
    host, port
        Where it listens.
    """
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    told = [{"targets": [target], "labels": {"job": JOB, "endpoint": folder.name}}]
    file = _file(folder)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    # Written anew only where it says something else: a watcher reads a file that is touched.
    text = json.dumps(told, indent=1) + "\n"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        write_private(file, text)


def withdraw(folder: EndpointFolder) -> None:
    """Say that an endpoint is no longer scraped: it is no more, or listens where nobody scrapes."""
    _file(folder).unlink(missing_ok=True)


def _file(folder: EndpointFolder) -> Path:
    return targets(folder.project_state) / f"{folder.name}.json"
