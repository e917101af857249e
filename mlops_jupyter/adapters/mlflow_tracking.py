"""MLflow as the store of runs.

Some of MLflow's names used here are not part of its documented interface; docs/decisions/0005 says why, and
``tests/adapters/test_mlflow_private_names.py`` holds them.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import sqlite3
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import httpx
import mlflow
from mlflow.entities import DatasetInput, Experiment, Metric, Param, RunTag
from mlflow.entities import Run as MlflowRun
from mlflow.exceptions import MissingConfigException, MlflowException
from mlflow.protos.databricks_pb2 import (
    ALREADY_EXISTS,
    CANCELLED,
    CUSTOMER_UNAUTHORIZED,
    DEADLINE_EXCEEDED,
    ENDPOINT_NOT_FOUND,
    INVALID_PARAMETER_VALUE,
    NOT_FOUND,
    PERMISSION_DENIED,
    REQUEST_LIMIT_EXCEEDED,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_CONFLICT,
    RESOURCE_DOES_NOT_EXIST,
    RESOURCE_EXHAUSTED,
    TEMPORARILY_UNAVAILABLE,
    UNAUTHENTICATED,
    ErrorCode,
)
from mlflow.protos.service_pb2 import GetMetricHistoryBulkInterval
from mlflow.store.tracking.rest_store import RestStore
from mlflow.tracking.context.registry import resolve_tags
from mlflow.tracking.fluent import _active_run_stack
from mlflow.utils.autologging_utils import (
    AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED,
    AUTOLOGGING_INTEGRATIONS,
)
from mlflow.utils.proto_json_utils import message_to_json
from sqlalchemy.exc import SQLAlchemyError

from ..capabilities.redaction import redacted, without_credentials
from ..capabilities.thinning import FEWEST, thin
from ..errors import (
    CommandError,
    ConfigurationError,
    Conflict,
    MissingDependency,
    MlopsError,
    NotFound,
    Rejected,
    Unauthorized,
    Unavailable,
)
from ..records import Dataset, MetricPoint, Run, RunTable

SERVICE = "MLflow"
_SKLEARN_NOISE = "`y_pred` was renamed to `y_proba`"
# MLflow's own limits of one batch call.
_METRICS_A_CALL, _PARAMS_A_CALL, _TAGS_A_CALL = 1000, 100, 100
_RUNS_A_CALL = 100
_BARS = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
# What MLflow searches and sorts by; their sizes are told to sqlite when they have grown so many times.
_TABLES_TO_KNOW = ("metrics", "latest_metrics", "params", "tags")
_FEW_ROWS, _GROWN = 1000, 4

_CODES: dict[int, type[MlopsError]] = {
    RESOURCE_DOES_NOT_EXIST: NotFound,
    NOT_FOUND: NotFound,
    RESOURCE_ALREADY_EXISTS: Conflict,
    ALREADY_EXISTS: Conflict,
    RESOURCE_CONFLICT: Conflict,
    RESOURCE_EXHAUSTED: Unavailable,
    UNAUTHENTICATED: Unauthorized,
    CUSTOMER_UNAUTHORIZED: Unauthorized,
    PERMISSION_DENIED: Unauthorized,
    TEMPORARILY_UNAVAILABLE: Unavailable,
    REQUEST_LIMIT_EXCEEDED: Unavailable,
    DEADLINE_EXCEEDED: Unavailable,
    CANCELLED: Unavailable,
    ENDPOINT_NOT_FOUND: Unavailable,
}


def translate(error: Exception) -> MlopsError:
    """Turn an error of MLflow's, of its database layer or of its HTTP client into one of ours."""
    if isinstance(error, MissingConfigException):
        return ConfigurationError(_first_line(error), "mlops doctor")
    if isinstance(error, SQLAlchemyError):
        return Unavailable(SERVICE, f"MLflow's database failed: {_first_line(error)}", "mlops doctor")
    if isinstance(error, MlflowException):
        code = ErrorCode.Value(error.error_code) if isinstance(error.error_code, str) else error.error_code
        kind = _CODES.get(code, Rejected)
        # MLflow reports a connection that failed as its own INTERNAL_ERROR raised from the client's OSError.
        if kind is Rejected and isinstance(error.__cause__ or error.__context__, OSError | SQLAlchemyError):
            kind = Unavailable
        if issubclass(kind, Unauthorized):
            return kind(
                SERVICE, f"MLflow refused: {_first_line(error)}", "set MLFLOW_TRACKING_TOKEN or _USERNAME/_PASSWORD"
            )
        if issubclass(kind, Unavailable | Rejected):
            return kind(SERVICE, f"MLflow failed: {_first_line(error)}", "mlops doctor")
        return kind(_first_line(error), "mlops runs")
    return Unavailable(SERVICE, f"MLflow failed: {type(error).__name__}: {_first_line(error)}", "mlops doctor")


