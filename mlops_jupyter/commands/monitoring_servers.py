"""The servers of metrics and alerts that the settings name, with what gets one in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from .. import registry
from ..errors import ConfigurationError
from ..protocols import Alerts, BatchMetrics, MetricsQueries, ServerAccess
from ..settings import MonitoringServer, Settings


def metrics(current: Settings) -> MetricsQueries | None:
    """Return the metrics server of a project, ``None`` where none is named.

    Raises
    ------
    ConfigurationError
        When its address or its file of credentials cannot be used.
    """
    return cast("MetricsQueries | None", _made("metrics", "prometheus", current.prometheus))


def alerts(current: Settings) -> Alerts | None:
    """Return what tells of a project's alerts, ``None`` where none is named.

    Raises
    ------
    ConfigurationError
        When its address or its file of credentials cannot be used.
    """
    return cast("Alerts | None", _made("alerts", "alertmanager", current.alertmanager))


def batch_metrics(current: Settings) -> BatchMetrics | None:
    """Return what keeps the metrics of what has ended, ``None`` where none is named.

    Raises
    ------
    ConfigurationError
        When its address or its file of credentials cannot be used.
    """
    return cast("BatchMetrics | None", _made("batch_metrics", "pushgateway", current.pushgateway))


def _made(kind: str, product: str, server: MonitoringServer | None) -> Any:
    return None if server is None else registry.load(kind, product)(access(server, os.environ))


def access(server: MonitoringServer, environment: Mapping[str, str]) -> ServerAccess:
    """Return how one gets into a server: by a token or a password of the environment, a file, or its address.

    Raises
    ------
    ConfigurationError
        When the address is none of the web's, or the file of credentials cannot be read or is empty.
    """
    prefix = f"MLOPS_JUPYTER_{server.name.upper()}_"
    parts = _address(server)
    user, password = environment.get(prefix + "USER"), environment.get(prefix + "PASSWORD")
    if user is None and parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
    token = environment.get(prefix + "TOKEN")
    if token is None and server.credentials_file is not None:
        token = _read(server)
    return ServerAccess(
        url=urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")),
        token=token,
        user=user,
        password=password,
        settings=server.name,
    )


def _address(server: MonitoringServer) -> SplitResult:
    try:
        parts = urlsplit(server.url.strip())
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
        reason = None
    except ValueError as error:
        reason = error
    raise ConfigurationError(
        f"the address of {server.name} is none: {server.url.rpartition('@')[2]}",
        f'write url = "http://HOST:PORT" under [{server.name}] in mlops.toml',
    ) from reason


def _read(server: MonitoringServer) -> str:
    file = server.credentials_file
    try:
        token = "" if file is None else file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it holds no token"
        raise ConfigurationError(
            f"cannot read {file}: {said}", f"put the token of {server.name} into it, or credentials_file right"
        ) from error
    if not token:
        raise ConfigurationError(f"{file} is empty", f"put the token of {server.name} into it")
    return token
