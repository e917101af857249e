"""Output without end: of each stream of a cell, the beginning and the last of it are kept."""

from __future__ import annotations

from typing import Any

import nbformat

# In characters. A notebook of more is opened by no front end.
FIRST, LAST = 4_000_000, 1_000_000


class Shortened:
    """What is left out of the streams of the cell that runs."""

    def __init__(self, first: int = FIRST, last: int = LAST) -> None:
        self._first = first
        self._last = last
        self._cell: int | None = None
        self._seen: dict[str, int] = {}
        self._ends: dict[str, list[str]] = {}

    def takes(self, cell: nbformat.NotebookNode, content: dict[str, Any]) -> bool:
        """Tell whether a piece of a stream goes into the cell as it is; else it is kept here for its end."""
        if self._cell != id(cell):
            self._cell, self._seen, self._ends = id(cell), {}, {}
        name, text = content["name"], content["text"]
        before = self._seen.get(name, 0)
        self._seen[name] = before + len(text)
        if before + len(text) <= self._first:
            return True
        end = self._ends.setdefault(name, [])
        if before < self._first:
            content["text"], text = text[: self._first - before], text[self._first - before :]
            end.append(text)
            return True
        end.append(text)
        if sum(map(len, end)) > 2 * self._last:
            end[:] = ["".join(end)[-self._last :]]
        return False

    def forget(self) -> None:
        """Begin anew: the cell has cleared its output."""
        self._cell = None

    def finish(self, cell: nbformat.NotebookNode) -> None:
        """Put the end of each stream below its beginning, with a line between that says how much is left out."""
        if self._cell != id(cell):
            return
        for name, pieces in self._ends.items():
            last = "".join(pieces)[-self._last :]
            left_out = self._seen[name] - self._first - len(last)
            between = f"\n… {left_out:,} characters of {name} are left out here …\n" if left_out else ""
            cell.outputs.append(nbformat.v4.new_output("stream", name=name, text=between + last))
        self._ends = {}
