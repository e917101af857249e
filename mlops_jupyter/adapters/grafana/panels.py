"""Panels of a dashboard in Grafana's classic JSON, and how they are laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

# A dashboard is so many columns wide.
COLUMNS = 24
DATASOURCE: Mapping[str, str] = {"type": "prometheus", "uid": "${datasource}"}
GREEN, ORANGE, RED = "green", "orange", "red"
Steps = Sequence[tuple[float | None, str]]
Kind = Literal["timeseries", "stat", "heatmap", "status-history", "state-timeline"]


@dataclass(frozen=True)
class Query:
    """What a panel asks: PromQL, and how its series are called."""

    promql: str
    legend: str = "__auto"
    heat: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes
    ----------
    title, about
        What it shows, and how it is read.
    kind
        Grafana's type of panel.
    queries
        What it asks.
    unit
        Grafana's name of the unit.
    width, height
        In columns, and in Grafana's rows.
    steps
        The values from which on a colour holds; the first holds for all below too.
    least, most
        The ends of the scale, where they are known.
    """

    title: str
    about: str
    kind: Kind
    queries: Sequence[Query]
    unit: str = "short"
    width: int = 8
    height: int = 8
    steps: Steps = ()
    least: float | None = None
    most: float | None = None

    def model(self, ident: int, x: int, y: int) -> dict[str, Any]:
        """Return it as Grafana has it, at a place."""
        defaults: dict[str, Any] = {"unit": _UNITS.get(self.unit, self.unit)}
        if self.steps:
            steps = [{"value": value, "color": colour} for value, colour in self.steps]
            defaults["thresholds"] = {"mode": "absolute", "steps": steps}
            defaults["color"] = {"mode": "thresholds"}
        defaults |= {name: end for name, end in (("min", self.least), ("max", self.most)) if end is not None}
        defaults |= _FIELDS.get(self.kind, {})
        return {
            "id": ident,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
            "datasource": dict(DATASOURCE),
            "targets": [_target(place, query, self.kind) for place, query in enumerate(self.queries)],
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": _OPTIONS[self.kind],
        }


_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "timeseries": {"custom": {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}},
    "status-history": {"custom": {"fillOpacity": 90, "lineWidth": 0}},
    "state-timeline": {"custom": {"fillOpacity": 80, "lineWidth": 0}},
}
# Grafana knows no unit for rows.
_UNITS = {"rowps": "suffix: /s"}
_LEGEND = {"showLegend": True, "displayMode": "list", "placement": "bottom"}
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "timeseries": {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "area",
        "textMode": "auto",
    },
    "heatmap": {
        "calculate": False,
        "yAxis": {"unit": "s"},
        "color": {"mode": "scheme", "scheme": "Oranges", "scale": "exponential", "exponent": 0.5, "steps": 64},
        "cellGap": 1,
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
        "legend": {"show": True},
    },
    "status-history": {"rowHeight": 0.9, "colWidth": 0.95, "showValue": "never", "legend": {"showLegend": False}},
    "state-timeline": {"rowHeight": 0.9, "mergeValues": True, "showValue": "never", "legend": _LEGEND},
}


def _target(place: int, query: Query, kind: Kind) -> dict[str, Any]:
    told: dict[str, Any] = {
        "refId": chr(ord("A") + place),
        "datasource": dict(DATASOURCE),
        "editorMode": "code",
        "expr": query.promql,
        "legendFormat": query.legend,
        "range": kind != "stat",
        "instant": kind == "stat",
    }
    if query.heat:
        told["format"] = "heatmap"
    return told


def laid_out(rows: Sequence[tuple[str, Sequence[Panel]]]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard: a titled row for each concern, its panels from left to right below it."""
    found: list[dict[str, Any]] = []
    y = 0
    for title, panels in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        found.append(
            {"id": len(found) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        y += 1
        x = deepest = 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                y, x, deepest = y + deepest, 0, 0
            found.append(panel.model(len(found) + 1, x, y))
            x += panel.width
            deepest = max(deepest, panel.height)
        y += deepest
    return found
