"""The table of runs."""

from __future__ import annotations

import re
from html import escape

from ...records import Run, RunTable
from .columns import (
    CARD,
    FAINT,
    badge,
    duration,
    html_table,
    metric_names,
    notes_html,
    number,
    shortened,
    text_table,
    when,
)

_METRICS, _PARAMS = 4, 4
_NAME, _VALUE = 28, 18
_ASKED = re.compile(r"""(?:metrics|params)\.(?:`([^`]+)`|"([^"]+)"|([\w./-]+))""")
# What was named by --param, and what overrode a notebook's defaults.
_NAMING_TAGS = ("mlops.params", "mlops.overrides")


def text(table: RunTable) -> str:
    """Return the table as columns of text."""
    if not table.runs:
        lines = [f"no runs in {table.experiment}" + (f" match {table.query}" if table.query else "")]
    else:
        metrics, params = _columns(table)
        head = ("run", "status", "name", "started (UTC)", "took", *metrics, *params)
        lines = [text_table(head, (_row(run, metrics, params, everywhere=table.everywhere) for run in table.runs))]
        if table.more:
            lines.append(f"… there are more: mlops runs --limit {2 * len(table.runs)}")
    lines.append(f"experiment {table.experiment} at {table.tracking_uri}")
    return "\n".join(lines + [f"note: {note}" for note in table.notes])


def html(table: RunTable) -> str:
    """Return the table as HTML."""
    foot = f'<div style="{FAINT}">experiment {escape(table.experiment)} at {escape(table.tracking_uri)}</div>'
    if not table.runs:
        what = f"No runs{' match <code>' + escape(table.query) + '</code>' if table.query else ' yet'}."
        return f'<div style="{CARD}">{what}{foot}{notes_html(table.notes)}</div>'
    metrics, params = _columns(table)
    rows = []
    for run in table.runs:
        ident, status, *words = _row(run, metrics, params, everywhere=table.everywhere)
        shown = escape(ident)
        if run.link:
            shown = f'<a href="{escape(run.link)}" target="_blank" rel="noopener">{shown}</a>'
        rows.append((f"<code>{shown}</code>", badge(status), *map(escape, words)))
    more = "<div>… there are more; ask with --limit.</div>" if table.more else ""
    head = ("run", "status", "name", "started (UTC)", "took", *metrics, *params)
    return f'<div style="{CARD};max-width:none">{html_table(head, rows)}{more}{foot}{notes_html(table.notes)}</div>'


def _columns(table: RunTable) -> tuple[list[str], list[str]]:
    """Choose the columns: what was asked for, then what the user named, then what most runs have or what differs."""
    asked = {name for found in _ASKED.findall(f"{table.query} {table.sort}") for name in found}
    named = {name for run in table.runs for tag in _NAMING_TAGS for name in run.tags.get(tag, "").split(",") if name}
    metrics: dict[str, int] = {}
    values: dict[str, set[str | None]] = {}
    for run in table.runs:
        for name in run.metrics:
            metrics[name] = metrics.get(name, 0) + 1
        for name, value in run.params.items():
            values.setdefault(name, set()).add(value)
    by_use = sorted(metrics, key=lambda name: (name not in asked, -metrics[name], name))
    by_interest = sorted(
        values,
        key=lambda name: (name not in asked, name not in named, len(values[name]) < 2, name),  # noqa: PLR2004
    )
    return metric_names(by_use)[:_METRICS], by_interest[:_PARAMS]


def _row(run: Run, metrics: list[str], params: list[str], *, everywhere: bool) -> tuple[str, ...]:
    name = ("└ " if run.parent else "") + run.name
    if everywhere:
        name = f"{run.experiment}: {name}"
    return (
        run.run_id[:8],
        run.status,
        shortened(name, _NAME),
        when(run.started),
        duration(run.duration_s),
        *(number(run.metrics[one]) if one in run.metrics else "" for one in metrics),
        *(shortened(run.params.get(one, ""), _VALUE) for one in params),
    )
