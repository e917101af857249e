"""The live view of a tracked cell: a chart while it runs, the card in its place when it has ended."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Iterable
from contextvars import copy_context
from importlib import import_module
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from IPython.core.display import HTML

from .places import Place

if TYPE_CHECKING:
    from ..records import Run
    from .earlier_runs import EarlierRuns

# A cell that is done by then needs no chart, and pays for none.
_DELAY_S = 0.4


class LiveView:
    """What stands below a tracked cell while it runs.

    Parameters
    ----------
    name
        The run's name.
    read
        Returns the points that are new since its last call, as a live chart takes them.
    earlier
        The runs that are laid under this one, to which it is added when it has ended.
    """

    def __init__(self, name: str, read: Callable[[], Iterable[Any]], earlier: EarlierRuns | None) -> None:
        self._name, self._read, self._earlier = name, read, earlier
        self._chart: Any = None
        self._ticker: Any = None
        self._ends = Event()
        running = HTML(f'<div style="font-size:0.9em;opacity:0.75">● {html.escape(name)} is running</div>')
        self._place = Place()
        self._place.put(running)
        # What is shown belongs to this cell, whichever thread shows it.
        start = copy_context().run
        self._thread = Thread(target=start, args=(self._start,), name="mlops-live-view", daemon=True)
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
        self._place.leave(run)
        if self._earlier is not None and run.history:
            try:
                self._earlier.add(run)
            except OSError as error:
                # The run itself is whole.
                print(f"the next chart will not show this run: {error}", file=sys.stderr)  # noqa: T201

    def _start(self) -> None:
        """Show the chart, off the cell's own thread: what it needs to import would keep the cell waiting."""
        if self._ends.wait(max(_DELAY_S, self._place.wait_s)):
            return
        chart = import_module("mlops_jupyter.widgets.live_chart").LiveChart(self._name)
        if self._earlier is not None:
            chart.feed(self._earlier.chunks())
        self._place.put(chart)
        self._chart = chart
        self._ticker = import_module("mlops_jupyter.widgets.ticker").Ticker(chart, self._read)
        self._ticker.start()
