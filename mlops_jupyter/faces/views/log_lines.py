"""Lines of an endpoint's log."""

from __future__ import annotations

from html import escape

from ...records import LogLines
from .columns import FAINT


def text(log: LogLines) -> str:
    """Return the lines."""
    return "\n".join(log.lines) if log.lines else f"nothing is in {log.path}"


def html(log: LogLines) -> str:
    """Return them as they are."""
    lines = escape(text(log))
    return f'<pre style="overflow-x:auto;margin:0">{lines}</pre><div style="{FAINT}">{escape(log.path)}</div>'
