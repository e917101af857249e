"""A batch: a table of its combinations, the best first."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from ...capabilities.ranking import ordered
from ...records import Batch, BatchRow
from .columns import CARD, FAINT, badge, duration, html_table, metric_names, notes_html, number, shortened, text_table
from .execution import gate_text, gates_html

_FIRST = ("", "status", "combination", "took")
_NAME, _VALUE, _ERROR = 40, 24, 80
_METRICS, _PARAMS = 6, 8
# What a notebook keeps of a table, and what a terminal shows of one.
_KEPT, _LINES = 200, 50
# How much of the table says which metrics and parameters are common.
_LOOKED = 500


def excerpt(batch: Batch) -> Batch:
    """Return the batch with so many rows, the best, as a saved notebook should hold."""
    if len(batch.rows) <= _KEPT:
        return batch
    rows = tuple(ordered(batch.rows, batch.metric, batch.direction)[:_KEPT])
    note = f"{_KEPT} of {len(batch.rows)} rows are shown; the object that the call returns has all"
    return dataclasses.replace(batch, rows=rows, notes=(*batch.notes, note))


def text(batch: Batch) -> str:
    """Return it as lines of text."""
    lines = [_headline(batch)]
    rows = ordered(batch.rows, batch.metric, batch.direction)
    if rows:
        columns = _columns(batch, rows)
        shown = (_row(batch, row, columns) for row in rows[:_LINES])
        # A terminal that is narrow leaves out what stands last, not what tells the rows apart.
        lines.append(text_table(columns.head, shown, indent=2, whole=range(len(_FIRST) + len(columns.params))))
    if len(rows) > _LINES:
        lines.append(f"  … and {len(rows) - _LINES} more: mlops runs, or --json")
    if (value := _best(batch)) is not None:
        lines.append(f"best {batch.metric}: {value} with {_name(batch.best)}{_equals(batch)}")
    if folder := _folder(batch.rows):
        lines.append(f"executed notebooks: {folder}")
    lines += [gate_text(gate) for gate in batch.gates]
    return "\n".join(lines + [f"note: {note}" for note in batch.notes])


def html(batch: Batch) -> str:
    """Return it as HTML."""
    batch = excerpt(batch)
    rows = ordered(batch.rows, batch.metric, batch.direction)
    columns = _columns(batch, rows)
    cells = []
    for row in rows:
        mark, status, *words = _row(batch, row, columns)
        cells.append((escape(mark), badge(status), *map(escape, words)))
    parts = [f"<div>{badge(batch.run.status)} <b>{escape(batch.run.name)}</b> {escape(_counts(batch))}</div>"]
    parts.append(html_table(columns.head, cells) if cells else "")
    if (value := _best(batch)) is not None:
        which = escape(_name(batch.best) + _equals(batch))
        parts.append(f"<div>best {escape(batch.metric or '')}: <b>{value}</b> with {which}</div>")
    parts.append(gates_html(batch.gates) if batch.gates else "")
    folder = _folder(batch.rows)
    parts.append(f'<div style="{FAINT}">executed notebooks: {escape(folder)}</div>' if folder else "")
    return f'<div style="{CARD};max-width:none">{"".join(parts)}{notes_html(batch.notes)}</div>'


class _Columns(NamedTuple):
    """What the table tells of a combination; the first of the metrics is the one that ranks."""

    params: Sequence[str]
    metrics: Sequence[str]
    errors: bool

    @property
    def head(self) -> tuple[str, ...]:
        error = ("error",) if self.errors else ()
        return (*_FIRST, *self.params, *self.metrics[:1], *error, "run", *self.metrics[1:])


def _columns(batch: Batch, rows: Sequence[BatchRow]) -> _Columns:
    return _Columns(_params(rows), _metrics(batch), any(row.error is not None for row in rows))


def _headline(batch: Batch) -> str:
    return f"{batch.run.status}  {batch.run.name}  {batch.run.run_id[:8]}  {_counts(batch)}"


def _best(batch: Batch) -> str | None:
    """Return the best value in words, where there is one."""
    if batch.best is None or batch.metric is None or batch.metric not in batch.best.metrics:
        return None
    return number(batch.best.metrics[batch.metric])


def _equals(batch: Batch) -> str:
    """Say how many others are as good."""
    best = batch.best.metrics.get(batch.metric or "") if batch.best else None
    others = sum(row.metrics.get(batch.metric or "") == best for row in batch.rows) - 1
    return f", and as good with {others} more" if others > 0 else ""


def _name(row: BatchRow | None) -> str:
    return "" if row is None else row.name


def _counts(batch: Batch) -> str:
    running = sum(row.status == "RUNNING" for row in batch.rows)
    counts = [(batch.done, "done"), (batch.failed, "failed"), (batch.skipped, "skipped"), (running, "running")]
    words = [f"{count} {what}" for count, what in counts if count or what == "done"]
    if batch.left - running > 0:
        words.append(f"{batch.left - running} left")
    return f"{', '.join(words)} of {batch.total}, {batch.jobs} at once, {duration(batch.run.duration_s)}"


def _metrics(batch: Batch) -> list[str]:
    """Choose the metrics, a framework's own where there are no others; the one that ranks stands first."""
    common = Counter(name for row in batch.rows[:_LOOKED] for name in row.metrics)
    names = [name for name in metric_names(sorted(common)) if not name.startswith("system/")]
    own = [name for name in names if name == batch.metric or not name.startswith("training_")] or names
    own.sort(key=lambda name: name != batch.metric)
    return own[:_METRICS]


def _params(rows: Sequence[BatchRow]) -> list[str]:
    """Choose the parameters that need columns: names that are not cut say them already."""
    if all(len(row.name) <= _NAME for row in rows[:_LOOKED]):
        return []
    return list(dict.fromkeys(name for row in rows[:_LOOKED] for name in row.parameters))[:_PARAMS]


def _row(batch: Batch, row: BatchRow, columns: _Columns) -> tuple[str, ...]:
    best = batch.best is not None and row.run_id == batch.best.run_id
    at = f" (cell {row.cell})" if row.cell is not None and row.status == "RUNNING" else ""
    values = [number(row.metrics[one]) if one in row.metrics else "" for one in columns.metrics]
    error = [_error(row)] if columns.errors else []
    return (
        "★" if best else "",
        row.status,
        shortened(row.name, _NAME) + at,
        duration(row.duration_s),
        *(_value(row, one) for one in columns.params),
        *values[:1],
        *error,
        row.run_id[:8],
        *values[1:],
    )


def _value(row: BatchRow, name: str) -> str:
    value = row.parameters.get(name, "")
    return shortened(value if isinstance(value, str) else json.dumps(value, default=str), _VALUE)


def _error(row: BatchRow) -> str:
    if row.error is None:
        return ""
    where = "" if row.cell is None else f"cell {row.cell}: "
    return shortened(where + row.error, _ERROR)


def _folder(rows: Iterable[BatchRow]) -> str:
    folders = dict.fromkeys(str(Path(row.output).parent) for row in rows if row.output)
    return ", ".join(folders)
