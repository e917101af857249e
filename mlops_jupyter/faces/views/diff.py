"""Two versions of a notebook side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from ...records import CellChange, Line, NotebookDiff, OutputChange, Picture, Version
from .columns import CARD, FAINT, badge, notes_html, shortened, when

# What is shown of one source or output, and of all images together: a saved notebook has to stay small.
_LINES_IN_TEXT, _LINES_IN_HTML, _LINES_OF_OUTPUT = 400, 400, 60
_LONGEST_LINE = 2_000
_IMAGES_BYTES = 1_500_000
_REMOVED, _ADDED = "rgba(211,47,47,0.16)", "rgba(46,125,50,0.18)"
_WORDS = {"-": "rgba(211,47,47,0.38)", "+": "rgba(46,125,50,0.42)"}
_MONO = "font-family:var(--jp-code-font-family,monospace);font-size:0.95em;white-space:pre-wrap;overflow-wrap:anywhere"


def text(diff: NotebookDiff) -> str:
    """Return the cells that differ, line by line."""
    lines = [f"--- {_named(diff.before)}", f"+++ {_named(diff.after)}"]
    for cell in diff.cells:
        lines += ["", f"@@ {_title(cell)}"]
        lines += _lines_in_text(cell.source, _LINES_IN_TEXT)
        for output in cell.outputs:
            lines.append(f"  output {output.name} {output.kind}{_pictures_in_words(output)}")
            lines += _lines_in_text(output.lines, _LINES_OF_OUTPUT, "  ")
        if cell.metadata:
            lines.append(f"  metadata: {', '.join(cell.metadata)}")
    lines += ["", _summary(diff), *(f"note: {note}" for note in diff.notes)]
    return "\n".join(lines)


def html(diff: NotebookDiff) -> str:
    """Return the same as a card, with images beside one another."""
    left = _IMAGES_BYTES
    cells = []
    for cell in diff.cells:
        body = _source_html(cell)
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
        f'{"".join(cells)}<div style="margin-top:8px;{FAINT}">{escape(_summary(diff))}</div>'
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


def _title(cell: CellChange) -> str:
    places = {
        "added": f"cell {cell.place_after}",
        "removed": f"cell {cell.place_before}",
        "moved": f"cell {cell.place_before} → {cell.place_after}",
    }
    place = places.get(cell.kind) or (
        f"cell {cell.place_after}"
        if cell.place_before == cell.place_after
        else f"cell {cell.place_before}, now {cell.place_after}"
    )
    also = " and changed" if cell.kind == "moved" and (cell.source or cell.outputs) else ""
    ident = f" {cell.ident}" if cell.ident else ""
    return f"{cell.kind}{also}: {place}{ident} ({cell.type})"


def _title_html(cell: CellChange) -> str:
    kind, _, rest = _title(cell).partition(": ")
    return f'{badge(kind)} <span style="{FAINT}">{escape(rest)}</span>'


def _summary(diff: NotebookDiff) -> str:
    if not diff.differs and not diff.noise:
        return f"the same: all {diff.equal} cells are equal"
    counts = [
        f"{count} {kind}"
        for kind in ("changed", "added", "removed", "moved")
        if (count := sum(cell.kind == kind for cell in diff.cells))
    ]
    told = [f"cells: {', '.join(counts)}" if counts else "no cell differs", f"{diff.equal} equal"]
    if diff.noise:
        told.append(f"metadata changed in {diff.noise} cell{'s' if diff.noise > 1 else ''}")
    if diff.metadata:
        told.append(f"notebook metadata: {', '.join(diff.metadata)}")
    return "; ".join(told)


def _lines_in_text(lines: Sequence[Line], most: int, indent: str = "") -> Iterator[str]:
    for line in lines[:most]:
        yield f"{indent}{line.mark} {_printable(line.text)}"
    if len(lines) > most:
        yield f"{indent}… {len(lines) - most} more lines"


def _printable(line: str) -> str:
    """Leave out what would move a terminal's cursor."""
    line = shortened(line, _LONGEST_LINE)
    return line if line.isprintable() else "".join(one if one.isprintable() or one == "\t" else "·" for one in line)


def _pictures_in_words(output: OutputChange) -> str:
    told = [f"{one.size:,} bytes {one.digest}" for one in (output.before, output.after) if one is not None]
    return f": {' → '.join(told)}" if told else ""


def _source_html(cell: CellChange) -> str:
    return _lines_html(cell.source, _LINES_IN_HTML) if cell.source else ""


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
        return f"<div>{escape(picture.mime)} {picture.digest}, not shown</div>{words}", left
    content = escape("".join(data.split()))
    image = f'<img src="data:{escape(picture.mime)};base64,{content}" style="max-width:30em" alt="{picture.digest}"/>'
    return image + words, left - len(data)
