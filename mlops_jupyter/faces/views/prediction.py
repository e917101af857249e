"""Predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import Any

from ...records import Prediction
from .columns import CARD, FAINT, duration, html_table, shortened, text_table

_SHOWN, _KEPT, _LONGEST = 20, 200, 60


def excerpt(found: Prediction) -> Prediction:
    """Return what a saved notebook keeps."""
    return found if len(found.predictions) <= _KEPT else replace(found, predictions=found.predictions[:_KEPT])


def text(found: Prediction) -> str:
    """Return one line a row, and what answered."""
    head, rows = _table(found)
    lines = [text_table(head, rows)]
    if more := _more(found):
        lines.append(f"… and {more} more: --json, or .result in Python")
    return "\n".join([*lines, *_footer(found)])


def html(found: Prediction) -> str:
    """Return the same as a table."""
    head, rows = _table(found)
    table = html_table(head, ([escape(word) for word in row] for row in rows))
    more = _more(found)
    left = f"<div>… and {more} more, in <code>.result</code></div>" if more else ""
    footer = "".join(f'<div style="{FAINT}">{escape(line)}</div>' for line in _footer(found))
    return f'<div style="{CARD}">{table}{left}{footer}</div>'


def _more(found: Prediction) -> int:
    """Return how many rows are not shown; a saved notebook holds fewer predictions than there were."""
    return max(0, max(len(found.predictions), sum(found.rows)) - _SHOWN)


def _table(found: Prediction) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    values = found.predictions[:_SHOWN]
    rows = [one for one in values if isinstance(one, dict)]
    if rows and len(rows) == len(values):
        names = list(dict.fromkeys(name for one in rows for name in one))
        return ("", *names), [(str(row), *(_said(one.get(name)) for name in names)) for row, one in enumerate(rows)]
    return ("", "prediction"), [(str(row), _said(one)) for row, one in enumerate(values)]


def _said(value: Any) -> str:
    return shortened(value if isinstance(value, str) else json.dumps(value), _LONGEST)


def _footer(found: Prediction) -> Iterator[str]:
    versions = ", ".join(filter(None, found.versions))
    by = f"{found.name} version {versions}" if versions else found.name
    ids = ", ".join(filter(None, found.request_ids))
    yield f"{by}, {duration(found.duration_s)}, request {shortened(ids, 2 * _LONGEST)}"
    if found.output is not None:
        yield f"written to {found.output}"
