"""Two versions of a notebook side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ...capabilities.notebooks import told
from ...records import CellChange, Line, NotebookDiff, OutputChange, Picture, Version
from .columns import CARD, FAINT, badge, notes_html, shortened, when

# What is shown of one source or output, and of all images together: a saved notebook has to stay small.
_LINES, _LINES_OF_OUTPUT = 400, 60
_LONGEST_LINE = 2_000
_IMAGES_BYTES = 1_500_000
_REMOVED, _ADDED = "rgba(211,47,47,0.16)", "rgba(46,125,50,0.18)"
_WORDS = {"-": "rgba(211,47,47,0.38)", "+": "rgba(46,125,50,0.42)"}
_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:0.95em;white-space:pre-wrap;overflow-wrap:anywhere"


def text(diff: NotebookDiff) -> str:
    """Return the cells that differ, line by line."""
    lines = [f"--- {_named(diff.before)}", f"+++ {_named(diff.after)}"]
    lines += told.lines(diff)
    lines += ["", told.summary(diff), *(f"note: {note}" for note in diff.notes)]
    return "\n".join(lines)


def html(diff: NotebookDiff) -> str:
    """Return the same as a card, with images beside one another."""
    left = _IMAGES_BYTES
    cells = []
    for cell in diff.cells:
        body = _lines_html(cell.source, _LINES) if cell.source else ""
        for output in cell.outputs:
            shown, left = _output_html(output, left)
            body += shown
        if cell.metadata:
            body += f'<div style="{FAINT}">metadata: {escape(", ".join(cell.metadata))}</div>'
        cells.append(f'<div style="margin-top:10px"><div>{_title_html(cell)}</div>{body}</div>')
    return (
        f'<div style="{CARD};max-width:none"><div><del style="text-decoration:none;background:{_REMOVED}">'
        f"{escape(_named(diff.before))}</del> → "
        f'<ins style="text-decoration:none;background:{_ADDED}">{escape(_named(diff.after))}</ins></div>'
        f'{"".join(cells)}<div style="margin-top:8px;{FAINT}">{escape(told.summary(diff))}</div>'
        f"{notes_html(diff.notes)}</div>"
    )


def _named(version: Version) -> str:
    words = [version.ref if version.kind in {"file", "live"} else f"{version.kind} {version.ref[:12]}"]
    if version.kind not in {"file", "live"}:
        words.append(version.notebook)
    if version.title:
        words.append(f"({shortened(version.title, 60)})")
    if version.time is not None:
        words.append(f"{when(version.time)} UTC")
    return " ".join(words)


def _title_html(cell: CellChange) -> str:
    kind, _, rest = told.title(cell).partition(": ")
    return f'{badge(kind)} <span style="{FAINT}">{escape(rest)}</span>'


def _lines_html(lines: Sequence[Line], most: int) -> str:
    rows = []
    for line in lines[:most]:
        colour = {"-": _REMOVED, "+": _ADDED}.get(line.mark, "transparent")
        faint = f";{FAINT}" if line.mark == "…" else ""
        rows.append(f'<div style="background:{colour}{faint}">{line.mark} {_marked(line)}</div>')
    if len(lines) > most:
        rows.append(f'<div style="{FAINT}">… {len(lines) - most} more lines</div>')
    return f'<div style="{_MONO};margin-top:3px">{"".join(rows)}</div>'


def _marked(line: Line) -> str:
    """Return a line with the words marked that differ."""
    if len(line.text) > _LONGEST_LINE or not line.words:
        return escape(shortened(line.text, _LONGEST_LINE)) or " "
    tag = {"-": "del", "+": "ins"}.get(line.mark, "span")
    pieces, at = [], 0
    for begin, end in line.words:
        pieces.append(escape(line.text[at:begin]))
        word = escape(line.text[begin:end])
        pieces.append(f'<{tag} style="text-decoration:none;background:{_WORDS.get(line.mark, "none")}">{word}</{tag}>')
        at = end
    return "".join(pieces) + escape(line.text[at:])


def _output_html(output: OutputChange, left: int) -> tuple[str, int]:
    """Return an output, and how many bytes of images may still be shown."""
    head = f'<div style="margin-top:4px;{FAINT}">output {escape(output.name)} {output.kind}</div>'
    if output.before is None and output.after is None:
        return head + _lines_html(output.lines, _LINES_OF_OUTPUT), left
    sides = []
    for picture, data in zip((output.before, output.after), output.data, strict=True):
        shown, left = _picture_html(picture, data, left)
        sides.append(f'<td style="vertical-align:top;text-align:left;padding:2px 8px 2px 0">{shown}</td>')
    return f'{head}<table style="border-collapse:collapse"><tr>{"".join(sides)}</tr></table>', left


def _picture_html(picture: Picture | None, data: str | None, left: int) -> tuple[str, int]:
    if picture is None:
        return f'<span style="{FAINT}">none</span>', left
    words = f'<div style="{FAINT}">{picture.size:,} bytes</div>'
    if data is None or len(data) > left or picture.mime == "image/svg+xml":
        # Another notebook's SVG is code of somebody else's.
        return f"<div>{escape(picture.mime)} {escape(picture.digest)}, not shown</div>{words}", left
    address = f"data:{picture.mime};base64,{''.join(data.split())}"
    image = f'<img src="{escape(address)}" style="max-width:30em" alt="{escape(picture.digest)}"/>'
    return image + words, left - len(data)
