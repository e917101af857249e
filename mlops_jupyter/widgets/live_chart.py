"""The live chart: metrics as they are logged, under the running cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import RLock
from typing import Any, TypeAlias
from uuid import uuid4

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets

from .wire import POINT, SLOT, Points, joined, packed, thinned

Chunk: TypeAlias = "tuple[str, Sequence[str], bytes | bytearray | memoryview]"

_HERE = Path(__file__).parent
# Of one metric in one message; more cannot be seen, and would only make the page wait.
_MOST_A_TICK = 2_000
# All points that are kept for a page that comes late.
_MOST_KEPT = 20_000
_MOST_SERIES = 256


class LiveChart(anywidget.AnyWidget):
    """A chart that grows as points are fed to it.

    Each message carries the new points alone, of all series together. A page that comes late, or missed a message,
    asks, and gets what was sent before, thinned. `feed`, `measure` and `finish` may be called from any thread.

    Parameters
    ----------
    title
        What stands above the chart: the run's name.
    """

    _esm = _HERE / "live_chart.js"
    _css = _HERE / "live_chart.css"

    title = traitlets.Unicode().tag(sync=True)
    _key = traitlets.Unicode().tag(sync=True)
    # How many messages went out, told when a page learns of the chart and never sent by itself.
    _told = traitlets.Int(0).tag(sync=True, to_json=lambda _, chart: chart.messages)

    def __init__(self, title: str) -> None:
        self.messages = 0
        self.points = 0
        self._lock = RLock()
        self._series: dict[tuple[str, str, bool], int] = {}
        self._known = 0
        self._began: dict[str, int] = {}
        self._tables: dict[str, tuple[tuple[str, ...], npt.NDArray[np.uint16]]] = {}
        self._measured: list[Points] = []
        self._kept: list[Points] = []
        self._keeps = 0
        super().__init__(title=title, _key=uuid4().hex)
        self.on_msg(self._answer)

    def feed(self, chunks: Iterable[Chunk]) -> None:
        """Send points, all in one message, together with what was measured since the last.

        Parameters
        ----------
        chunks
            Of each run its label, the names of its metrics, and whole 32-byte slots of its journal, whose keys are
            places in the names.
        """
        with self._lock:
            self._send_points(joined([*self._measured, *(self._decoded(*chunk) for chunk in chunks)]))
            self._measured.clear()

    def measure(self, seconds: float, values: Mapping[str, float]) -> None:
        """Take what the machine is doing, by name, so many seconds after the chart began; `feed` sends it."""
        with self._lock:
            found = [(self._index("", name, resource=True), seconds, 0, value) for name, value in values.items()]
            self._measured.append(np.array([one for one in found if one[0] < _MOST_SERIES], POINT))

    def finish(self) -> None:
        """Close the widget: front ends take it off their pages, and no saved notebook holds its state."""
        with self._lock:
            self._kept.clear()
            layout = self.layout
            self.close()
            if layout is not None:
                layout.close()

    def __repr__(self) -> str:
        metrics = {name for _, name, resource in self._series if not resource}
        return f"live chart of {self.title}: {self.points:,} points of {len(metrics)} metrics"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), "application/vnd.jupyter.widget-view+json": view}, {}

    def _decoded(self, label: str, names: Sequence[str], slots: bytes | bytearray | memoryview) -> Points:
        """Return the slots of one run as points of the chart."""
        found = np.frombuffer(slots, SLOT)
        points = np.empty(len(found), POINT)
        if not len(found):
            return points
        times = found["time_ms"]
        began = self._began.setdefault(label, int(times[0]))
        series = self._table(label, tuple(names))[found["key"]]
        points["series"] = series
        points["seconds"] = (times - began) / 1_000
        points["step"] = found["step"]
        points["value"] = found["value"]
        self.points += len(found)
        return points if len(self._series) < _MOST_SERIES else points[series < _MOST_SERIES]

    def _table(self, label: str, names: tuple[str, ...]) -> npt.NDArray[np.uint16]:
        """Return the series of each key of a run; kept, because it is asked for at every tick."""
        kept, table = self._tables.get(label, ((), np.empty(0, "<u2")))
        if kept != names:
            table = np.array([self._index(label, name, resource=False) for name in names], "<u2")
            self._tables[label] = names, table
        return table

    def _index(self, label: str, name: str, *, resource: bool) -> int:
        if len(self._series) >= _MOST_SERIES:
            return self._series.get((label, name, resource), _MOST_SERIES)
        return self._series.setdefault((label, name, resource), len(self._series))

    def _send_points(self, points: Points) -> None:
        if not len(points) or self.comm is None:
            return
        points = thinned(points, _MOST_A_TICK)
        base, columns = packed(points)
        content: dict[str, Any] = {"n": self.messages, **({} if base is None else {"base": base})}
        if len(self._series) > self._known:
            content["new"] = self._declared(self._known)
            self._known = len(self._series)
        self.messages += 1
        self._keep(points)
        self.send(content, [columns])

    def _declared(self, known: int) -> list[tuple[int, str, str, int]]:
        return [(i, label, name, int(resource)) for (label, name, resource), i in self._series.items() if i >= known]

    def _keep(self, points: Points) -> None:
        self._kept.append(points)
        self._keeps += len(points)
        if self._keeps > _MOST_KEPT:
            room = max(8, _MOST_KEPT // 2 // len(self._series))
            self._kept = [thinned(joined(self._kept), room)]
            self._keeps = len(self._kept[0])

    def _answer(self, _: object, content: object, buffers: object) -> None:
        """Tell a page that asked what was sent before."""
        if not isinstance(content, dict) or content.get("ask") != "backlog":
            return
        with self._lock:
            base, columns = packed(joined(self._kept))
            told = {"n": self.messages, "backlog": True, "new": self._declared(0)}
            self.send({**told, **({} if base is None else {"base": base})}, [columns])
