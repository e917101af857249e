"""An endpoint that is no more."""

from __future__ import annotations

from html import escape

from ...records import Undeployed
from .columns import CARD, notes_html


def text(ended: Undeployed) -> str:
    """Return it in a line."""
    return "\n".join([_said(ended), *(f"note: {note}" for note in ended.notes)])


def html(ended: Undeployed) -> str:
    """Return the same as a card."""
    return f'<div style="{CARD}">{escape(_said(ended))}{notes_html(ended.notes)}</div>'


def _said(ended: Undeployed) -> str:
    return f"{ended.name} is no longer deployed ({ended.target}); it was {ended.was}"
