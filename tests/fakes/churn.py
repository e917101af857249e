"""A deployment that is watched, whose clock a test turns."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import numpy as np

from mlops_jupyter.errors import CommandError
from mlops_jupyter.records import Alert, Deployment, Monitored, ServedVersion, VersionSeries
from tests.fakes import histories

STEP_S = 1.0
ALERT = Alert("MlopsSlow", "page", "p95 is 2 s", datetime(2026, 1, 2, tzinfo=UTC), {"endpoint": "churn"})


class Churn:
    """A deployment whose clock is turned by hand; a second brings one more instant."""

    name, since_s = "churn", 900.0

    def __init__(self) -> None:
        self.now_s = 100.0
        self.reads: list[tuple[float, float | None]] = []
        self.done: list[Any] = []
        self.status: Any = "ready"
        self.fails: Exception | None = None
        self.held = threading.Event()
        self.held.set()
        self.slow = threading.Event()
        self.slow.set()

    def read(self, range_s: float, after_s: float | None = None) -> Monitored:
        self.reads.append((range_s, after_s))
        self.slow.wait(30)
        if self.fails is not None:
            raise self.fails
        first = self.now_s - min(range_s, 20) if after_s is None else after_s + STEP_S
        times = tuple(np.arange(first, self.now_s + 0.1, STEP_S).tolist())
        values = tuple(time % 10 for time in times)
        nothing = (None,) * len(times)
        series = VersionSeries("1", "main", values, nothing, values, values, values, values)
        return Monitored(
            "churn", self.status, "endpoint", STEP_S, times, (series,), values, nothing, {"age": values},
            reports=(histories.drift("1", 6),), alerts=(ALERT,), range_s=range_s,
            served=(ServedVersion("1", "models:/churn/1"),),
        )  # fmt: skip

    def share(self, *shares: str) -> Deployment:
        self.held.wait(30)
        self.done.append(shares)
        if shares == ("1=7",):
            raise CommandError("the shares sum to 7, not to 100", "mlops traffic NAME 3=90 4=10")
        return Deployment("churn", "local", "ready", (ServedVersion("1", "models:/churn/1"),))

    def roll_back(self) -> Deployment:
        raise RuntimeError("something unforeseen")

    def acknowledge(self, alert: Alert, for_s: float) -> str:
        self.done.append((alert, for_s))
        return "silence-1"
