"""What a front end tells this kernel of its notebook: a comm that carries the document as it is now.

The comm's data, at its opening and in every message, is ``{"path": …, "content": …}``: the path as the front end calls
it, and the notebook's JSON as text. Kernels handle messages in order, so a document that is sent before a cell is there
when the cell runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capabilities import live_documents


def opened(comm: Any, message: Mapping[str, Any]) -> None:
    """Listen to a comm that a front end has opened."""
    _take(message)
    comm.on_msg(_take)
    comm.on_close(lambda _message: live_documents.forget())


def _take(message: Mapping[str, Any]) -> None:
    data = message["content"]["data"]
    path, content = data.get("path"), data.get("content")
    # Another version of the front end's half may say other things.
    if isinstance(path, str) and path and isinstance(content, str):
        live_documents.tell(path, content.encode("utf-8", errors="surrogatepass"))
