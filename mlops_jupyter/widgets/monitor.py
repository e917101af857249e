"""The dashboard of a deployment, live under a cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, RLock, Thread
from typing import Any
from uuid import uuid4

import anywidget
import traitlets

from ..errors import MlopsError
from ..protocols import Watched
from ..records import Monitored
from .monitor_telling import ALIVE_EVERY_S, LONGEST_S, SHORTEST_S, Telling, acknowledge
from .monitor_wire import distribution
from .viewers import Viewers

_HERE = Path(__file__).parent
TICK_S = 1.0


class MonitorDashboard(anywidget.AnyWidget):
    """Shows a deployment, and goes on doing so from a thread of its own until it is closed.

    Each tick sends the instants that are new, and how the deployment is where that has changed. While no page is seen
    the thread waits. What pages ask to be done is done in another thread, so that the kernel stays free.

    Parameters
    ----------
    watched
        The deployment.
    tick_s
        The time between two looks.
    """

    _esm = _HERE / "monitor.js"
    _css = _HERE / "monitor.css"

    title = traitlets.Unicode().tag(sync=True)
    range_s = traitlets.Float().tag(sync=True)
    # A page that learns of the dashboard asks for everything; what was told is never part of a saved notebook.
    _key = traitlets.Unicode().tag(sync=True)

    def __init__(self, watched: Watched, tick_s: float = TICK_S) -> None:
        self._watched, self._tick_s = watched, tick_s
        self._lock = RLock()
        self._wakes, self._ended = Event(), False
        self._acting: Thread | None = None
        self._viewers = Viewers()
        self._open: tuple[str, str, bool] | None = None
        self._spread: dict[str, Any] | None = None
        self._last: Monitored | None = None
        self._telling = Telling()
        self.messages = 0
        self._told_s = time.monotonic()
        super().__init__(title=watched.name, range_s=watched.since_s, _key=uuid4().hex)
        self.on_msg(self._asked)
        self._thread = Thread(target=self._run, name="mlops-monitor", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End the thread and close the widget: front ends take it off their pages."""
        self._ended = True
        self._viewers.end()
        self._wakes.set()
        with self._lock:
            layout = self.layout
            self.close()
            if layout is not None:
                layout.close()
        self._thread.join(self._tick_s + 5)

    def __repr__(self) -> str:
        return f"live dashboard of {self.title}; it needs the kernel, below is how it was"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), "application/vnd.jupyter.widget-view+json": view}, {}

    def _run(self) -> None:
        try:
            self._tick_until_ended()
        except Exception as error:  # noqa: BLE001 -- whoever looks is told; nobody else would hear of it
            with self._lock:
                if not self._ended:
                    words = f"the dashboard stopped: {type(error).__name__}: {error}"
                    self._tell({"kind": "done", "what": "watch", "failed": True, "words": words})

    def _tick_until_ended(self) -> None:
        while not self._ended:
            if self._is_seen():
                self._tick()
            self._wakes.wait(self._tick_s if self._is_seen() else None)
            self._wakes.clear()

    def _is_seen(self) -> bool:
        with self._lock:
            return self._viewers.any()

    def _tick(self) -> None:
        """Tell the pages what is new."""
        with self._lock:
            asked = self._range_s
            after_s = self._telling.after_s
        found = self._watched.read(asked, after_s)
        with self._lock:
            # A page has begun or chosen another range meanwhile, or the widget was closed.
            if (asked, after_s) != (self._range_s, self._telling.after_s) or self._ended or self.comm is None:
                return
            self._last = found
            for content, buffer in self._telling.messages(found):
                self._tell(content, None if buffer is None else [buffer])
            self._tell_distribution()
            if time.monotonic() - self._told_s >= ALIVE_EVERY_S:
                self._tell({"kind": "alive"})

    def _tell_distribution(self) -> None:
        if self._open is None or self._last is None:
            return
        version, feature, output = self._open
        spread = distribution(self._last.reports, version, feature, output=output)
        if spread != self._spread:
            self._spread = spread
            about = {"version": version, "feature": feature, "output": output}
            self._tell({"kind": "distribution", **about, "spread": spread})

    def _tell(self, content: Mapping[str, Any], buffers: list[bytes] | None = None) -> None:
        self.send({"n": self.messages, **content}, buffers)
        self.messages += 1
        self._told_s = time.monotonic()

    def _begin_again(self) -> None:
        """Let the next tick tell everything."""
        self._telling.begin_again()
        self._spread = None

    def _asked(self, _: object, content: object, buffers: object) -> None:
        """Do what a page asks for."""
        if not isinstance(content, dict):
            return
        asks: dict[str, Callable[[dict[str, Any]], None]] = {
            "begin": self._on_begin,
            "seen": self._on_seen,
            "range": self._on_range,
            "open": self._on_open,
            "share": lambda told: self._act("share", lambda: self._share(told)),
            "rollback": lambda _: self._act("rollback", self._roll_back),
            "acknowledge": lambda told: self._act(
                "acknowledge", lambda: acknowledge(self._watched, self._last, told.get("alert"))
            ),
        }
        found = asks.get(str(content.get("ask")))
        if found is not None:
            with self._lock:
                found(content)
            self._wakes.set()

    def _on_begin(self, told: dict[str, Any]) -> None:
        self._begin_again()

    def _on_seen(self, told: dict[str, Any]) -> None:
        """Note which views somebody can see."""
        self._viewers.note(str(told.get("view")), seen=bool(told.get("seen")))

    def _on_range(self, told: dict[str, Any]) -> None:
        wanted = told.get("range")
        if isinstance(wanted, int | float) and SHORTEST_S <= wanted <= LONGEST_S:
            self.range_s = float(wanted)
            self._begin_again()

    def _on_open(self, told: dict[str, Any]) -> None:
        feature = told.get("feature")
        self._spread = None
        self._open = None if feature is None else (str(told.get("version")), str(feature), bool(told.get("output")))

    @property
    def _range_s(self) -> float:
        return float(self.range_s)

    def _act(self, what: str, act: Callable[[], str]) -> None:
        """Do something about the deployment, in a thread of its own; one thing at a time."""
        if self._acting is not None and self._acting.is_alive():
            self._tell({"kind": "done", "what": what, "failed": True, "words": "something else is being done still"})
            return
        self._acting = Thread(target=self._acted, args=(what, act), name="mlops-monitor-act", daemon=True)
        self._acting.start()

    def _acted(self, what: str, act: Callable[[], str]) -> None:
        failed = True
        try:
            words, failed = act(), False
        except MlopsError as error:
            words = "; ".join([error.message, *([error.hint] if error.hint else [])])
        except Exception as error:  # noqa: BLE001 -- whoever clicked is told; nobody else would hear of it
            words = f"{type(error).__name__}: {error}"
        with self._lock:
            if not self._ended:
                self._tell({"kind": "done", "what": what, "failed": failed, "words": words})
        self._wakes.set()

    def _share(self, told: dict[str, Any]) -> str:
        shares = told.get("shares")
        given = [f"{version}={share}" for version, share in shares.items()] if isinstance(shares, dict) else []
        if not given:
            return "no shares were given"
        found = self._watched.share(*given)
        return "traffic: " + ", ".join(f"version {one.version} {one.percent:g} %" for one in found.versions)

    def _roll_back(self) -> str:
        found = self._watched.roll_back()
        return "rolled back: " + ", ".join(f"version {one.version} {one.percent:g} %" for one in found.versions)
