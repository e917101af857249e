"""What the last runs of a cell have logged, to be laid under the next one: in this kernel, and after a restart."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..capabilities.journal.slots import POINT, SLOT
from ..capabilities.whole_files import replacing

if TYPE_CHECKING:
    from ..records import Run

# So many runs of a cell are kept, and the cells that were run last.
_RUNS, _CELLS = 2, 200

Chunk = tuple[str, Sequence[str], bytes]
"""A run's label, the names of its metrics, and slots of a journal whose keys are places among these."""


class EarlierRuns:
    """The runs that ended under one name, the newest last.

    Parameters
    ----------
    folder
        Where they are kept; it need not be there.
    group
        A cell's id, or the parent's of several runs.
    """

    def __init__(self, folder: Path, group: str) -> None:
        self._file = folder / f"{hashlib.sha256(group.encode()).hexdigest()[:32]}.json"

    def chunks(self) -> list[Chunk]:
        """Return what they have logged, as a live chart takes it."""
        found: list[Chunk] = []
        for run in self._read():
            slots = [
                SLOT.pack(step, time_ms, value, key, POINT, 1)
                for key, points in enumerate(run["history"].values())
                for step, time_ms, value in points
            ]
            found.append((run["label"], list(run["history"]), b"".join(slots)))
        return found

    def add(self, run: Run) -> None:
        """Keep one more that has ended; the oldest goes."""
        told = {"label": f"{run.name} ({run.run_id[:6]})", "history": run.history}
        with replacing(self._file) as new:
            new.write_text(json.dumps([*self._read(), told][-_RUNS:]), encoding="utf-8")
        kept = sorted(self._file.parent.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for old in kept[:-_CELLS]:
            old.unlink(missing_ok=True)

    def _read(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            # None has ended yet, or the file is damaged: the next to end writes it anew.
            return []
        return found
