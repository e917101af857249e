"""Which cells this kernel has executed, in their order.

Fed at the end of every cell: it imports next to nothing and only keeps references to texts that IPython's own
history holds anyway.
"""

from __future__ import annotations

import json
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from .vscode import own_id

if TYPE_CHECKING:
    from collections.abc import Callable

    # The cell's id, its execution count, its source, whether it ran to its end, and when that was in seconds of the
    # epoch: 0 where nobody knows.
    ExecutedCell = tuple[str | None, int, str, bool, float]

_LONGEST_SOURCE = 500_000


class ExecutedCells:
    """The cells that have run since the kernel started, the last ones when they are many.

    Parameters
    ----------
    at_most
        How many cells are kept.
    characters
        How much source is kept, over all cells.
    """

    __slots__ = ("_at_most", "_cells", "_characters", "_kept", "left_out")

    def __init__(self, at_most: int = 2000, characters: int = 5_000_000) -> None:
        self.left_out = 0
        self._cells: deque[ExecutedCell] = deque()
        self._at_most = at_most
        self._characters = characters
        self._kept = 0

    def ran(self, cell_id: str | None, execution_count: int, source: str, ok: bool) -> None:  # noqa: FBT001 -- as told
        """Note that a cell has ended, well or not."""
        longest = min(_LONGEST_SOURCE, self._characters)
        if len(source) > longest:
            source = f"{source[:longest]}\n# … {len(source) - longest:,} characters left out"
        self._cells.append((own_id(cell_id), execution_count, source, ok, time.time()))
        self._kept += len(source)
        while len(self._cells) > self._at_most or (self._kept > self._characters and len(self._cells) > 1):
            self._kept -= len(self._cells.popleft()[2])
            self.left_out += 1

    def __len__(self) -> int:
        return len(self._cells)

    def all(self) -> tuple[ExecutedCell, ...]:
        """Return the cells that are kept, the oldest first."""
        return tuple(self._cells)

    def as_json(self, clean: Callable[[str], str] = str) -> str:
        """Return the cells as a JSON list, the oldest first.

        When cells were left out, the list begins with one more item: ``left_out`` is their number, and what else an
        item has is empty in it.

        Parameters
        ----------
        clean
            What each source goes through, such as the removal of secrets.
        """
        items: list[dict[str, Any]] = [
            {"id": cell_id, "execution_count": count, "source": clean(source), "ok": ok}
            for cell_id, count, source, ok, _ in tuple(self._cells)
        ]
        if self.left_out:
            items.insert(0, {"id": None, "execution_count": None, "source": "", "ok": None, "left_out": self.left_out})
        return json.dumps(items, ensure_ascii=False, indent=1)
