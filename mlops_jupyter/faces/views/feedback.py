"""What became of labels, and how right the answers were."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...records import Feedback, Quality, QualityMetric
from .columns import CARD, FAINT, html_table, notes_html, text_table

_HEAD = ("version", "segment", "labels", "of rows")


def text(found: Feedback) -> str:
    """Return a line of counts, and a table of the measures."""
    lines = [f"{found.name}  {_counts(found)}".rstrip()]
    if found.quality:
        lines.append(text_table(_head(found), map(list, _rows(found)), indent=2))
    return "\n".join(lines + [f"note: {note}" for note in found.notes])


def html(found: Feedback) -> str:
    """Return the same as a card."""
    said = f'<b>{escape(found.name)}</b> <span style="{FAINT}">{escape(_counts(found))}</span>'
    table = html_table(_head(found), ([escape(word) for word in row] for row in _rows(found))) if found.quality else ""
    return f'<div style="{CARD};max-width:none"><div>{said}</div>{table}{notes_html(found.notes)}</div>'


def interval(one: QualityMetric) -> str:
    """Write a measure and its interval."""
    if one.value is None:
        return "–"
    if one.low is None or one.high is None:
        return f"{one.value:.4g}"
    return f"{one.value:.4g} ({one.low:.3g} – {one.high:.3g})"


def _counts(found: Feedback) -> str:
    if not found.labels:
        labelled = sum(one.labelled for one in found.quality)
        return f"{labelled} answers have a label" if labelled else "no answer has a label yet"
    parts = [f"{found.labels} label{'' if found.labels == 1 else 's'}", f"{found.joined} joined"]
    parts += [f"{found.duplicates} instead of an earlier one"] if found.duplicates else []
    parts += [f"{found.unknown} of unknown requests"] if found.unknown else []
    return ", ".join(parts)


def _head(found: Feedback) -> tuple[str, ...]:
    names = _HEAD if _segmented(found) else tuple(name for name in _HEAD if name != "segment")
    return (*names, *_names(found))


def _segmented(found: Feedback) -> bool:
    return any(one.segment is not None for one in found.quality)


def _names(found: Feedback) -> list[str]:
    return list(dict.fromkeys(metric.name for one in found.quality for metric in one.metrics))


def _rows(found: Feedback) -> Iterator[tuple[str, ...]]:
    names, segmented = _names(found), _segmented(found)
    for one in found.quality:
        where = (one.segment or "all",) if segmented else ()
        yield (one.version, *where, str(one.labelled), str(one.rows), *_measures(one, names))


def _measures(one: Quality, names: list[str]) -> Iterator[str]:
    known = {metric.name: metric for metric in one.metrics}
    for name in names:
        yield interval(known[name]) if name in known else "–"
