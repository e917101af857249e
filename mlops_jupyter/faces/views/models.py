"""The registered models."""

from __future__ import annotations

from html import escape

from ...records import ModelTable, RegisteredVersion
from .columns import CARD, FAINT, badge, html_table, metric_names, notes_html, number, shortened, text_table, when

_RUN, _ABOUT, _METRICS = 28, 40, 2


def text(table: ModelTable) -> str:
    """Return the table as columns of text."""
    lines = [text_table(_head(table), [_row(one, table) for one in table.versions])] if table.versions else [_none()]
    return "\n".join([*lines, f"registry at {table.tracking_uri}", *(f"note: {note}" for note in table.notes)])


def html(table: ModelTable) -> str:
    """Return the table as HTML."""
    foot = f'<div style="{FAINT}">registry at {escape(table.tracking_uri)}</div>'
    if not table.versions:
        return f'<div style="{CARD}">{escape(_none())}{foot}{notes_html(table.notes)}</div>'
    rows = []
    for one in table.versions:
        model, version, _, *words = (escape(word) for word in _row(one, table))
        aliases = " ".join(badge(alias) for alias in one.aliases)
        rows.append((f"<b>{model}</b>", version, aliases, *words))
    return f'<div style="{CARD};max-width:none">{html_table(_head(table), rows)}{foot}{notes_html(table.notes)}</div>'


def _none() -> str:
    return "no registered models yet: mlops register MODEL --name NAME"


def _metrics(table: ModelTable) -> list[str]:
    """Name the metrics that most of the versions' runs have."""
    counts: dict[str, int] = {}
    for one in table.versions:
        for name in one.metrics:
            counts[name] = counts.get(name, 0) + 1
    return sorted(metric_names(sorted(counts)), key=lambda name: -counts[name])[:_METRICS]


def _head(table: ModelTable) -> tuple[str, ...]:
    about = ("description",) if any(one.description for one in table.versions) else ()
    return ("model", "version", "aliases", "created (UTC)", "run", *_metrics(table), *about)


def _row(one: RegisteredVersion, table: ModelTable) -> tuple[str, ...]:
    run = "–" if one.run_id is None else f"{one.run_id[:8]} {one.run or ''}".strip()
    about = (shortened(one.description, _ABOUT),) if any(other.description for other in table.versions) else ()
    return (
        one.model,
        one.version,
        ", ".join(one.aliases),
        when(one.created),
        shortened(run, _RUN),
        *(number(one.metrics[name]) if name in one.metrics else "" for name in _metrics(table)),
        *about,
    )
