"""The versions of a notebook."""

from __future__ import annotations

from html import escape

from ...records import History, Version
from .columns import CARD, FAINT, html_table, notes_html, shortened, text_table, when

_HEAD = ("version", "kind", "when (UTC)", "what", "by", "runs")
_TITLE, _RUNS = 60, 3


def text(history: History) -> str:
    """Return the table as columns of text."""
    rows = [_row(one, named=history.notebook == "(all)") for one in history.versions]
    table = text_table(_HEAD, rows) if rows else "no versions yet: mlops snapshot takes one"
    return "\n".join([history.notebook, table, *(f"note: {note}" for note in history.notes)])


def html(history: History) -> str:
    """Return the table as HTML."""
    rows = [
        (f"<code>{escape(ref)}</code>", *(escape(word) for word in words))
        for ref, *words in (_row(one, named=history.notebook == "(all)") for one in history.versions)
    ]
    table = html_table(_HEAD, rows) if rows else "No versions yet: <code>%mlops snapshot</code> takes one."
    return (
        f'<div style="{CARD};max-width:none"><b>{escape(history.notebook)}</b>{table}{notes_html(history.notes)}'
        f'<div style="{FAINT}"><code>%mlops diff VERSION</code> · <code>%mlops restore VERSION</code></div></div>'
    )


def _row(version: Version, *, named: bool) -> tuple[str, ...]:
    runs = ", ".join(run[:8] for run in version.runs[:_RUNS])
    if len(version.runs) > _RUNS:
        runs += f" and {len(version.runs) - _RUNS} more"
    title = f"{version.notebook}: {version.title}" if named and version.notebook else version.title
    return (version.ref, version.kind, when(version.time), shortened(title, _TITLE), version.author, runs)
