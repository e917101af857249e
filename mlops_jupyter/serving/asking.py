"""What a process of the endpoint asks its supervisor, without waiting for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..capabilities.endpoints.lines import MOST_BYTES, address, line


async def asked(control: Path, request: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
    """Return what the supervisor answers.

    Parameters
    ----------
    control
        Its socket.
    request
        As of `capabilities.endpoints.control.ask`.
    limit_s
        How long it may take.

    Raises
    ------
    OSError
        When it does not answer, or not in time.
    ValueError
        When its answer cannot be understood.
    """
    async with asyncio.timeout(limit_s):
        with address(control) as place:
            reader, writer = await asyncio.open_unix_connection(place, limit=MOST_BYTES)
        try:
            writer.write(line(request))
            return dict(json.loads(await reader.readline()))
        finally:
            writer.close()
