"""A store that a test writes runs into, by the adapter that journals are shipped with."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from mlops_jupyter.adapters.mlflow.sink import MlflowSink
from mlops_jupyter.adapters.mlflow.tracking import MlflowTracking
from mlops_jupyter.records import RunStart


class WritableStore(MlflowTracking):
    """MLflow's store as the adapter reads it, with the writing side beside it."""

    def __init__(self, uri: str, registry_uri: str | None = None, artifacts: Path | None = None) -> None:
        super().__init__(uri, registry_uri, artifacts)
        self.sink = MlflowSink(uri, artifacts)

    def create_run(self, experiment: str, name: str | None, tags: Mapping[str, str]) -> str:
        start = RunStart(
            run_id=uuid.uuid4().hex,
            experiment=experiment,
            experiment_id=None,
            name=name or "unnamed",
            started_ms=time.time_ns() // 1_000_000,
            tags=tags,
            store=self.uri,
        )
        return self.sink.create(start, tags)

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[tuple[str, float, datetime, int]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        points = [(name, value, round(at.timestamp() * 1000), step) for name, value, at, step in metrics]
        for at in range(0, len(points), 1000):
            self.sink.write(run_id, points[at : at + 1000], {}, {})
        for given, place in ((params or {}, 0), (tags or {}, 1)):
            items = list(given.items())
            for at in range(0, len(items), 100):
                part = dict(items[at : at + 100])
                self.sink.write(run_id, (), part if place == 0 else {}, part if place == 1 else {})

    def log_text(self, run_id: str, path: str, text: str) -> None:
        with TemporaryDirectory() as scratch:
            file = Path(scratch, Path(path).name)
            file.write_text(text, encoding="utf-8")
            self.sink.artifact(run_id, path, file)

    def log_file(self, run_id: str, directory: str, file: Path) -> None:
        self.sink.artifact(run_id, f"{directory}/{file.name}" if directory else file.name, file)

    def finish_run(self, run_id: str, status: str) -> None:
        self.sink.end(run_id, status, time.time_ns() // 1_000_000)