@contextmanager
def _as_ours() -> Iterator[None]:
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise translate(error) from error


@contextmanager
def _without_bars() -> Iterator[None]:
    """Keep MLflow from drawing a progress bar for each small file that we read."""
    said = os.environ.get(_BARS)
    os.environ[_BARS] = "false"
    try:
        yield
    finally:
        if said is None:
            del os.environ[_BARS]
        else:
            os.environ[_BARS] = said


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

    Raises
    ------
    ConfigurationError
        When the URI names MLflow's old file store and MLflow would refuse it.
    """

    # Bodies may begin and end in several threads. mlflow.autolog imports frameworks under a lock of its own that
    # every import of another thread wants too, so while it works no other body may make MLflow import anything.
    _changing: ClassVar[threading.RLock] = threading.RLock()
    # Autologging is the process's, whichever store is in use. Each body that has it on, and whether it wants models:
    _bodies: ClassVar[list[bool]] = []
    # MLflow's configurations as we left them: of ``mlflow.autolog`` while it is on by us, else None, and of each
    # framework that is patched and switched off. MLflow makes a new one at each call, so another one is the user's.
    _switch: ClassVar[dict[str, Any] | None] = None
    _patched: ClassVar[dict[str, dict[str, Any]]] = {}
    _with_models: ClassVar[bool] = False

    def __init__(self, uri: str, registry_uri: str | None = None, artifacts: Path | None = None) -> None:
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        for chatty in ("alembic", "mlflow.store.db.utils"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
        _refuse_file_store(uri)
        self._database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
        if self._database is not None:
            _refuse_unwritable(self._database)
        if mlflow.get_tracking_uri() != uri:
            mlflow.set_tracking_uri(uri)
        if registry_uri is not None:
            mlflow.set_registry_uri(registry_uri)
        self.uri = uri
        self._artifacts = artifacts if uri.startswith("sqlite:") else None
        self._client_or_none: mlflow.MlflowClient | None = None
        self._experiments: dict[str, Experiment] = {}
        # Of each run created here and not entered yet.
        self._experiment_ids: dict[str, str] = {}
        # Of each run entered: the run it was opened above, the experiment to go back to, its own experiment.
        self._outer: dict[str, tuple[str | None, str | None, str | None]] = {}

    @property
    def _client(self) -> mlflow.MlflowClient:
        # Opening a database store creates or migrates its tables, so it waits for the first real call.
        if self._client_or_none is None:
            try:
                with _as_ours():
                    self._client_or_none = mlflow.MlflowClient(self.uri)
            except ModuleNotFoundError as error:
                # SQLAlchemy imports the database's driver now.
                raise MissingDependency(f"the store {self.shown_uri}", error.name or "its driver") from error
        return self._client_or_none

    @property
    def shown_uri(self) -> str:
        """The store's address without credentials."""
        return without_credentials(self.uri)

    def reach(self, timeout_s: float) -> None:
        """Ask an HTTP server for a sign of life; MLflow's own calls would retry for minutes."""
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
        return self._experiment_by_id(experiment_id).name

    def create_run(self, experiment: str, name: str | None, tags: Mapping[str, str]) -> str:
        """Create a RUNNING run with the tags of MLflow's context providers and ours."""
        with self._changing, _as_ours():
            run = self._client.create_run(
                self._experiment(experiment).experiment_id,
                tags=resolve_tags(dict(tags)),
                run_name=name,
            )
        run_id = str(run.info.run_id)
        self._experiment_ids[run_id] = run.info.experiment_id
        return run_id

    def page(self, experiment: str) -> str:
        """Return the place of an experiment's runs in MLflow's web pages; none before its first run."""
        with _as_ours():
            found = self._client.get_experiment_by_name(experiment)
        return "" if found is None else f"#/experiments/{found.experiment_id}/runs"

    def enter_run(self, run_id: str) -> None:
        """Make the run MLflow's active one in this thread, above any that is open."""
        outer = mlflow.active_run()
        chosen = os.environ.get("MLFLOW_EXPERIMENT_ID")
        restore = None
        with self._changing, _as_ours():
            known = self._experiment_ids.pop(run_id, None)
            experiment_id = known or self._client.get_run(run_id).info.experiment_id
            if chosen and chosen != experiment_id:
                # start_run refuses a run of another experiment than the one set_experiment chose.
                mlflow.set_experiment(experiment_id=experiment_id)
                restore = chosen
            mlflow.start_run(run_id=run_id, nested=True)
            self._outer[run_id] = (outer.info.run_id if outer else None, restore, experiment_id)

    def leave_run(self, run_id: str, status: str) -> None:
        """End the run, and runs that were opened above it and left open, with the same status."""
        stack = _active_run_stack.get()
        # end_run forgets MLFLOW_RUN_ID, by which a headless notebook's plain mlflow calls find its run.
        announced = os.environ.get("MLFLOW_RUN_ID")
        with self._changing, _as_ours():
            ending = self._take_off(stack, run_id)
            _, restore, entered = self._outer.pop(run_id, (None, None, None))
            for run in reversed(ending):
                stack.append(run)
                mlflow.end_run(status)
            if all(run.info.run_id != run_id for run in ending):
                self._client.set_terminated(run_id, status)
            # The body may have chosen another experiment since, and that choice stays.
            if restore is not None and os.environ.get("MLFLOW_EXPERIMENT_ID") == entered:
                mlflow.set_experiment(experiment_id=restore)
        if announced is not None:
            os.environ["MLFLOW_RUN_ID"] = announced

    def detach_run(self, run_id: str) -> None:
        """Forget that the run is the active one, without telling the store."""
        with self._changing:
            self._take_off(_active_run_stack.get(), run_id)
            self._outer.pop(run_id, None)

    def _take_off(self, stack: list[mlflow.ActiveRun], run_id: str) -> list[mlflow.ActiveRun]:
        """Take a run, and those that its body opened above it, off MLflow's stack of active runs.

        Coroutines of one thread share the stack: another body's run may lie above this one, and stays.
        """
        if run_id not in self._outer:
            return []
        ids = [run.info.run_id for run in stack]
        outer, _, _ = self._outer[run_id]
        if run_id in ids:
            start = ids.index(run_id)
        elif outer is None:
            start = 0
        else:
            start = ids.index(outer) + 1 if outer in ids else len(ids)
        others = self._outer.keys() - {run_id}
        end = next((place for place in range(start, len(ids)) if ids[place] in others), len(ids))
        taken = stack[start:end]
        del stack[start:end]
        return taken

    def finish_run(self, run_id: str, status: str) -> None:
        """Set the last status of a run that was never entered here."""
        with _as_ours():
            self._client.set_terminated(run_id, status)

    def log(
        self,
        run_id: str,
        *,
        metrics: Sequence[tuple[str, float, datetime, int]] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics, params and tags, in one call when MLflow's limits allow."""
        points = [Metric(name, value, _milliseconds(at), step) for name, value, at, step in metrics]
        parameters = [Param(name, value) for name, value in (params or {}).items()]
        labels = [RunTag(name, value) for name, value in (tags or {}).items()]
        with _as_ours():
            while points or parameters or labels:
                self._client.log_batch(
                    run_id,
                    metrics=points[:_METRICS_A_CALL],
                    params=parameters[:_PARAMS_A_CALL],
                    tags=labels[:_TAGS_A_CALL],
                )
                points = points[_METRICS_A_CALL:]
                parameters = parameters[_PARAMS_A_CALL:]
                labels = labels[_TAGS_A_CALL:]

    def log_text(self, run_id: str, path: str, text: str) -> None:
        """Store a text artifact."""
        with _as_ours():
            self._client.log_text(run_id, text, path)

    def log_file(self, run_id: str, directory: str, file: Path) -> None:
        """Store a file as an artifact."""
        with _as_ours():
            self._client.log_artifact(run_id, str(file), directory)

    def get_run(self, run_id: str) -> Run:
        """Read one run."""
        with _as_ours():
            return self._record(self._client.get_run(run_id))

    def active_run_id(self) -> str | None:
        """Return the id of MLflow's active run in this thread."""
        run = mlflow.active_run()
        return None if run is None else str(run.info.run_id)

    def autolog(self, *, on: bool, models: bool) -> None:
        """Switch autologging, silently, for one more tracked body or one less; the user's own is left alone."""
        bodies = self._bodies
        with self._changing:
            if on:
                bodies.append(models)
                if len(bodies) == 1:
                    self._switch_on(models=models)
            elif bodies:
                bodies.pop()
                if not bodies:
                    self._switch_off()
            if bodies and self._switch is AUTOLOGGING_INTEGRATIONS["mlflow"] and bodies[-1] != self._with_models:
                # Bodies may be nested: the innermost decides.
                self._patch(models=bodies[-1])

    @classmethod
    def _switch_on(cls, *, models: bool) -> None:
        # An integration that nobody has switched on yet has no configuration at all.
        if any(config and not config.get("disable", False) for config in AUTOLOGGING_INTEGRATIONS.values()):
            return
        # Patching a framework anew costs tens of milliseconds, so what is patched already is only switched on;
        # the call is still needed for frameworks that this cell is the first to import.
        patched = [name for name, config in cls._patched.items() if AUTOLOGGING_INTEGRATIONS[name] is config]
        keep = patched if models == cls._with_models else []
        cls._patch(models=models, keep=keep)
        for name in keep:
            AUTOLOGGING_INTEGRATIONS[name]["disable"] = False
        # MLflow 3.17 computes scikit-learn 1.9's log loss by a name that is going away; no user wrote that call.
        warnings.filterwarnings("ignore", _SKLEARN_NOISE, FutureWarning)

    @classmethod
    def _patch(cls, *, models: bool, keep: Sequence[str] = ()) -> None:
        # Not every integration looks its options up at each fit: scikit-learn's patches keep those they were made with.
        mlflow.autolog(silent=True, log_models=models, exclude_flavors=list(keep))
        cls._switch, cls._with_models = AUTOLOGGING_INTEGRATIONS["mlflow"], models

    @classmethod
    def _switch_off(cls) -> None:
        switch, cls._switch = cls._switch, None
        if switch is None:
            return
        _forget_filter(_SKLEARN_NOISE)
        if switch is not AUTOLOGGING_INTEGRATIONS["mlflow"]:
            # The cell itself called mlflow.autolog.
            return
        cls._patched = cls._ours()
        # Switching off through mlflow.autolog would also take the patches away; it is called only so that
        # frameworks imported from now on are left alone.
        configured = [name for name, config in AUTOLOGGING_INTEGRATIONS.items() if config]
        mlflow.autolog(disable=True, silent=True, exclude_flavors=configured)
        for config in cls._patched.values():
            config["disable"] = True

    @staticmethod
    def _ours() -> dict[str, dict[str, Any]]:
        """Return the configurations of the frameworks that are on through ``mlflow.autolog``, by name."""
        return {
            name: config
            for name, config in AUTOLOGGING_INTEGRATIONS.items()
            if config.get(AUTOLOGGING_CONF_KEY_IS_GLOBALLY_CONFIGURED) and not config.get("disable")
        }

    def _experiment(self, name: str) -> Experiment:
        if name not in self._experiments:
            found = self._client.get_experiment_by_name(name) or self._create_experiment(name)
            if found.lifecycle_stage != "active":
                raise Conflict(
                    f"the experiment {name} has been deleted",
                    f"mlflow experiments restore --experiment-id {found.experiment_id}",
                )
            self._experiments[name] = found
        return self._experiments[name]

    def _create_experiment(self, name: str) -> Experiment:
        location = None if self._artifacts is None else (self._artifacts / _folder_name(name)).as_uri()
        try:
            return self._client.get_experiment(self._client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            # Another process was faster.
            found = self._client.get_experiment_by_name(name)
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS) or found is None:
                raise
            return found

    def _experiment_by_id(self, experiment_id: str) -> Experiment:
        for experiment in self._experiments.values():
            if experiment.experiment_id == experiment_id:
                return experiment
        with _as_ours():
            experiment = self._client.get_experiment(experiment_id)
        self._experiments[experiment.name] = experiment
        return experiment

    def _record(self, run: MlflowRun) -> Run:
        info, tags = run.info, run.data.tags
        started = _instant(info.start_time)
        ended = _instant(info.end_time)
        return Run(
            run_id=info.run_id,
            name=info.run_name or "",
            experiment=self._experiment_by_id(info.experiment_id).name,
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

    # --- reading many runs, and what a run holds ---

    def find_runs(self, experiment: str | None, query: str, sort: str, limit: int, page: str | None = None) -> RunTable:
        """Search runs in MLflow's search syntax; ``experiment`` ``None`` searches all of them.

        Raises
        ------
        CommandError
            When MLflow does not understand the query or the order.
        NotFound
            When there is no such experiment.
        """
        ids = self._experiments_to_search(experiment)
        if not ids:
            return RunTable((), experiment or "(all)", query, sort, self.shown_uri)
        self._inform_planner()
        try:
            found = self._client.search_runs(
                ids, query, max_results=limit, order_by=[sort] if sort else None, page_token=page
            )
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(INVALID_PARAMETER_VALUE):
                raise CommandError(
                    f"MLflow cannot read this query: {_first_line(error)}",
                    "for example: mlops runs \"metrics.accuracy > 0.9 and params.depth = '3'\"",
                ) from error
            raise translate(error) from error
        except (SQLAlchemyError, OSError) as error:
            raise translate(error) from error
        token = found.token.decode() if isinstance(found.token, bytes) else found.token
        runs = tuple(self._record(run) for run in found)
        return RunTable(runs, experiment or "(all)", query, sort, self.shown_uri, next_page=token or None)

    def _experiments_to_search(self, experiment: str | None) -> list[str]:
        with _as_ours():
            # MLflow makes a database that it is asked to look into, and would then bring no old runs into it.
            made = self._database is None or self._database.exists()
            if experiment is not None:
                found = self._client.get_experiment_by_name(experiment) if made else None
                if found is None:
                    raise NotFound(
                        f"there is no experiment called {experiment} in {self.shown_uri}",
                        "mlops runs --all-experiments",
                    )
                return [found.experiment_id]
            ids: list[str] = []
            token: str | None = None
            while made:
                page = self._client.search_experiments(page_token=token)
                ids += [one.experiment_id for one in page]
                token = page.token
                if not token:
                    break
        return ids

    def histories(self, run_ids: Sequence[str], metric: str, most: int) -> dict[str, tuple[MetricPoint, ...]]:
        """Read a metric's points of several runs, thinned to ``most`` of each by the store itself.

        MLflow's client reads whole histories only, a run at a time; its own pages do what is done here.
        """
        self._inform_planner()
        store = self._client._tracking_client.store  # noqa: SLF001 -- docs/decisions/0005
        points: dict[str, list[MetricPoint]] = {run_id: [] for run_id in run_ids}
        for start in range(0, len(run_ids), _RUNS_A_CALL):
            some = list(run_ids[start : start + _RUNS_A_CALL])
            with _as_ours():
                if isinstance(store, RestStore):
                    asked = GetMetricHistoryBulkInterval(run_ids=some, metric_key=metric, max_results=most)
                    answer = store._call_endpoint(GetMetricHistoryBulkInterval, message_to_json(asked))  # noqa: SLF001
                    found = answer.metrics
                else:
                    found = store.get_metric_history_bulk_interval(some, metric, most, None, None)
            for point in found:
                points[point.run_id].append(MetricPoint(point.step, point.timestamp, point.value))
        # Not every store keeps to the limit where several points have one step.
        return {run_id: thin(found, max(most, FEWEST)) for run_id, found in points.items()}

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """Return the run's inputs."""
        with _as_ours():
            inputs = self._client.get_run(run_id).inputs
        return tuple(_dataset(one) for one in inputs.dataset_inputs) if inputs else ()

    def read_text(self, run_id: str, path: str) -> str | None:
        """Read a text artifact, ``None`` when there is none of that path."""
        directory, _, _ = path.rpartition("/")
        with _as_ours():
            # What a download of nothing raises is different with each kind of artifact store.
            entries = self._client.list_artifacts(run_id, directory or None)
            if not any(entry.path == path and not entry.is_dir for entry in entries):
                return None
            with tempfile.TemporaryDirectory() as folder, self._changing, _without_bars():
                file = Path(self._client.download_artifacts(run_id, path, folder))
                return file.read_bytes().decode(errors="replace")

    def _inform_planner(self) -> None:
        """Let sqlite know how many rows its tables have.

        Without that it takes a metric to have ten rows: to sort 100,000 runs by one then takes minutes, and a run's
        history is looked for among the points of all. A sample is enough, it takes milliseconds; MLflow's own pages
        gain as well.
        """
        if self._database is None or not self._database.exists():
            return
        try:
            with closing(sqlite3.connect(self._database, timeout=0, isolation_level=None)) as database:
                database.execute("PRAGMA analysis_limit=400").fetchall()
                known = _known_sizes(database)
                for table in _TABLES_TO_KNOW:
                    (rows,) = database.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608 -- ours
                    if (rows or 0) > max(_FEW_ROWS, _GROWN * known.get(table, 0)):
                        database.execute(f"ANALYZE {table}")
        except sqlite3.DatabaseError:
            # Another process writes, or the file cannot be written, or is no database: MLflow's own call, which
            # comes next, is right without this, and says what is the matter if anything is.
            return

    def _link(self, experiment_id: str, run_id: str) -> str | None:
        if not self.uri.startswith(("http://", "https://")):
            return None
        return f"{self.shown_uri.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def _known_sizes(database: sqlite3.Connection) -> dict[str, int]:
    """Return how many rows sqlite takes its tables to have; it has no word of that before it was told first."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
        return {}
    return dict(database.execute("SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl"))


def _dataset(logged: DatasetInput) -> Dataset:
    data = logged.dataset
    schema, profile = _object(data.schema), _object(data.profile)
    columns: dict[str, str] = {}
    for place, one in enumerate(schema.get("mlflow_colspec") or ()):
        columns[str(one.get("name", place))] = str(one.get("type"))
    for part, specs in (schema.get("mlflow_tensorspec") or {}).items():
        # Features and targets, each one tensor or several by name.
        for name, spec in specs.items() if isinstance(specs, dict) and "tensor-spec" not in specs else [("", specs)]:
            columns[f"{part}.{name}".strip(".")] = json.dumps(spec, sort_keys=True)
    if not columns and data.schema and data.schema != "null":
        columns["schema"] = data.schema
    shape = profile.get("features_shape")
    rows = profile.get("num_rows", shape[0] if isinstance(shape, list) and shape else None)
    source = data.source
    if data.source_type == "code":
        # Its tags are those of the run itself.
        source = "code"
    elif len(named := _object(source)) == 1:
        source = str(next(iter(named.values())))
    context = next((tag.value for tag in logged.tags if tag.key == "mlflow.data.context"), "")
    return Dataset(
        name=data.name,
        digest=data.digest,
        context=context,
        columns=columns,
        rows=rows if isinstance(rows, int) else None,
        source=without_credentials(source) if "://" in source else source,
    )


def _object(text: str | None) -> dict[str, Any]:
    """Read a JSON object; anything else has nothing to say."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _forget_filter(message: str) -> None:
    """Take back a filter; the cell may have reset them all, then there is nothing to take."""
    for entry in list(warnings.filters):
        if getattr(entry[1], "pattern", None) == message:
            warnings.filters.remove(entry)  # type: ignore[attr-defined]


def _refuse_file_store(uri: str) -> None:
    if uri.startswith("file:") and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in {"true", "1"}:
        folder = Path(url2pathname(urlsplit(uri).path))
        words = (
            "mlflow",
            "migrate-filestore",
            "--source",
            str(folder),
            "--target",
            f"sqlite:///{folder.parent}/mlflow.db",
        )
        raise ConfigurationError(
            f"{folder} is MLflow's old file store, which MLflow no longer opens", shlex.join(words)
        )


def _refuse_unwritable(database: Path) -> None:
    for path in (database, database.parent):
        if path.exists() and not os.access(path, os.W_OK):
            raise ConfigurationError(
                f"cannot write to {path}, which holds the runs",
                "make it writable, or name a store elsewhere in MLFLOW_TRACKING_URI",
            )


def _folder_name(experiment: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in experiment)
    return kept.strip(".") or "experiment"


def _first_line(error: Exception) -> str:
    # MLflow's messages quote the address that it was given.
    return redacted((str(error).strip() or type(error).__name__).splitlines()[0])


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
