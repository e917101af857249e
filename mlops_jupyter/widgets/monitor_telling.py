"""What the pages of a dashboard have been told of a deployment, and so what is new to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from ..protocols import Watched
from ..records import Monitored
from .monitor_wire import Curve, alert_id, curves, packed, standing

Message: TypeAlias = tuple[dict[str, Any], bytes | None]
"""What a page is told, and the numbers that go with it."""

# What a page may ask for: a quarter of an hour, an hour, six, a day; and what the verb was asked for.
SHORTEST_S, LONGEST_S = 60.0, 366 * 86_400.0
# A page that hears nothing for longer says so: what it shows may be old.
ALIVE_EVERY_S = 5.0
_ACKNOWLEDGED_S = 3_600.0


class Telling:
    """What has been told: none of it before a page has asked for everything."""

    def __init__(self) -> None:
        self.begin_again()

    @property
    def after_s(self) -> float | None:
        """The last instant that was told."""
        return self._after_s

    def begin_again(self) -> None:
        """Let the next messages tell everything."""
        self._after_s: float | None = None
        self._known: dict[Curve, int] = {}
        self._said: dict[str, Any] | None = None

    def messages(self, found: Monitored) -> Iterator[Message]:
        """Yield what is new in a record that was read after `after_s`: first of the series, then how it stands."""
        if found.times or self._after_s is None:
            yield self._series(found)
        said = standing(found, acknowledges=bool(found.alerts))
        if said != self._said:
            self._said = said
            yield {"kind": "now", **said}, None

    def _series(self, found: Monitored) -> Message:
        told = list(curves(found))
        new = [curve for curve, _ in told if curve not in self._known]
        for curve in new:
            self._known[curve] = len(self._known)
        content = {
            "kind": "series",
            "range": found.range_s,
            "step": found.step_s,
            "count": len(found.times),
            "columns": [self._known[curve] for curve, _ in told],
            "new": [[self._known[curve], *curve] for curve in new],
            "reset": self._after_s is None,
        }
        if found.times:
            self._after_s = found.times[-1]
        return content, packed(found.times, [values for _, values in told])


def acknowledge(watched: Watched, found: Monitored | None, alert: object) -> str:
    """Silence an alert that fires, by what names it, for an hour; return in words what came of it."""
    firing = () if found is None else found.alerts
    meant = next((one for one in firing if alert_id(one) == alert), None)
    if meant is None:
        return "this alert does not fire any more"
    watched.acknowledge(meant, _ACKNOWLEDGED_S)
    return f"{meant.name} is acknowledged for an hour"
