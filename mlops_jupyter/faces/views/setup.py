"""What init did."""

from __future__ import annotations

from html import escape

from ...records import Setup
from .columns import CARD, html_table, notes_html, text_table


def text(setup: Setup) -> str:
    """Return one line a file."""
    table = text_table((setup.root, "", ""), ((step.path, step.outcome, step.detail) for step in setup.steps))
    return "\n".join([table, *(f"note: {note}" for note in setup.notes)])


def html(setup: Setup) -> str:
    """Return the same as a table."""
    rows = [(f"<code>{escape(step.path)}</code>", step.outcome, escape(step.detail)) for step in setup.steps]
    return f'<div style="{CARD}">{html_table((setup.root, "", ""), rows)}{notes_html(setup.notes)}</div>'
