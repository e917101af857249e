"""A snapshot that was taken."""

from __future__ import annotations

from html import escape

from ...records import Snapshot
from .columns import CARD, FAINT, notes_html, when


def text(snapshot: Snapshot) -> str:
    """Return its name, what it holds, and what to do with it."""
    lines = [
        f"snapshot {snapshot.ref}  {_state(snapshot)}  {when(snapshot.taken)} UTC",
        *(f"  {notebook}" for notebook in snapshot.notebooks),
        *(f"  note: {note}" for note in snapshot.notes),
        f"  mlops diff {snapshot.ref}   mlops restore {snapshot.ref}",
    ]
    return "\n".join(lines)


def html(snapshot: Snapshot) -> str:
    """Return the same as a card."""
    notebooks = "".join(f"<div><code>{escape(notebook)}</code></div>" for notebook in snapshot.notebooks)
    return (
        f'<div style="{CARD}">snapshot <code>{escape(snapshot.ref)}</code> '
        f'<span style="{FAINT}">{_state(snapshot)} · {when(snapshot.taken)} UTC</span>{notebooks}'
        f"{notes_html(snapshot.notes)}"
        f'<div style="{FAINT}"><code>%mlops diff {escape(snapshot.ref)}</code> · '
        f"<code>%mlops restore {escape(snapshot.ref)}</code></div></div>"
    )


def _state(snapshot: Snapshot) -> str:
    return "taken" if snapshot.new else "nothing has changed since it was taken"
