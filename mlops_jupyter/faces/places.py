"""One place below a cell, in which one thing is shown after the other."""

from __future__ import annotations

import time
from typing import Any

from IPython.display import DisplayHandle, display

from ..capabilities.vscode import in_vscode

# VS Code clears what an earlier run of the cell has shown a moment after the cell has begun, and then forgets the last
# place that was made below it: what is put there is lost from then on (`cellDisplayIdTracker.ts` of vscode-jupyter).
# Measured there on a busy machine: places made 0.1 to 0.4 s after the beginning were lost, those after 0.7 s were not.
_SETTLED_S = 1.5


class Place:
    """One place below the cell that runs.

    Parameters
    ----------
    begun_s
        When the cell began, or later, by `time.monotonic`; else now.
    """

    def __init__(self, begun_s: float | None = None) -> None:
        begun_s = time.monotonic() if begun_s is None else begun_s
        self._in_vscode = in_vscode()
        self._settled_s = begun_s + _SETTLED_S if self._in_vscode else begun_s
        self._handle: DisplayHandle | None = None

    @property
    def wait_s(self) -> float:
        """After how many seconds something can be shown."""
        return 0.0 if self._handle is not None else max(0.0, self._settled_s - time.monotonic())

    def put(self, content: Any, *, raw: bool = False) -> None:
        """Show something in place of what is there; nothing as long as one must wait."""
        if self._handle is not None:
            self._handle.update(content, raw=raw)
        elif not self.wait_s:
            self._handle = display(content, raw=raw, display_id=True)

    def leave(self, content: Any) -> None:
        """Show the last thing, which stays."""
        if self._handle is not None and not self._in_vscode:
            self._handle.update(content)
            return
        # What takes the place of a widget that VS Code has not painted yet has no height there, in two of five trials.
        self.clear()
        display(content)

    def clear(self) -> None:
        """Take away what is there, if anything is."""
        if self._handle is not None:
            self._handle.update({"text/html": "", "text/plain": ""}, raw=True)
