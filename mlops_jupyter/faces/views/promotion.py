"""An alias that points to another version."""

from __future__ import annotations

from html import escape

from ...records import Promotion
from .columns import CARD, badge, notes_html


def text(one: Promotion) -> str:
    """Return one line, and the notes."""
    return "\n".join([f"{one.model}@{one.alias}  {_words(one)}", *(f"note: {note}" for note in one.notes)])


def html(one: Promotion) -> str:
    """Return the same as a card."""
    said = f"<b>{escape(one.model)}</b> {badge(one.alias)} {escape(_words(one))}"
    return f'<div style="{CARD}">{said}{notes_html(one.notes)}</div>'


def _words(one: Promotion) -> str:
    before = "before: none" if one.before is None else f"before: version {one.before}"
    run = "" if one.run_id is None else f", run {one.run_id[:8]}"
    return f"→ version {one.version}{run} ({before})"
