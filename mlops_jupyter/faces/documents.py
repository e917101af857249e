"""What a front end tells this kernel of its notebook: a comm that carries the document as it is now.

The comm's data, at its opening and in every message, is ``{"path": …, "content": …}``: the path as the front end calls
it, and the notebook's JSON as text. Kernels handle messages in order, so a document that is sent before a cell is there
when the cell runs. The answer to an opening is ``{}``: from then on the front end knows that somebody listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capabilities import live_documents

# A front end that has had no answer yet may have opened more than one.
_open: set[str] = set()


def opened(comm: Any, message: Mapping[str, Any]) -> None:
    """Listen to a comm that a front end has opened."""
    _open.add(comm.comm_id)
    _take(message)
    comm.on_msg(_take)
    comm.on_close(lambda _message: _closed(comm.comm_id))
    comm.send({})


def _closed(comm_id: str) -> None:
    _open.discard(comm_id)
    if not _open:
        live_documents.forget()


def _take(message: Mapping[str, Any]) -> None:
    data = message["content"]["data"]
    path, content = data.get("path"), data.get("content")
    # Another version of the front end's half may say other things.
    if isinstance(path, str) and path and isinstance(content, str):
        live_documents.tell(path, content.encode("utf-8", errors="surrogatepass"))
