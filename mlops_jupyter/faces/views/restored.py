"""A version of a notebook that was brought back."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

from ...records import Restored
from .columns import CARD, FAINT, notes_html


def text(restored: Restored) -> str:
    """Return where it is now, and what was kept."""
    lines = [
        f"{restored.path} is {restored.version.kind} {restored.version.ref[:12]} {restored.version.title}".rstrip()
    ]
    if restored.kept is not None:
        lines.append(f"  what it was before is the snapshot {restored.kept}: mlops restore {restored.kept}")
    return "\n".join(lines + [f"  note: {note}" for note in restored.notes])


def html(restored: Restored) -> str:
    """Return the same, with a link to the file."""
    kept = ""
    if restored.kept is not None:
        kept = f'<div style="{FAINT}">what it was before is the snapshot <code>{escape(restored.kept)}</code></div>'
    return (
        f'<div style="{CARD}"><a href="{quote(restored.path)}" target="_blank" rel="noopener">'
        f"{escape(restored.path)}</a> is {restored.version.kind} <code>{escape(restored.version.ref[:12])}</code> "
        f"{escape(restored.version.title)}{kept}{notes_html(restored.notes)}</div>"
    )
