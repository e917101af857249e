"""MLflow as the store of runs: what journals hold is written.

Some of MLflow's names used here are not part of its documented interface; docs/decisions/0012 says why, and
``tests/adapters/test_mlflow_private_names.py`` holds them.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from threading import RLock
from typing import Any, NamedTuple, cast

from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.store.db import utils as db_utils
from mlflow.store.tracking import sqlalchemy_store
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.tracking._tracking_service.utils import _get_store

from ...capabilities.tracking import CELL_ID_TAG, LOCAL_ID_TAG
from ...protocols import RunSink
from ...records import Point, RunStart
from .errors import as_ours
from .tracking import MlflowTracking

_CONTEXT_TAG = "mlflow.data.context"
_naming = RLock()


class MlflowSink:
    """Writes runs to the store behind one MLflow tracking URI.

    Parameters
    ----------
    uri, artifacts
        As of `MlflowTracking`.
    """

    def __init__(self, uri: str, artifacts: Path | None = None) -> None:
        self._tracking = MlflowTracking(uri, None, artifacts)
        self._opened: AbstractStore | None = None

    @property
    def _store(self) -> AbstractStore:
        # The client says in our words what is missing for this kind of store.
        if self._opened is None:
            _ = self._tracking.client
            self._opened = cast("AbstractStore", _get_store(self._tracking.uri))
        return self._opened

    def reach(self, timeout_s: float) -> None:
        """Ask the store for a sign of life, and open it."""
        self._tracking.reach(timeout_s)
        if self._opened is None:
            with as_ours(), _at_the_first_try():
                _ = self._store

    def create(self, start: RunStart, tags: Mapping[str, str]) -> str:
        """Create a run; a database is made to take the journal's id, and one that is there already is taken."""
        with as_ours():
            experiment = (
                self._tracking.experiment(start.experiment)
                if start.experiment_id is None
                else self._tracking.experiment_by_id(start.experiment_id)
            )
            if (there := self._there(start.run_id)) is not None:
                return there
            if not isinstance(self._store, sqlalchemy_store.SqlAlchemyStore):
                # In the same call: a run whose creation is not answered is found by it.
                tags = {**tags, LOCAL_ID_TAG: start.run_id}
            with _naming_it(start.run_id):
                run = self._store.create_run(
                    experiment_id=experiment.experiment_id,
                    user_id=tags.get("mlflow.user", "unknown"),
                    start_time=start.started_ms,
                    tags=[RunTag(name, value) for name, value in tags.items()],
                    run_name=start.name,
                )
            run_id = str(run.info.run_id)
            if run_id != start.run_id and LOCAL_ID_TAG not in tags:
                self._store.set_tag(run_id, RunTag(LOCAL_ID_TAG, start.run_id))
        return run_id

    def find(self, start: RunStart) -> str | None:
        """Look for a run by the journal's id: as its own, or as its tag."""
        with as_ours():
            return self._there(start.run_id) or self._first(f"tags.`{LOCAL_ID_TAG}` = '{start.run_id}'")

    def link(self, run_id: str) -> str | None:
        """Return the run's page, if an MLflow server shows it."""
        return self._tracking.get_run(run_id).link

    def last_of_cell(self, start: RunStart) -> str | None:
        """Return the id of the last run of the same notebook cell in the same experiment."""
        with as_ours():
            name = start.experiment
            experiment = self._tracking.client.get_experiment_by_name(name) if start.experiment_id is None else None
            where = start.experiment_id or (experiment.experiment_id if experiment is not None else None)
            if where is None:
                return None
            return self._first(f"tags.`{CELL_ID_TAG}` = '{start.cell_id}'", where)

    def write(
        self,
        run_id: str,
        points: Sequence[Point],
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> None:
        """Write what fits into one call of MLflow's ``log_batch``."""
        with as_ours():
            self._store.log_batch(
                run_id,
                [Metric(*point) for point in points],
                [Param(name, value) for name, value in params.items()],
                [RunTag(name, value) for name, value in tags.items()],
            )

    def inputs(self, run_id: str, datasets: Sequence[Mapping[str, Any]]) -> None:
        """Write dataset inputs: the fields of MLflow's Dataset, and ``context``."""
        made = []
        for data in datasets:
            fields = {name: value for name, value in data.items() if name != "context"}
            made.append(DatasetInput(Dataset(**fields), [InputTag(_CONTEXT_TAG, data.get("context") or "training")]))
        with as_ours():
            self._store.log_inputs(run_id, made)

    def artifact(self, run_id: str, path: str, file: Path) -> None:
        """Store a file as an artifact."""
        folder = PurePosixPath(path).parent
        with as_ours():
            self._tracking.client.log_artifact(run_id, str(file), None if str(folder) == "." else str(folder))

    def rename(self, run_id: str, name: str) -> None:
        """Give the run another name."""
        with as_ours():
            self._tracking.client.update_run(run_id, name=name)

    def end(self, run_id: str, status: str, time_ms: int) -> None:
        """Set the run's last status and its end."""
        with as_ours():
            self._store.update_run_info(run_id, RunStatus.from_string(status), time_ms, None)

    def copy_rest(self, run_id: str, target: RunSink, target_id: str) -> None:
        """Copy what plain code wrote past the journal: artifacts that are not ours, and dataset inputs."""
        with as_ours():
            run = self._tracking.client.get_run(run_id)
            found = [one.path for one in self._tracking.client.list_artifacts(run_id) if one.path != "mlops"]
        datasets = [
            {
                **dict(one.dataset),
                "context": next((tag.value for tag in one.tags if tag.key == _CONTEXT_TAG), None),
            }
            for one in (run.inputs.dataset_inputs if run.inputs else [])
        ]
        if datasets:
            target.inputs(target_id, datasets)
        with tempfile.TemporaryDirectory() as folder:
            for path in found:
                with as_ours():
                    copied = Path(self._tracking.client.download_artifacts(run_id, path, folder))
                for file in [copied] if copied.is_file() else sorted(copied.rglob("*")):
                    if file.is_file():
                        target.artifact(target_id, file.relative_to(folder).as_posix(), file)

    def _there(self, run_id: str) -> str | None:
        try:
            return str(self._store.get_run(run_id).info.run_id)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            return None

    def _first(self, query: str, experiment_id: str | None = None) -> str | None:
        client = self._tracking.client
        where = [one.experiment_id for one in client.search_experiments()] if experiment_id is None else [experiment_id]
        found = client.search_runs(where, query, max_results=1, order_by=["attributes.start_time DESC"])
        return str(found[0].info.run_id) if found else None


class _Named(NamedTuple):
    """A UUID as far as MLflow's store asks for one."""

    hex: str


@contextmanager
def _naming_it(run_id: str) -> Iterator[None]:
    """Have MLflow's database store call the run that it creates now by an id of ours.

    The store draws the id itself. A server's store is in another process, and goes on doing so.
    """
    with _naming:
        names = vars(sqlalchemy_store)
        drawing = names["uuid"]
        names["uuid"] = _Drawing(run_id)
        try:
            yield
        finally:
            names["uuid"] = drawing


@contextmanager
def _at_the_first_try() -> Iterator[None]:
    """Have MLflow open a database at once or not at all: its ten tries take minutes, and whoever ships has its own."""
    with _naming:
        names = vars(db_utils)
        tries = names["MAX_RETRY_COUNT"]
        names["MAX_RETRY_COUNT"] = 1
        try:
            yield
        finally:
            names["MAX_RETRY_COUNT"] = tries


class _Drawing:
    """The module ``uuid`` as the store sees it while it creates one run."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def uuid4(self) -> Any:
        """Draw the id."""
        return _Named(self._run_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(uuid, name)
