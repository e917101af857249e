"""What a user may write for a search of runs, and what the store is asked."""

from __future__ import annotations

import re

_ATTRIBUTES = {"start_time", "end_time", "status", "run_name", "run_id", "artifact_uri", "user_id"}
_ORDER = re.compile(r"(?P<key>.*?)(?:\s+(?P<direction>asc|desc))?\s*", re.IGNORECASE | re.DOTALL)
NEWEST_FIRST = "attributes.start_time DESC"


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
