"""The live view of a tracked cell: a chart while it runs, the card in its place when it has ended."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from IPython.core.display import HTML
from IPython.display import display

from ..capabilities.journal.slots import POINT, SLOT

if TYPE_CHECKING:
    from ..records import Run

# A cell that is done by then needs no chart, and pays for none.
_DELAY_S = 0.4
# Earlier runs of the same cell, and siblings under the same parent, that are laid under the new one.
_EARLIER = 2
_of_cell: dict[str, list[Run]] = {}


class LiveView:
    """What stands below a tracked cell while it runs.

    Parameters
    ----------
    name
        The run's name.
    read
        Returns the points that are new since its last call, as a live chart takes them.
    group
        What earlier runs are shown by: those that ended under the same name are laid under this one.
    """

    def __init__(self, name: str, read: Callable[[], Iterable[Any]], group: str | None) -> None:
        self._name, self._read, self._group = name, read, group
        self._chart: Any = None
        self._ticker: Any = None
        self._ends = Event()
        running = HTML(f'<div style="font-size:0.9em;opacity:0.75">● {html.escape(name)} is running</div>')
        self._handle = display(running, display_id=True)
        self._thread = Thread(target=self._start, name="mlops-live-view", daemon=True)
        self._thread.start()

    def finish(self, run: Run) -> None:
        """Put the card in the chart's place; of the widget nothing stays behind."""
        self._ends.set()
        self._thread.join()
        if self._ticker is not None:
            error = self._ticker.stop()
            self._chart.finish()
            if error is not None:
                said = f"the live chart stopped: {type(error).__name__}: {error}"
                print(said, file=sys.stderr)  # noqa: T201 -- the run itself is whole
        self._handle.update(run)
        if self._group is not None and run.history:
            _of_cell[self._group] = [*_of_cell.get(self._group, []), run][-_EARLIER:]

    def _start(self) -> None:
        """Show the chart, off the cell's own thread: what it needs to import would keep the cell waiting."""
        if self._ends.wait(_DELAY_S):
            return
        chart = import_module("mlops_jupyter.widgets.live_chart").LiveChart(self._name)
        chart.feed([_chunk(run) for run in _of_cell.get(self._group or "", [])])
        self._handle.update(chart)
        self._chart = chart
        self._ticker = import_module("mlops_jupyter.widgets.ticker").Ticker(chart, self._read)
        self._ticker.start()


def _chunk(run: Run) -> tuple[str, Sequence[str], bytes]:
    """Return an ended run's points as a live chart takes them."""
    names = list(run.history)
    slots = b"".join(
        SLOT.pack(point.step, point.time_ms, point.value, key, POINT, 1)
        for key, name in enumerate(names)
        for point in run.history[name]
    )
    return f"{run.name} ({run.run_id[:6]})", names, slots
