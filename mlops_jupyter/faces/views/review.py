"""A branch that was pushed for others to look at."""

from __future__ import annotations

from html import escape

from ...records import Review
from .columns import CARD, FAINT, notes_html


def text(review: Review) -> str:
    """Return what was pushed where, and the merge request's page."""
    lines = [f"pushed {review.commit[:12]} to {review.branch} of {review.remote}, for {review.target}"]
    if review.opened:
        lines.append(f"  merge request: {review.link or 'opened by the push'}")
    elif review.link:
        lines.append(f"  open the merge request: {review.link}")
    lines += [f"  {notebook}" for notebook in review.notebooks]
    return "\n".join(lines + [f"  note: {note}" for note in review.notes])


def html(review: Review) -> str:
    """Return the same as a card."""
    link = ""
    if review.link:
        words = "merge request" if review.opened else "open the merge request"
        link = f'<div><a href="{escape(review.link)}" target="_blank" rel="noopener">{words}</a></div>'
    elif review.opened:
        link = "<div>merge request opened by the push</div>"
    notebooks = "".join(f"<div><code>{escape(notebook)}</code></div>" for notebook in review.notebooks)
    return (
        f'<div style="{CARD}">pushed <code>{escape(review.commit[:12])}</code> to <b>{escape(review.branch)}</b> '
        f'<span style="{FAINT}">of {escape(review.remote)}, for {escape(review.target)}</span>{link}{notebooks}'
        f"{notes_html(review.notes)}</div>"
    )
