"""The table of runs."""

from __future__ import annotations

import dataclasses
from html import escape
from typing import Any

from ...capabilities.run_pages import PAGE
from ...capabilities.run_query import columns
from ...capabilities.run_snapshot import SNAPSHOT_TAG
from ...capabilities.tracking import KIND_TAG, NOTEBOOK_KIND
from ...records import Histories, Run, RunTable
from ..render import as_json
from .chart import sparkline
from .columns import (
    CARD,
    FAINT,
    badge,
    duration,
    html_table,
    notes_html,
    number,
    shortened,
    text_table,
    when,
)

_NAME, _VALUE = 28, 18
# What a notebook keeps of a table.
_KEPT = 200
# What a front end is told of each run.
_TOLD = ("run_id", "name", "status", "started", "duration_s", "parent", "notebook", "error", "metrics")


class _Cut(tuple[Run, ...]):
    """Some runs of a table that has more."""

    __slots__ = ()
    more = True


def data(table: RunTable) -> dict[str, Any]:
    """Return all rows, and of each what a table of runs shows: tags and params may be many times that."""
    told = {name: as_json(getattr(table, name)) for name in ("experiment", "tracking_uri", "notes", "next_page")}
    return told | {"runs": [_data(run) for run in table.runs]}


def _data(run: Run) -> dict[str, Any]:
    executed = run.tags.get(KIND_TAG) == NOTEBOOK_KIND and run.duration_s is not None
    kept = {"snapshot": SNAPSHOT_TAG in run.tags, "executed": executed}
    return {name: as_json(getattr(run, name)) for name in _TOLD} | kept


def excerpt(table: RunTable) -> RunTable:
    """Return the table with so many runs as a saved notebook should hold."""
    some = tuple(table.runs[: _KEPT + 1])
    if len(some) <= _KEPT:
        return table
    note = f"the first {_KEPT} runs are shown; the object that the call returns has all that were asked for"
    return dataclasses.replace(table, runs=_Cut(some[:_KEPT]), next_page=None, notes=(*table.notes, note))


def text(table: RunTable) -> str:
    """Return the table as columns of text."""
    first = table.runs[:PAGE]
    if not first:
        lines = [f"no runs in {table.experiment}" + (f" match {table.query}" if table.query else "")]
    else:
        metrics, params = columns(first, table.query, table.sort)
        head = ("run", "status", "name", "started (UTC)", "took", *metrics, *params)
        lines = [text_table(head, (_row(run, metrics, params, everywhere=table.everywhere) for run in table.runs))]
        if table.more:
            lines.append(f"… there are more: mlops runs --limit {2 * len(table.runs)}")
    lines.append(f"experiment {table.experiment} at {table.tracking_uri}")
    return "\n".join(lines + [f"note: {note}" for note in table.notes])


def html(table: RunTable) -> str:
    """Return the table as HTML."""
    table = excerpt(table)
    foot = f'<div style="{FAINT}">experiment {escape(table.experiment)} at {escape(table.tracking_uri)}</div>'
    if not table.runs:
        what = f"No runs{' match <code>' + escape(table.query) + '</code>' if table.query else ' yet'}."
        return f'<div style="{CARD}">{what}{foot}{notes_html(table.notes)}</div>'
    metrics, params = columns(table.runs, table.query, table.sort)
    histories = table.histories()
    rows = []
    for run in table.runs:
        ident, status, *words = _row(run, metrics, params, everywhere=table.everywhere)
        shown = escape(ident)
        if run.link:
            shown = f'<a href="{escape(run.link)}" target="_blank" rel="noopener">{shown}</a>'
        cells = [escape(word) for word in words]
        for place, name in enumerate(metrics, start=len(words) - len(metrics) - len(params)):
            cells[place] += _curve(histories, run, name)
        rows.append((f"<code>{shown}</code>", badge(status), *cells))
    more = "<div>… there are more; ask with --limit.</div>" if table.more else ""
    head = ("run", "status", "name", "started (UTC)", "took", *metrics, *params)
    notes = (*table.notes, *_undrawn(histories, len(table.runs), metrics))
    return f'<div style="{CARD};max-width:none">{html_table(head, rows)}{more}{foot}{notes_html(notes)}</div>'


def _undrawn(histories: Histories, runs: int, metrics: list[str]) -> tuple[str, ...]:
    """Say of which runs and metrics curves are drawn, if it is not of all."""
    drawn = {name for one in histories.values() for name, points in one.items() if len(points) > 1}
    if not drawn:
        return ()
    asked = {name for one in histories.values() for name in one}
    of_runs = f"the first {len(histories)} runs" if runs > len(histories) else ""
    of_metrics = ", ".join(name for name in metrics if name in asked) if asked < set(metrics) else ""
    said = " and of ".join(filter(None, (of_runs, of_metrics)))
    return (f"curves are drawn of {said}",) if said else ()


def _curve(histories: Histories, run: Run, metric: str) -> str:
    """Draw a metric beside its last value; one that was logged once has no curve."""
    points = histories.get(run.run_id, {}).get(metric, ())
    return f" {sparkline([point.value for point in points], label=metric)}" if len(points) > 1 else ""


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
