"""Workers that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops_jupyter.capabilities.endpoints import EndpointPlan
from tests.fakes.workers import RunningWorker

Start = Callable[[EndpointPlan], RunningWorker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a worker for a plan."""
    started: list[RunningWorker] = []

    def begin(plan: EndpointPlan) -> RunningWorker:
        worker = RunningWorker(tmp_path, plan)
        started.append(worker)
        return worker

    yield begin
    for worker in started:
        worker.close()
