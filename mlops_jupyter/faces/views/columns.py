"""Words that several views share: columns of text, tables of HTML, durations, numbers.

The HTML carries its style in each element and takes its colours from the page around it, so that it reads the
same in JupyterLab's light and dark themes, in an exported file and on GitHub, which drops style sheets.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import chain, islice

CARD = (
    "border:1px solid rgba(127,127,127,0.35);border-radius:6px;padding:8px 12px;margin:4px 0;"
    "max-width:60em;font-size:0.92em;line-height:1.45"
)
FAINT = "opacity:0.65"
# So many rows decide the widths of columns, which are cut to no less than this.
_MEASURED, _NARROWEST = 2000, 8
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


def text_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None = None,
    indent: int = 0,
    whole: Collection[int] = (),
) -> str:
    """Align rows of words in columns.

    Parameters
    ----------
    head
        The columns' names.
    rows
        The rows; of very many, the first ones decide how wide the columns are.
    width
        How long a line may be; left out, as long as a terminal that is written to is wide. Words are cut, and when
        that is not enough, the last columns are left out.
    indent
        How many spaces each line begins with.
    whole
        The columns, by their place, that are not cut while there are others to cut or to leave out.
    """
    every = iter([[_one_line(word) for word in head]])
    every = chain(every, ([_one_line(word) for word in row] for row in rows))
    first = list(islice(every, _MEASURED))
    widths = [max(len(line[column]) for line in first) for column in range(len(head))]
    room = _terminal_width() if width is None else width
    cut = room is not None
    if room is not None:
        widths = _fitted(widths, room - indent, whole)
    lines = []
    for line in chain(first, every):
        words = [(shortened(word, most) if cut else word).ljust(most) for word, most in zip(line, widths, strict=False)]
        lines.append(" " * indent + "  ".join(words).rstrip() + ("  …" if len(widths) < len(line) else ""))
    return "\n".join(lines)


def _terminal_width() -> int | None:
    """Return how many letters a line of the terminal holds; ``None`` when nobody looks at one."""
    out = sys.stdout
    return shutil.get_terminal_size().columns if out is not None and out.isatty() else None


def _fitted(widths: Sequence[int], room: int, whole: Collection[int]) -> list[int]:
    """Make the widest columns narrower until all fit; columns that then still do not are left out."""
    fitted = _narrowed(widths, room, whole)
    while len(fitted) > max(1, len(whole)) and _taken(fitted) + (3 if len(fitted) < len(widths) else 0) > room:
        fitted.pop()
    if not whole or _taken(fitted) <= room:
        return fitted
    return _fitted(fitted, room - (3 if len(fitted) < len(widths) else 0), ())


def _narrowed(widths: Sequence[int], room: int, whole: Collection[int]) -> list[int]:
    narrowed = list(widths)
    able = [place for place in range(len(widths)) if place not in whole]
    while (over := _taken(narrowed) - room) > 0 and (widest := max((narrowed[at] for at in able), default=0)) > (
        _NARROWEST
    ):
        next_to_it = max((narrowed[at] for at in able if narrowed[at] < widest), default=_NARROWEST)
        wide = [at for at in able if narrowed[at] == widest]
        off = max(1, min(widest - max(next_to_it, _NARROWEST), -(-over // len(wide))))
        for at in wide:
            narrowed[at] -= off
    return narrowed


def _taken(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _one_line(word: str) -> str:
    """Leave out what would move a terminal's cursor."""
    return word if word.isprintable() else "".join(letter if letter.isprintable() else " " for letter in word)


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


def badge(word: str, like: str | None = None) -> str:
    """Make a coloured word, in the colour of another one if told; the colour only repeats what the word says."""
    colour = _COLOURS.get(like or word, "#555")
    return (
        f'<span style="background:{colour};color:#fff;border-radius:4px;padding:1px 7px;font-size:0.85em">'
        f"{escape(word)}</span>"
    )


def notes_html(notes: Iterable[str]) -> str:
    """Make a line of each note; as in a terminal, they are no warnings: most say what was done."""
    return "".join(
        f'<div style="margin-top:4px"><span style="{FAINT}">note</span> {escape(note)}</div>' for note in notes
    )


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
