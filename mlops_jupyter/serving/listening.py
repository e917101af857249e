"""The socket that an endpoint's workers share."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import stat
import struct
from pathlib import Path

from ..capabilities.endpoints import EndpointPlan
from ..capabilities.endpoints.lines import address

_BACKLOG = 2048
# linux/filter.h: a program of four steps that drops packets with SYN and without ACK, and takes all others. Byte 13 of
# a TCP header holds the flags.
_ATTACH_FILTER = getattr(socket, "SO_ATTACH_FILTER", 26)
_NO_NEWCOMERS = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 1, 0, 0x02), (0x06, 0, 0, 0xFFFF_FFFF), (0x06, 0, 0, 0))


class AddressTaken(Exception):
    """The endpoint cannot listen where it was told to; the message says why."""


def listen(plan: EndpointPlan) -> socket.socket:
    """Return the socket where a plan says that the endpoint listens.

    Raises
    ------
    AddressTaken
        When it cannot listen there.
    """
    if plan.socket is not None:
        return listen_unix(Path(plan.socket))
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port whose last connections are still being closed is free.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((plan.host, plan.port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise AddressTaken(_why(f"port {plan.port} of {plan.host}", error)) from error
    return listening


def listen_unix(path: Path) -> socket.socket:
    """Return a listening Unix socket that only this user can connect to.

    Raises
    ------
    AddressTaken
        When something else has the path, or it cannot be made.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address(path) as place:
            _clear(path, place)
            # The socket has its mode from its first moment: one that is changed later was open to all until then.
            old = os.umask(0o177)
            try:
                listening.bind(place)
            finally:
                os.umask(old)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise AddressTaken(_why(str(path), error)) from error
    return listening


def admit_no_more(listening: socket.socket, plan: EndpointPlan) -> None:
    """Let nobody connect from now on where a plan says; who has is still there to be accepted.

    A socket that is closed instead resets the connections that nobody has accepted yet.

    Raises
    ------
    OSError
        When the system cannot do that.
    """
    if plan.socket is not None:
        Path(plan.socket).unlink(missing_ok=True)
        return
    steps = b"".join(struct.pack("HBBI", *one) for one in _NO_NEWCOMERS)
    kept = ctypes.create_string_buffer(steps)
    program = struct.pack("HP", len(_NO_NEWCOMERS), ctypes.addressof(kept))
    listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)


def _clear(path: Path, place: str) -> None:
    """Remove the socket of an endpoint that is gone, and nothing else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "there is a file of that name, which is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(place)
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")


def _why(place: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{place} is in use"
    return f"cannot listen at {place}: {error.strerror or error}"
