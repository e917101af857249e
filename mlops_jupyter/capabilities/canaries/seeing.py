"""What versions have done, from what an endpoint's workers have counted together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ...records import DriftReport, Quality
from .windows import Seen

# What is wrong with a request is not the model's doing. 400 is: MLflow answers so whatever a model raises. So is 429:
# the line before a version that is too slow for its traffic is full.
_CALLERS = frozenset({"401", "403", "404", "405", "408", "411", "413", "415", "431", "499"})


def seen(
    snapshot: Mapping[str, Any],
    versions: Collection[str],
    drift: DriftReport | None = None,
    quality: tuple[Quality | None, ...] = (),
    *,
    watched: bool = False,
) -> Seen:
    """Return what versions have done together.

    Parameters
    ----------
    snapshot
        What an endpoint has counted, as `endpoints.metrics_text.merged` returns it.
    versions
        The versions.
    drift, quality
        What else is known of them, as of `Seen`.
    watched
        Whether their drift is going to be told.
    """
    requests = failed = 0
    for (_, version, _, _, code), count in snapshot["counters"].get("requests", ()):
        if version in versions:
            requests += count
            failed += 0 if code == "200" or code in _CALLERS else count
    bounds: tuple[float, ...] = ()
    counts: list[int] = []
    for (_, version, _, _), told in snapshot["histograms"].get("durations", ()):
        bounds = tuple(told["bounds"])
        if version in versions:
            counts = [
                mine + more for mine, more in zip(counts or [0] * len(told["counts"]), told["counts"], strict=True)
            ]
    return Seen(requests, failed, bounds, tuple(counts or [0] * (len(bounds) + 1)), drift, quality, watched)
