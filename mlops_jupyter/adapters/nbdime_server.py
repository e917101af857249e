"""nbdime's web pages in a process of their own: ``python -m mlops_jupyter.adapters.nbdime_server FOLDER PORT BASE``.

Everything is below a base path that nobody can guess, since nbdime's server asks for no token. The process ends when
nobody has asked for anything for an hour, and takes the folder with the two versions along.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from typing import Any

from nbdime.webapp.nbdimeserver import init_app

_IDLE_S, _LOOK_S = 3600.0, 30.0


async def serve(folder: str, port: int, base_url: str) -> None:
    """Serve until nobody asks any more."""
    asked = time.monotonic()

    def note(_handler: Any) -> None:
        nonlocal asked
        asked = time.monotonic()

    app, server = init_app(port=port, ip="127.0.0.1", base_url=base_url, cwd=folder)
    app.settings["log_function"] = note
    try:
        while time.monotonic() - asked < _IDLE_S:  # noqa: ASYNC110 -- that nobody asks is no event
            await asyncio.sleep(_LOOK_S)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
