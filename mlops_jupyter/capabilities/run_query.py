"""What a user may write for a search of runs, and what the store is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..records import Run

_ATTRIBUTES = {"start_time", "end_time", "status", "run_name", "run_id", "artifact_uri", "user_id"}
_ORDER = re.compile(r"(?P<key>.*?)(?:\s+(?P<direction>asc|desc))?\s*", re.IGNORECASE | re.DOTALL)
NEWEST_FIRST = "attributes.start_time DESC"
_METRICS, _PARAMS = 4, 4
_ASKED = re.compile(r"""(?:metrics|params)\.(?:`([^`]+)`|"([^"]+)"|([\w./-]+))""")
# What was named by --param, and what overrode a notebook's defaults.
_NAMING_TAGS = ("mlops.params", "mlops.overrides")


def order_clause(sort: str | None) -> str:
    """Turn ``accuracy``, ``params.depth asc`` or ``start_time`` into a full order clause.

    A bare name that is no attribute of a run is a metric. The best is shown first: without a direction the
    order is descending.

    Examples
    --------
    >>> order_clause("accuracy")
    'metrics.`accuracy` DESC'
    >>> order_clause("params.learning rate asc")
    'params.`learning rate` ASC'
    """
    if sort is None or not sort.strip():
        return NEWEST_FIRST
    match = _ORDER.fullmatch(sort.strip())
    key = match["key"].strip() if match else sort.strip()
    direction = (match["direction"] or "desc").upper() if match else "DESC"
    if key in _ATTRIBUTES:
        return f"attributes.{key} {direction}"
    kind, dot, name = key.partition(".")
    if kind == "attributes" and dot:
        return f"{key} {direction}"
    if kind not in {"metrics", "params", "tags"} or not name:
        kind, name = "metrics", key
    return f"{kind}.`{name.strip('`')}` {direction}"


def columns(runs: Iterable[Run], query: str, sort: str) -> tuple[list[str], list[str]]:
    """Choose the metrics and the params that a table of runs shows.

    First what was asked for, then what the user named, then what most runs have or what differs; metrics that
    autologging adds about the training come last.
    """
    asked = {name for found in _ASKED.findall(f"{query} {sort}") for name in found}
    named: set[str] = set()
    metrics: dict[str, int] = {}
    values: dict[str, set[str | None]] = {}
    for run in runs:
        named.update(name for tag in _NAMING_TAGS for name in run.tags.get(tag, "").split(",") if name)
        for name in run.metrics:
            metrics[name] = metrics.get(name, 0) + 1
        for name, value in run.params.items():
            values.setdefault(name, set()).add(value)
    by_use = sorted(metrics, key=lambda name: (name.startswith("training_"), name not in asked, -metrics[name], name))
    by_interest = sorted(
        values,
        key=lambda name: (name not in asked, name not in named, len(values[name]) < 2, name),  # noqa: PLR2004
    )
    return by_use[:_METRICS], by_interest[:_PARAMS]
