"""All deployments."""

from __future__ import annotations

from html import escape

from ...records import Deployment, Deployments
from .columns import CARD, badge, html_table, notes_html, text_table
from .deployment import LIKE, shares

_HEAD = ("status", "name", "versions", "address", "restarts", "error")
_NONE = "nothing is deployed: mlops deploy MODEL --name NAME"


def text(found: Deployments) -> str:
    """Return one line a deployment."""
    lines = [text_table(_HEAD, map(_row, found.deployments)) if found.deployments else _NONE]
    return "\n".join(lines + [f"note: {note}" for note in found.notes])


def html(found: Deployments) -> str:
    """Return the same as a table."""
    rows = []
    for one in found.deployments:
        status, *words = _row(one)
        rows.append((badge(status, LIKE.get(status)), *map(escape, words)))
    table = html_table(_HEAD, rows) if rows else escape(_NONE)
    return f'<div style="{CARD};max-width:none">{table}{notes_html(found.notes)}</div>'


def _row(one: Deployment) -> tuple[str, ...]:
    place = one.socket or one.url or ""
    return one.status, one.name, shares(one.versions), place, str(one.restarts or ""), one.error or ""
