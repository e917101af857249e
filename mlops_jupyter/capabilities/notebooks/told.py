"""A diff of notebooks in words and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...records import CellChange, Line, NotebookDiff, OutputChange
from ..markdown import code, fenced, printable

_LINES, _LINES_OF_OUTPUT = 400, 60


def title(cell: CellChange) -> str:
    """Say what happened to a cell: ``changed: cell 4 train (code)``."""
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


def summary(diff: NotebookDiff) -> str:
    """Say in one line how much differs."""
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


def lines(diff: NotebookDiff) -> Iterator[str]:
    """Yield the cells that differ, line by line, as a terminal shows them."""
    for cell in diff.cells:
        yield ""
        yield f"@@ {title(cell)}"
        yield from _marked(cell.source, _LINES)
        for output in cell.outputs:
            yield f"  output {output.name} {output.kind}{_pictures(output)}"
            yield from _marked(output.lines, _LINES_OF_OUTPUT, "  ")
        if cell.metadata:
            yield f"  metadata: {', '.join(cell.metadata)}"


def markdown(diff: NotebookDiff, most: int) -> str:
    """Return the diff as Markdown for reviewers, no longer than so many letters; outputs are only named."""
    told = summary(replace(diff, metadata=tuple(map(code, diff.metadata))))
    parts = [f"{code(diff.after.notebook)}: {told}\n"]
    left = most - len(parts[0])
    for at, cell in enumerate(diff.cells):
        body = "\n".join(_marked(cell.source, _LINES))
        outputs = "".join(f"\n\noutput {code(one.name)} {one.kind}{_pictures(one)}" for one in cell.outputs)
        part = f"\n{code(title(cell))}\n" + (f"\n{fenced(body, 'diff')}" if body else "") + outputs
        if len(part) > left:
            parts.append(f"\n… and {len(diff.cells) - at} more cells: `mlops diff` shows them all.")
            break
        parts.append(part)
        left -= len(part) + 1
    return "\n".join(parts)


def _marked(edits: Sequence[Line], most: int, indent: str = "") -> Iterator[str]:
    for line in edits[:most]:
        yield f"{indent}{line.mark} {printable(line.text)}"
    if len(edits) > most:
        yield f"{indent}… {len(edits) - most} more lines"


def _pictures(output: OutputChange) -> str:
    told = [f"{one.size:,} bytes {one.digest}" for one in (output.before, output.after) if one is not None]
    return f": {' → '.join(told)}" if told else ""
