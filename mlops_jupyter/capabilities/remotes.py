"""What the address of a git remote says: the host of the project's pages, and the project on it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[^:/\s]+):(?!//)(?P<path>.+)")


class HostedProject(NamedTuple):
    """A project on a host: ``https://host`` and ``group/project``."""

    base_url: str
    path: str


def hosted(remote: str) -> HostedProject | None:
    """Read a remote's address; ``None`` for a directory or one that names no project.

    Examples
    --------
    >>> hosted("git@gitlab.example.org:ml/churn.git")
    HostedProject(base_url='https://gitlab.example.org', path='ml/churn')
    >>> hosted("http://localhost:8080/ml/churn.git")
    HostedProject(base_url='http://localhost:8080', path='ml/churn')
    """
    if "://" in remote:
        try:
            parts = urlsplit(remote)
            host, path, number = parts.hostname, parts.path, parts.port
        except ValueError:
            # No address at all, or a port that is no number.
            return None
        # The pages of a project that is fetched by ssh are on the web all the same, at the web's own port.
        web = parts.scheme in {"http", "https"}
        port = f":{number}" if web and number else ""
        base = f"{parts.scheme if web else 'https'}://{host}{port}"
        if parts.scheme == "file":
            return None
    else:
        found = _SCP.fullmatch(remote)
        # A Windows path has one letter before its colon.
        if found is None or len(found["host"]) == 1:
            return None
        host, path, base = found["host"], found["path"], f"https://{found['host']}"
    path = path.strip("/").removesuffix(".git")
    return HostedProject(base, path) if host and "/" in path else None


def forge_of(remote: str) -> str | None:
    """Guess from a remote's host which kind of forge it is; ``None`` when its name does not tell."""
    project = hosted(remote)
    host = "" if project is None else urlsplit(project.base_url).hostname or ""
    return next((forge for forge in ("gitlab", "github") if forge in host), None)
