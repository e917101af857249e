"""Workers' telemetry added up: counters and histograms of all, also of those that have ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Snapshot = Mapping[str, Any]


def merged(living: Iterable[Snapshot], ended: Snapshot | None = None) -> dict[str, Any]:
    """Add snapshots up.

    Parameters
    ----------
    living
        The last of each worker that runs.
    ended
        The sum of those that have ended: what they have counted is kept, what they held is not.
    """
    present = list(living)
    everything = present if ended is None else [*present, ended]
    gauges: dict[str, float] = {}
    for one in present:
        for name, value in one.get("gauges", {}).items():
            gauges[name] = gauges.get(name, 0) + value
    return {
        "gauges": gauges,
        "counters": {name: _counts(everything, name) for name in _names(everything, "counters")},
        "histograms": {name: _histograms(everything, name) for name in _names(everything, "histograms")},
        "versions": next((one["versions"] for one in reversed(present) if one.get("versions")), []),
    }


def _names(snapshots: Iterable[Snapshot], kind: str) -> list[str]:
    return list(dict.fromkeys(name for one in snapshots for name in one.get(kind, {})))


def _counts(snapshots: Iterable[Snapshot], name: str) -> list[list[Any]]:
    total: dict[tuple[str, ...], float] = {}
    for one in snapshots:
        for labels, count in one.get("counters", {}).get(name, ()):
            total[tuple(labels)] = total.get(tuple(labels), 0) + count
    return [[list(labels), count] for labels, count in total.items()]


def _histograms(snapshots: Iterable[Snapshot], name: str) -> list[list[Any]]:
    total: dict[tuple[str, ...], dict[str, Any]] = {}
    for one in snapshots:
        for labels, told in one.get("histograms", {}).get(name, ()):
            so_far = total.get(tuple(labels))
            if so_far is None or so_far["bounds"] != told["bounds"]:
                # With other bounds it is from before a change of the program: there is nothing to add it to.
                total[tuple(labels)] = {**told, "counts": list(told["counts"])}
                continue
            so_far["counts"] = [mine + more for mine, more in zip(so_far["counts"], told["counts"], strict=True)]
            so_far["sum"] += told["sum"]
    return [[list(labels), told] for labels, told in total.items()]
