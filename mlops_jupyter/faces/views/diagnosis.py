"""What doctor found."""

from __future__ import annotations

from html import escape

from ...records import Diagnosis
from .columns import CARD, badge, html_table

_MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}


def text(diagnosis: Diagnosis) -> str:
    """Return one line a check, and the command that mends it below."""
    lines = []
    for check in diagnosis.checks:
        lines.append(f"{_MARKS[check.level]} {check.name:<22} {check.detail}")
        if check.fix:
            lines.append(f"  → {check.fix}")
    return "\n".join(lines)


def html(diagnosis: Diagnosis) -> str:
    """Return the same as a table."""
    rows = [
        (
            badge(check.level),
            escape(check.name),
            escape(check.detail),
            f"<code>{escape(check.fix)}</code>" if check.fix else "",
        )
        for check in diagnosis.checks
    ]
    return f'<div style="{CARD};max-width:none">{html_table(("", "what", "found", "what mends it"), rows)}</div>'
