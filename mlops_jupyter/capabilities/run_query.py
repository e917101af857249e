"""What a user may write for a search of runs, and what the store is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from ..records import Run

_ATTRIBUTES = {"start_time", "end_time", "status", "run_name", "run_id", "artifact_uri", "user_id"}
_ORDER = re.compile(r"(?P<key>.*?)(?:\s+(?P<direction>asc|desc))?\s*", re.IGNORECASE | re.DOTALL)
NEWEST_FIRST = "attributes.start_time DESC"
_METRICS, _PARAMS = 4, 4
# So many letters have the heads of the metrics, and of the params, with no column narrower than a number is.
_ROOM, _NARROWEST = 48, 8
# What MLflow measures beside a run, and what autologging adds about the training.
_FRAMEWORKS = ("training_", "system/")
# What scikit-learn's own score was asked about, autologging does not know.
_OF_NOTHING = "_unknown_dataset"
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

    Metrics: first what was asked for, then what most runs have; what a framework adds about the training or the machine
    only where there is nothing else. Params: what was asked for and what the user named; where nothing was, those that
    differ; where none does, all, if they are few. So the many arguments that autologging logs stay away, and what is
    shown fits on a line.
    """
    asked = {name for found in _ASKED.findall(f"{query} {sort}") for name in found}
    named: set[str] = set()
    metrics: dict[str, int] = {}
    values: dict[str, set[str]] = {}
    for run in runs:
        named.update(name for tag in _NAMING_TAGS for name in run.tags.get(tag, "").split(",") if name)
        for name in run.metrics:
            metrics[name] = metrics.get(name, 0) + 1
        for name, value in run.params.items():
            values.setdefault(name, set()).add(value)
    own = [
        name for name in metrics if name in asked or not (name.startswith(_FRAMEWORKS) or name.endswith(_OF_NOTHING))
    ]
    by_use = sorted(own or metrics, key=lambda name: (name not in asked, -metrics[name], name))
    wanted = [name for name in values if name in asked or name in named]
    differing = [name for name, found in values.items() if len(found) > 1]
    few = list(values) if len(values) <= _PARAMS else []
    by_interest = sorted(wanted or differing or few, key=lambda name: (name not in asked, name))
    return _fitting(by_use[:_METRICS], asked), _fitting(by_interest[:_PARAMS], asked)


def _fitting(names: Sequence[str], asked: Collection[str]) -> list[str]:
    """Return the first names, as many as have room as the heads of columns; what was asked for is always among them."""
    chosen: list[str] = []
    taken = 0
    for name in names:
        taken += max(len(name), _NARROWEST) + 2
        if not chosen or taken <= _ROOM or name in asked:
            chosen.append(name)
    return chosen
