"""Databases that runs are kept in, by the address that SQLAlchemy takes."""

from __future__ import annotations

import re
import socket

from ..errors import Unavailable

# The name and the port of each that another machine may hold.
_SERVERS = {"postgresql": ("PostgreSQL", 5432), "mysql": ("MySQL", 3306), "mssql": ("SQL Server", 1433)}
# As SQLAlchemy reads it: a password may have any sign but @ in it.
_ADDRESS = re.compile(r"[^:/]+://(?:[^:/@]*(?::[^@]*)?@)?(?:\[([^\]]+)\]|([^/:?@]*))(?::(\d+))?(?=[/?]|$)")


def is_database_server(uri: str) -> bool:
    """Tell whether an address is that of a database server."""
    return _kind(uri) in _SERVERS


def knock(uri: str, timeout_s: float) -> None:
    """Return when somebody answers at a database server's address; nothing is asked at other addresses.

    Raises
    ------
    Unavailable
        When nobody does within the time.
    """
    found = _ADDRESS.match(uri)
    host = found and (found[1] or found[2])
    if not is_database_server(uri) or not found or not host:
        # A socket file, which answers or refuses at once, or no address at all, which SQLAlchemy says.
        return
    name, port = _SERVERS[_kind(uri)]
    try:
        socket.create_connection((host, int(found[3] or port)), timeout_s).close()
    except (OSError, OverflowError) as error:
        said = f"{name} at {host} did not answer: {getattr(error, 'strerror', None) or error}"
        raise Unavailable("MLflow", said, "mlops doctor") from error


def _kind(uri: str) -> str:
    return uri.partition(":")[0].partition("+")[0]
