"""What a worker counts: plain numbers, cheap to add to, told to the supervisor as one dict.

The supervisor adds the workers' dicts up and renders them; `capabilities.endpoints.metrics_text` knows the names.
"""

from __future__ import annotations

import os
import resource
from bisect import bisect_left
from collections.abc import Iterable
from time import process_time, time
from typing import Any

from ..capabilities.endpoints import PlannedVersion
from ..capabilities.endpoints.bounds import DURATION_BOUNDS, SIZE_BOUNDS

Labels = tuple[str, ...]


class Histogram:
    """How often values fell into each bucket, and their sum.

    Parameters
    ----------
    bounds
        The upper bounds of the buckets; one more has none.
    """

    __slots__ = ("bounds", "counts", "exemplars", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.exemplars: dict[int, tuple[str, float, float]] = {}

    def add(self, value: float, trace: bytes | None = None) -> None:
        """Count one value; the last of each bucket that has a trace (W3C's ``traceparent``) is its example."""
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.total += value
        if trace is not None:
            self.exemplars[bucket] = (trace[3:35].decode("ascii"), value, time())

    def told(self) -> dict[str, Any]:
        """Return it as plain values."""
        told: dict[str, Any] = {"bounds": list(self.bounds), "counts": list(self.counts), "sum": self.total}
        if self.exemplars:
            told["exemplars"] = [[bucket, *each] for bucket, each in self.exemplars.items()]
        return told


class Telemetry:
    """What one worker has seen since it started."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.queued = 0
        self._answers: dict[Labels, tuple[dict[str, int], Histogram]] = {}
        self.errors: dict[Labels, int] = {}
        self.rows: dict[Labels, int] = {}
        self.batches: dict[Labels, Histogram] = {}
        self.model_seconds: dict[Labels, Histogram] = {}
        self.shadows: dict[Labels, int] = {}
        self.invalid: dict[Labels, int] = {}
        self.dropped: dict[Labels, int] = {}
        self.versions: list[dict[str, str]] = []

    def serving(self, versions: Iterable[PlannedVersion]) -> None:
        """Note what is served now."""
        self.versions = [
            {
                "model": version.model or "",
                "version": version.version,
                "variant": variant_of(version),
                "run_id": version.run_id or "",
                "source": version.source,
                "percent": f"{version.percent:g}",
            }
            for version in versions
        ]

    def answered(self, labels: Labels, code: str, seconds: float, trace: bytes | None = None) -> None:
        """Count one answer; the labels are model, version, variant and protocol."""
        series = self._answers.get(labels)
        if series is None:
            series = self._answers[labels] = ({}, Histogram(DURATION_BOUNDS))
        counts, histogram = series
        counts[code] = counts.get(code, 0) + 1
        histogram.add(seconds, trace)

    def refused(self, labels: Labels, error_code: str) -> None:
        """Count one answer that holds no prediction, by its error's code."""
        key = (*labels, error_code)
        self.errors[key] = self.errors.get(key, 0) + 1

    def called(self, labels: Labels, rows: int, seconds: float) -> None:
        """Count one call of a model; the labels are model, version and variant."""
        histogram = self.batches.get(labels)
        if histogram is None:
            histogram = self.batches[labels] = Histogram(SIZE_BOUNDS)
            self.model_seconds[labels] = Histogram(DURATION_BOUNDS)
        histogram.add(rows)
        self.model_seconds[labels].add(seconds)
        self.rows[labels] = self.rows.get(labels, 0) + rows

    def compared(self, labels: Labels, result: str, rows: int) -> None:
        """Count rows that a shadow has answered ``equal`` or ``different``, that it ``failed`` at, or ``skipped``."""
        key = (*labels, result)
        self.shadows[key] = self.shadows.get(key, 0) + rows

    def unfit(self, labels: Labels, features: Iterable[str]) -> None:
        """Count a request that was refused for the values of these features, or for want of them."""
        for feature in features:
            key = (*labels, feature)
            self.invalid[key] = self.invalid.get(key, 0) + 1

    def unwatched(self, labels: Labels, rows: int) -> None:
        """Count rows that the watcher is not told of."""
        self.dropped[labels] = self.dropped.get(labels, 0) + rows

    def snapshot(self) -> dict[str, Any]:
        """Return everything as plain values, which add up over the workers."""
        return {
            "gauges": {
                "in_flight": self.in_flight,
                "queued": self.queued,
                "resident_bytes": _resident_bytes(),
                "open_fds": _open_fds(),
            },
            "counters": {
                "requests": [
                    [[*labels, code], count]
                    for labels, (counts, _) in self._answers.items()
                    for code, count in counts.items()
                ],
                "errors": _listed(self.errors),
                "rows": _listed(self.rows),
                "shadows": _listed(self.shadows),
                "feature_invalid": _listed(self.invalid),
                "monitoring_dropped": _listed(self.dropped),
                "cpu_seconds": [[[], process_time()]],
            },
            "histograms": {
                "durations": [[list(labels), each.told()] for labels, (_, each) in self._answers.items()],
                "batches": [[list(labels), each.told()] for labels, each in self.batches.items()],
                "model_seconds": [[list(labels), each.told()] for labels, each in self.model_seconds.items()],
            },
            "versions": self.versions,
        }


def variant_of(version: PlannedVersion) -> str:
    """Return what a version is to an endpoint: ``main``, ``canary`` or ``shadow``."""
    return "shadow" if version.shadow else "canary" if version.canary else "main"


def _listed(counts: dict[Labels, int]) -> list[list[Any]]:
    return [[list(labels), count] for labels, count in counts.items()]


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as told:  # noqa: PTH123 -- once a second: no path object for it
            return int(told.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _open_fds() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- as above
    except OSError:
        return 0
