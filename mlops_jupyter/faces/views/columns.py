"""Words that several views share: columns of text, tables of HTML, durations, numbers.

The HTML carries its style in each element and takes its colours from the page around it, so that it reads the
same in JupyterLab's light and dark themes, in an exported file and on GitHub, which drops style sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape

CARD = (
    "border:1px solid rgba(127,127,127,0.35);border-radius:6px;padding:8px 12px;margin:4px 0;"
    "max-width:60em;font-size:0.92em;line-height:1.45"
)
FAINT = "opacity:0.65"
_CELL = "text-align:left;padding:1px 14px 1px 0;white-space:nowrap"
_COLOURS = {
    "FINISHED": "#2e7d32",
    "RUNNING": "#1565c0",
    "SCHEDULED": "#1565c0",
    "FAILED": "#c62828",
    "KILLED": "#b26a00",
    "UNTRACKED": "#b26a00",
    "ok": "#2e7d32",
    "warning": "#b26a00",
    "failed": "#c62828",
}


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Align rows of words in columns."""
    lines = [tuple(head), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table of cells that are HTML already."""
    top = "".join(f'<th style="{_CELL};{FAINT};font-weight:normal">{escape(word)}</th>' for word in head)
    body = "".join("<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) + "</tr>" for row in rows)
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:0">'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def pairs(title: str, values: Mapping[str, str], most: int = 12) -> str:
    """Make a two-column table of names and values; a long one is folded."""
    if not values:
        return ""
    rows = "".join(
        f'<tr><td style="{_CELL};{FAINT}">{escape(name)}</td>'
        f'<td style="{_CELL}"><code>{escape(shortened(value, 80))}</code></td></tr>'
        for name, value in values.items()
    )
    table = f'<table style="border-collapse:collapse;margin:2px 0">{rows}</table>'
    heading = f"{escape(title)} ({len(values)})"
    if len(values) > most:
        return f'<details style="margin-top:4px"><summary>{heading}</summary>{table}</details>'
    return f'<div style="margin-top:4px"><span style="{FAINT}">{escape(title)}</span>{table}</div>'


def badge(word: str) -> str:
    """Make a coloured word; the colour only repeats what the word says."""
    colour = _COLOURS.get(word, "#555")
    return (
        f'<span style="background:{colour};color:#fff;border-radius:4px;padding:1px 7px;font-size:0.85em">'
        f"{escape(word)}</span>"
    )


def notes_html(notes: Iterable[str]) -> str:
    """Make a line of each note."""
    return "".join(f'<div style="margin-top:4px">⚠ {escape(note)}</div>' for note in notes)


def number(value: float) -> str:
    """Write a metric with at most six significant digits."""
    return f"{value:.6g}"


def metric_names(names: Iterable[str]) -> list[str]:
    """Order metrics: those that autologging adds about the training come last."""
    return sorted(names, key=lambda name: name.startswith("training_"))


def duration(seconds: float | None) -> str:
    """Write a duration as a person says it."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def when(instant: datetime | None) -> str:
    """Write an instant in UTC, to the second."""
    return "–" if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def shortened(words: str, most: int) -> str:
    """Cut text that is too long, and say so with an ellipsis."""
    return words if len(words) <= most else words[: most - 1] + "…"
