"""Runs side by side."""

from __future__ import annotations

from html import escape

from ...capabilities.comparison import label
from ...records import Comparison, Difference, MetricComparison, Section
from .chart import letter, line_charts
from .columns import CARD, FAINT, badge, duration, html_table, notes_html, number, shortened, text_table, when

_VALUE = 40
_TITLES = {
    "params": "params",
    "data": "data",
    "environment": "environment",
    "cell": "the tracked cell",
    "cells": "cells that had run",
    "tags": "tags",
}


def text(comparison: Comparison) -> str:
    """Return the runs, then what differs between them, as columns of text."""
    letters = _letters(comparison)
    facts = [
        (sign, run.run_id[:8], run.status, run.name, run.experiment, when(run.started), duration(run.duration_s))
        for sign, run in zip(letters, comparison.runs, strict=True)
    ]
    parts = [text_table(("", "run", "status", "name", "experiment", "started (UTC)", "took"), facts)]
    if comparison.metrics:
        rows = [(one.name, *_marked(one), _better(one)) for one in comparison.metrics]
        parts.append(text_table(("metrics", *letters, "better (★)"), rows))
    for section in comparison.sections:
        lines = _said(section, comparison)
        if section.differences:
            rows = [(one.name, *_values(one, section, comparison)) for one in section.differences]
            lines.insert(0, text_table((_title(section), *letters), rows))
        else:
            lines[0] = f"{_title(section)}: {lines[0]}"
        if section.text:
            lines.append(section.text)
        parts.append("\n".join(lines))
    parts += [f"note: {note}" for note in comparison.notes]
    return "\n\n".join(parts)


def html(comparison: Comparison) -> str:
    """Return the same as tables, with the metrics' curves laid over one another."""
    letters = _letters(comparison)
    facts = [
        (
            f"<b>{sign}</b>",
            f"<code>{escape(run.run_id[:8])}</code>",
            badge(run.status),
            _link(run.name or "run", run.link),
            escape(run.experiment),
            when(run.started),
            duration(run.duration_s),
        )
        for sign, run in zip(letters, comparison.runs, strict=True)
    ]
    parts = [html_table(("", "run", "status", "name", "experiment", "started (UTC)", "took"), facts)]
    if comparison.metrics:
        rows = [
            (escape(one.name), *_marked_html(one), f'<span style="{FAINT}">{_better(one)}</span>')
            for one in comparison.metrics
        ]
        parts.append(_headed("metrics", html_table(("", *letters, "better (★)"), rows)))
    parts.append(_curves(comparison))
    for section in comparison.sections:
        said = "".join(f'<div style="{FAINT}">{escape(line)}</div>' for line in _said(section, comparison))
        table = ""
        if section.differences:
            rows = [
                (escape(one.name), *(f"<code>{escape(word)}</code>" for word in _values(one, section, comparison)))
                for one in section.differences
            ]
            table = html_table(("", *letters), rows)
        more = f'<pre style="overflow-x:auto;margin:4px 0">{escape(section.text)}</pre>' if section.text else ""
        parts.append(_headed(_title(section), table + said + more))
    return f'<div style="{CARD};max-width:none">{"".join(parts)}{notes_html(comparison.notes)}</div>'


def _letters(comparison: Comparison) -> list[str]:
    return [letter(place) for place in range(len(comparison.runs))]


def _title(section: Section) -> str:
    return _TITLES.get(section.name, section.name)


def _said(section: Section, comparison: Comparison) -> list[str]:
    """Say what is the same, and of which runs nothing is known."""
    missing = [letter(place) for place, run in enumerate(comparison.runs) if run.run_id in section.not_recorded]
    lines = []
    if missing:
        lines.append(f"not recorded for {', '.join(missing)}")
    if len(comparison.runs) - len(missing) > 1:
        same = f"{section.same:,} the same" if section.same else ""
        nothing = "" if section.differences else "nothing differs"
        if said := ", ".join(filter(None, (nothing, same))):
            lines.append(said)
    return lines or ([] if section.differences else ["nothing to compare"])


def _better(metric: MetricComparison) -> str:
    return metric.direction if metric.direction_from == "name" else f"{metric.direction} ({metric.direction_from})"


def _marked(metric: MetricComparison) -> list[str]:
    words = ["–" if value is None else number(value) for value in metric.values]
    return [f"{word} ★" if place in metric.best else word for place, word in enumerate(words)]


def _marked_html(metric: MetricComparison) -> list[str]:
    return [f"<b>{word}</b>" if place in metric.best else word for place, word in enumerate(_marked(metric))]


def _values(difference: Difference, section: Section, comparison: Comparison) -> list[str]:
    """Write each run's value: a dash where it has none, a question mark where that is not known."""
    return [
        _shown(value) if value is not None else "?" if run.run_id in section.not_recorded else "–"
        for run, value in zip(comparison.runs, difference.values, strict=False)
    ]


def _shown(value: str) -> str:
    """Write a value on one line; a cell's source is known by its first."""
    lines = value.strip().splitlines() or [""]
    return shortened(lines[0] + (" …" if len(lines) > 1 else ""), _VALUE)


def _link(name: str, link: str | None) -> str:
    shown = escape(shortened(name, _VALUE))
    return shown if link is None else f'<a href="{escape(link)}" target="_blank" rel="noopener">{shown}</a>'


def _headed(title: str, inner: str) -> str:
    return f'<div style="margin-top:8px"><b>{escape(title)}</b>{inner}</div>'


def _curves(comparison: Comparison) -> str:
    """Draw each metric that at least one run logged more than once, all runs in one picture."""
    drawn = {
        metric.name: {label(run): run.history[metric.name] for run in comparison.runs if run.history.get(metric.name)}
        for metric in comparison.metrics
    }
    curved = {name: series for name, series in drawn.items() if any(len(points) > 1 for points in series.values())}
    # The charts give the runs their letters as they come: first a metric that all have, so that A is A above, too.
    return line_charts(dict(sorted(curved.items(), key=lambda item: -len(item[1]))))
