"""Databases that runs are kept in, by the address that SQLAlchemy takes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from ..errors import Unavailable

# The name and the port of each that another machine may hold.
_SERVERS = {"postgresql": ("PostgreSQL", 5432), "mysql": ("MySQL", 3306), "mssql": ("SQL Server", 1433)}


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
    address = urlsplit(uri)
    if not is_database_server(uri) or not address.hostname:
        # A socket file, which answers or refuses at once.
        return
    name, port = _SERVERS[_kind(uri)]
    try:
        socket.create_connection((address.hostname, address.port or port), timeout_s).close()
    except OSError as error:
        said = f"{name} at {address.hostname} did not answer: {error.strerror or error}"
        raise Unavailable("MLflow", said, "mlops doctor") from error


def _kind(uri: str) -> str:
    return uri.partition(":")[0].partition("+")[0]
