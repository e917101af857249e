"""What a front end tells this kernel of its notebook: a comm that carries the document as it is now.

The comm's data, at its opening and in every message, is ``{"path": …, "content": …}``: the path as the front end calls
it, and the notebook's JSON as text. Without them it is as it was when the comm told last: of two pages with the same
notebook the one that runs a cell is meant. Kernels handle messages in order, so a document that is sent before a cell
is there when the cell runs. The answer to an opening is ``{}``: from then on the front end knows that somebody listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..capabilities import live_documents

# By comm what it told last. A front end that has had no answer yet may have opened more than one.
_open: dict[str, tuple[str, bytes]] = {}


def opened(comm: Any, message: Mapping[str, Any]) -> None:
    """Listen to a comm that a front end has opened."""
    _take(comm.comm_id, message)
    comm.on_msg(lambda later: _take(comm.comm_id, later))
    comm.on_close(lambda _message: _closed(comm.comm_id))
    comm.send({})


def _closed(comm_id: str) -> None:
    _open.pop(comm_id, None)
    if not _open:
        live_documents.forget()


def _take(comm_id: str, message: Mapping[str, Any]) -> None:
    data = message["content"]["data"]
    path, content = data.get("path"), data.get("content")
    # Another version of the front end's half may say other things.
    if isinstance(path, str) and path and isinstance(content, str):
        _open[comm_id] = (path, content.encode("utf-8", errors="surrogatepass"))
    if comm_id in _open:
        live_documents.tell(*_open[comm_id])
