"""The thread that keeps a live chart up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from threading import Event, Thread

from .live_chart import Chunk, LiveChart
from .resources import Resources

# A message costs the kernel a millisecond, however few its points: four a second are enough for the eye.
TICK_S = 0.25
_SAMPLE_S = 1.0


class Ticker:
    """Feeds a chart what is new, several times a second, until it is stopped.

    Nothing is raised into the user's cell: the first error ends the thread, and `stop` tells it.

    Parameters
    ----------
    chart
        The chart to feed; whoever made it finishes it.
    read
        Returns what `LiveChart.feed` takes: the slots since its last call.
    tick_s
        The time between two looks; the first is at once.
    sample_resources
        Whether the chart shows CPU, memory and GPUs, once a second.
    """

    def __init__(
        self,
        chart: LiveChart,
        read: Callable[[], Iterable[Chunk]],
        tick_s: float = TICK_S,
        sample_resources: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self._chart, self._read, self._tick_s, self._sampling = chart, read, tick_s, sample_resources
        self._ends = Event()
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="mlops-live-chart", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own that does not keep the process alive."""
        self._thread.start()

    def stop(self) -> Exception | None:
        """Feed what is left, end the thread, and return the error that ended it before, if one did."""
        self._ends.set()
        if self._thread.ident is not None:
            self._thread.join()
        return self._error

    def _run(self) -> None:
        try:
            self._tick_until_stopped()
        except Exception as error:  # noqa: BLE001 - kept, and told when stopped
            self._error = error

    def _tick_until_stopped(self) -> None:
        resources = Resources() if self._sampling else None
        began_s = sampled_s = time.monotonic()
        try:
            self._chart.feed(self._read())
            ending = False
            while not ending:
                ending = self._ends.wait(self._tick_s)
                now_s = time.monotonic()
                if resources is not None and (now_s - sampled_s >= _SAMPLE_S):
                    sampled_s = now_s
                    self._chart.measure(now_s - began_s, resources.sample())
                self._chart.feed(self._read())
        finally:
            if resources is not None:
                resources.stop()
