"""MLflow as the store of runs: what is read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import mlflow
from mlflow.entities import Experiment
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_ALREADY_EXISTS, ErrorCode
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from ...capabilities.databases import is_database_server, knock
from ...capabilities.redaction import without_credentials
from ...errors import CommandError, Conflict, MissingDependency, NotFound, Unavailable
from ...records import Dataset, MetricPoint, Run, RunTable
from . import hush
from .errors import SERVICE, as_ours, first_line, translate
from .reading import dataset, histories, inform_planner, without_bars


class MlflowTracking:
    """A store of runs behind one MLflow tracking URI.

    Parameters
    ----------
    uri
        The tracking URI, absolute. It becomes the one of plain MLflow code in this process too; a user's own
        ``mlflow.set_tracking_uri`` writes MLFLOW_TRACKING_URI, and so reaches the settings that it comes from.
    registry_uri
        The model registry's URI, if it is another.
    artifacts
        Where experiments created here put their artifacts when MLflow writes its database itself; an MLflow
        server decides that on its own.
    """

    def __init__(self, uri: str, registry_uri: str | None = None, artifacts: Path | None = None) -> None:
        hush()
        self._database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
        if mlflow.get_tracking_uri() != uri:
            mlflow.set_tracking_uri(uri)
        if registry_uri is not None:
            mlflow.set_registry_uri(registry_uri)
        self.uri = uri
        self._artifacts = artifacts if uri.startswith("sqlite:") else None
        self._client_or_none: mlflow.MlflowClient | None = None
        self._experiments: dict[str, Experiment] = {}

    @property
    def client(self) -> mlflow.MlflowClient:
        """MLflow's own client of this store."""
        # Opening a database store creates or migrates its tables, so it waits for the first real call.
        if self._client_or_none is None:
            with self._with_driver(), as_ours():
                self._client_or_none = mlflow.MlflowClient(self.uri)
        return self._client_or_none

    @contextmanager
    def _with_driver(self) -> Iterator[None]:
        """Say what is missing where SQLAlchemy imports the database's driver."""
        try:
            yield
        except ModuleNotFoundError as error:
            raise MissingDependency(f"the store {self.shown_uri}", error.name or "its driver") from error

    @property
    def shown_uri(self) -> str:
        """The store's address without credentials."""
        return without_credentials(self.uri)

    def reach(self, timeout_s: float) -> None:
        """Ask an HTTP server or a database's for a sign of life; MLflow's own calls would retry for minutes."""
        if is_database_server(self.uri):
            with self._with_driver(), as_ours():
                # A driver that is missing is missing whether the server answers or not.
                make_url(self.uri).get_dialect().import_dbapi()
        knock(self.uri, timeout_s)
        if not self.uri.startswith(("http://", "https://")):
            return
        address = self.shown_uri.rstrip("/")
        try:
            # Only reachability is asked, no credential is sent; MLflow's own client checks certificates.
            answer = httpx.get(f"{address}/health", timeout=timeout_s, verify=False)  # noqa: S501
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(SERVICE, f"MLflow at {address} did not answer: {reason}", "mlops doctor") from error
        if answer.is_server_error:
            raise Unavailable(SERVICE, f"MLflow at {address} answered {answer.status_code}", "mlops doctor")

    def experiment_name(self, experiment_id: str) -> str:
        """Return an experiment's name."""
        return self.experiment_by_id(experiment_id).name

    def page(self, experiment: str) -> str:
        """Return the place of an experiment's runs in MLflow's web pages; none before its first run."""
        with as_ours():
            found = self.client.get_experiment_by_name(experiment)
        return "" if found is None else f"#/experiments/{found.experiment_id}/runs"

    def get_run(self, run_id: str) -> Run:
        """Read one run."""
        with as_ours():
            return self._record(self.client.get_run(run_id))

    def find_runs(self, experiment: str | None, query: str, sort: str, limit: int, page: str | None = None) -> RunTable:
        """Search runs in MLflow's search syntax; ``experiment`` ``None`` searches all of them.

        Raises
        ------
        CommandError
            When MLflow does not understand the query, the order or the page.
        NotFound
            When there is no such experiment.
        """
        ids = self._experiments_to_search(experiment)
        if not ids:
            return RunTable((), experiment or "(all)", query, sort, self.shown_uri)
        inform_planner(self._database)
        found = self._search(ids, query, sort, limit, page)
        token = found.token.decode() if isinstance(found.token, bytes) else found.token
        runs = tuple(self._record(run) for run in found)
        return RunTable(runs, experiment or "(all)", query, sort, self.shown_uri, next_page=token or None)

    def _search(self, ids: list[str], query: str, sort: str, limit: int, page: str | None) -> Any:
        """Return a list of MLflow's runs that has the token of the next page."""
        try:
            return self.client.search_runs(
                ids, query, max_results=limit, order_by=[sort] if sort else None, page_token=page
            )
        except MlflowException as error:
            # MLflow takes a page's token apart, and does not always expect that anybody has written it.
            unread = isinstance(error.__cause__, ValueError | AttributeError) or "page token" in first_line(error)
            if page is not None and unread:
                raise CommandError(f"no table of runs goes on at {page}", "leave --page out") from error
            if error.error_code != ErrorCode.Name(INVALID_PARAMETER_VALUE):
                raise translate(error) from error
            raise CommandError(
                f"MLflow cannot read this query: {first_line(error)}",
                "for example: mlops runs \"metrics.accuracy > 0.9 and params.depth = '3'\"",
            ) from error
        except (SQLAlchemyError, OSError) as error:
            raise translate(error) from error

    def _experiments_to_search(self, experiment: str | None) -> list[str]:
        with as_ours():
            # MLflow makes a database that it is asked to look into, and would then bring no old runs into it.
            made = self._database is None or self._database.exists()
            if experiment is not None:
                found = self.client.get_experiment_by_name(experiment) if made else None
                if found is None:
                    raise NotFound(
                        f"there is no experiment called {experiment} in {self.shown_uri}",
                        "mlops runs --all-experiments",
                    )
                return [found.experiment_id]
            ids: list[str] = []
            token: str | None = None
            while made:
                page = self.client.search_experiments(page_token=token)
                ids += [one.experiment_id for one in page]
                token = page.token
                if not token:
                    break
        return ids

    def histories(self, run_ids: Sequence[str], metric: str, most: int) -> dict[str, tuple[MetricPoint, ...]]:
        """Read a metric's points of several runs, thinned to ``most`` of each by the store itself."""
        inform_planner(self._database)
        with as_ours():
            return histories(self.client, run_ids, metric, most)

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """Return the run's inputs."""
        with as_ours():
            inputs = self.client.get_run(run_id).inputs
        return tuple(dataset(one) for one in inputs.dataset_inputs) if inputs else ()

    def read_text(self, run_id: str, path: str) -> str | None:
        """Read a text artifact, ``None`` when there is none of that path."""
        # What a download of nothing raises is different with each kind of artifact store.
        if path not in self.files(run_id, path.rpartition("/")[0]):
            return None
        with as_ours(), tempfile.TemporaryDirectory() as folder, without_bars():
            file = Path(self.client.download_artifacts(run_id, path, folder))
            return file.read_bytes().decode(errors="replace")

    def files(self, run_id: str, folder: str) -> tuple[str, ...]:
        """Return the paths of the artifacts that lie in a folder of a run, not of those in folders below it."""
        with as_ours():
            return tuple(entry.path for entry in self.client.list_artifacts(run_id, folder or None) if not entry.is_dir)

    def experiment(self, name: str) -> Experiment:
        """Return an experiment by its name; it is made at need.

        Raises
        ------
        Conflict
            When it has been deleted.
        """
        # Asked each time: a shipper lives for days, and an experiment may be renamed meanwhile.
        found = self.client.get_experiment_by_name(name) or self._create_experiment(name)
        if found.lifecycle_stage != "active":
            raise Conflict(
                f"the experiment {name} has been deleted",
                f"mlflow experiments restore --experiment-id {found.experiment_id}",
            )
        return found

    def _create_experiment(self, name: str) -> Experiment:
        location = None if self._artifacts is None else (self._artifacts / _folder_name(name)).as_uri()
        try:
            return self.client.get_experiment(self.client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            # Another process was faster.
            found = self.client.get_experiment_by_name(name)
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS) or found is None:
                raise
            return found

    def experiment_by_id(self, experiment_id: str) -> Experiment:
        """Return an experiment by its id."""
        if experiment_id not in self._experiments:
            with as_ours():
                self._experiments[experiment_id] = self.client.get_experiment(experiment_id)
        return self._experiments[experiment_id]

    def _record(self, run: MlflowRun) -> Run:
        info, tags = run.info, run.data.tags
        started = _instant(info.start_time)
        ended = _instant(info.end_time)
        return Run(
            run_id=info.run_id,
            name=info.run_name or "",
            experiment=self.experiment_by_id(info.experiment_id).name,
            status=info.status,
            started=started,
            duration_s=(ended - started).total_seconds() if started and ended else None,
            params=dict(run.data.params),
            metrics=dict(run.data.metrics),
            tags=dict(tags),
            parent=tags.get("mlflow.parentRunId"),
            tracking_uri=self.shown_uri,
            link=self._link(info.experiment_id, info.run_id),
            error=tags.get("mlops.error"),
        )

    def _link(self, experiment_id: str, run_id: str) -> str | None:
        if not self.uri.startswith(("http://", "https://")):
            return None
        return f"{self.shown_uri.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def _folder_name(experiment: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in experiment)
    return kept.strip(".") or "experiment"


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
