"""Rows that a deployment was asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from html import escape

from ...records import LoggedRows
from .columns import CARD, FAINT, html_table, notes_html, shortened, text_table

_SHOWN, _KEPT, _LONGEST = 20, 100, 40


def excerpt(found: LoggedRows) -> LoggedRows:
    """Return what a saved notebook keeps."""
    return replace(found, rows=found.rows[:_KEPT])


def text(found: LoggedRows) -> str:
    """Return a line of counts, and a table of the first rows."""
    lines = [_counts(found)]
    if found.rows:
        lines.append(text_table(found.columns, _rows(found), indent=2))
    return "\n".join([*lines, *_rest(found), *(f"note: {note}" for note in found.notes)])


def html(found: LoggedRows) -> str:
    """Return the same as a card."""
    table = html_table(found.columns, ([escape(word) for word in row] for row in _rows(found))) if found.rows else ""
    rest = "".join(f'<div style="{FAINT}">{escape(line)}</div>' for line in _rest(found)) + notes_html(found.notes)
    return f'<div style="{CARD};max-width:none"><div>{escape(_counts(found))}</div>{table}{rest}</div>'


def _counts(found: LoggedRows) -> str:
    where = f" where {found.where}" if found.where else ""
    return f"{found.name}  {found.matching} of {found.looked_at} logged rows{where}"


def _rows(found: LoggedRows) -> Iterator[tuple[str, ...]]:
    for row in found.rows[:_SHOWN]:
        yield tuple("–" if one is None else shortened(_said(one), _LONGEST) for one in row)


def _said(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _rest(found: LoggedRows) -> Iterator[str]:
    shown = min(_SHOWN, len(found.rows))
    if found.matching > shown:
        # With --limit less than what is shown, .result has no more of them.
        where = ".result in Python" if len(found.rows) > shown else "--limit"
        yield f"… and {found.matching - shown} more: {where}"
