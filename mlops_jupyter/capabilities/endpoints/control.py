"""The client of an endpoint's supervisor."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from ...errors import Unavailable
from .lines import LineBuffer, address, line

_READ = 65536


def ask(control: Path, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Ask a supervisor and return its answer.

    Parameters
    ----------
    control
        Its socket.
    request
        ``{"do": "state" | "metrics" | "snapshot" | "plan" | "stop"}``; with ``metrics`` there may be ``"format":
        "openmetrics"``. Or ``{"do": "levels", "levels": …}`` with what `levels.Levels` takes.
    timeout_s
        How long it may take.

    Raises
    ------
    Unavailable
        When nobody answers in time.
    """
    name = control.parent.name
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(timeout_s)
            with address(control) as place:
                stream.connect(place)
            stream.sendall(line(request))
            lines = LineBuffer()
            while data := stream.recv(_READ):
                if answers := lines.feed(data):
                    return answers[0]
    except (OSError, ValueError) as error:
        reason = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
        said = f"the endpoint {name} cannot be asked: {reason}"
        raise Unavailable("endpoint", said, f"mlops deployments {name}") from error
    raise Unavailable("endpoint", f"the endpoint {name} has ended", f"mlops logs {name}")
