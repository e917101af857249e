"""MLflow's stores, with the runs of this process journaled.

What plain MLflow code, autologging and framework callbacks log to a run that is open here is appended to its journal
and returns. Every other call about such a run waits, briefly, until the journal has been shipped, and then goes to
MLflow's own store; calls about other runs pass through.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any
from weakref import WeakKeyDictionary

from mlflow.entities import LifecycleStage, Metric, Param, RunInfo, RunStatus, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from mlflow.tracking._tracking_service.utils import _get_store, _tracking_store_registry
from mlflow.utils.validation import (
    _validate_batch_log_data,
    _validate_batch_log_limits,
    _validate_metric,
    _validate_param,
    _validate_param_keys_unique,
    _validate_tag,
)

from ... import settings
from ...capabilities import tracking
from ...capabilities.databases import knock
from ...capabilities.journal import RunJournal
from ...commands import project
from ...errors import Unavailable
from ...records import Subject

_FLUSH_TIMEOUT_S = 5.0
_KNOCK_S = 3.0
# The first run of a session waits for the shipper's import of MLflow; without it, MLflow would say that there is no
# such run, or ask a server for minutes.
_PLACE_TIMEOUT_S = 20.0
# The arguments by which MLflow's stores name runs.
_RUN_ARGUMENTS = ("run_id", "run_ids", "source_run_id", "run_uuid")
# What asks about runs without naming them.
_SEARCHES = (
    "search_runs",
    "_search_runs",
    "search_logged_models",
    # A run that has just been opened makes its experiment when it is shipped.
    "get_experiment_by_name",
    "search_experiments",
)
_ENDED = {RunStatus.FINISHED, RunStatus.FAILED, RunStatus.KILLED}


def journaled(store: Any, uri: str) -> Any:
    """Make a store of MLflow's one that journals; it stays an instance of its own class."""
    if isinstance(store, _Journaled):
        return store
    store.mlops_uri = uri
    kind = type(store)
    if kind not in _classes:
        _classes[kind] = _journaling(kind)
    store.__class__ = _classes[kind]
    return store


def take_other_schemes() -> None:
    """Journal what goes to the stores of other packages' plugins, too: of the schemes that have no builder of ours."""
    ours = __name__.partition(".")[0]
    for scheme, build in list(_tracking_store_registry._registry.items()):  # noqa: SLF001 -- see decision 12
        if build.__module__.partition(".")[0] != ours:
            _tracking_store_registry.register(scheme, _journaling_builder(build))


def _journaling_builder(build: Callable[..., Any]) -> Callable[..., Any]:
    def journaling(store_uri: str, artifact_uri: str | None = None) -> Any:
        return journaled(build(store_uri=store_uri, artifact_uri=artifact_uri), store_uri)

    return journaling


# Of each run that is open here, the logged models that the store knows as its inputs.
_linked: WeakKeyDictionary[RunJournal, set[str]] = WeakKeyDictionary()
_building = RLock()
# Of each class of MLflow's, ours.
_classes: dict[type, type] = {}


def _journaling(kind: type) -> type:
    """Return a class of stores that journals what its base would write."""
    calls = {
        name: _waiting(function)
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if name not in vars(_Journaled)
        and (name in _SEARCHES or set(_RUN_ARGUMENTS) & inspect.signature(function).parameters.keys())
        # Internal pieces of a call: it has been waited for.
        and (name in _SEARCHES or not name.startswith("_"))
        # These wait in a thread of MLflow's, and then come by the calls that are journaled.
        and not name.endswith("_async")
    }
    return type(kind.__name__, (_Journaled, kind), {"__module__": kind.__module__, **calls})


def _waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a call about runs wait for their journals, and speak to the store by the store's ids."""
    parameters = list(inspect.signature(function).parameters)[1:]
    places = [(parameters.index(name), name) for name in _RUN_ARGUMENTS if name in parameters]

    @functools.wraps(function)
    def call(store: Any, *args: Any, **kwargs: Any) -> Any:
        if not places:
            _flush_all()
            return function(store, *args, **kwargs)
        given = list(args)
        named = [given[place] if place < len(given) else kwargs.get(name) for place, name in places]
        if any(isinstance(one, str) and _is_local(one) for one in named) and store is not _local_store():
            # The server is away: until it answers, the run is in the project's own sqlite file.
            return getattr(_local_store(), function.__name__)(*args, **kwargs)
        for place, name in places:
            if place < len(given):
                given[place] = _shipped(given[place])
            elif name in kwargs:
                kwargs[name] = _shipped(kwargs[name])
        return function(store, *given, **kwargs)

    return call


class _Journaled:
    """The writing calls of a store, for runs that are open here."""

    def __getattr__(self, name: str) -> Any:
        """Open the store: what it has not got yet is asked of it."""
        own = vars(self)
        with _building:
            if "mlops_build" in own:
                try:
                    knock(own["mlops_uri"], _KNOCK_S)
                except Unavailable as away:
                    raise MlflowException(away.message, TEMPORARILY_UNAVAILABLE) from away
                own.update(vars(own["mlops_build"]()))
                del own["mlops_build"]
        if name in own:
            return own[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def log_metric(self, run_id: str, metric: Metric) -> Any:
        journal = _open(run_id)
        if journal is None:
            return super().log_metric(_shipped(run_id), metric)  # type: ignore[misc]
        value, step, time_ms = metric.value, metric.step, metric.timestamp
        if not (journal.knows(metric.key) and type(value) is float and type(step) is int and type(time_ms) is int):
            # A name that has been taken before, with numbers of the right kind, need not be looked at again.
            _validate_metric(metric.key, value, time_ms, step)
        journal.point(metric.key, float(value), step, time_ms, _subject(metric))
        return None

    def log_param(self, run_id: str, param: Param) -> Any:
        journal = _open(run_id)
        if journal is None:
            return super().log_param(_shipped(run_id), param)  # type: ignore[misc]
        checked = _validate_param(param.key, param.value)
        _log_params(run_id, journal, [checked])
        return None

    def set_tag(self, run_id: str, tag: RunTag) -> Any:
        journal = _open(run_id)
        if journal is None:
            return super().set_tag(_shipped(run_id), tag)  # type: ignore[misc]
        checked = _validate_tag(tag.key, tag.value)
        journal.log_tags({checked.key: checked.value})
        return None

    def log_batch(
        self, run_id: str, metrics: Sequence[Metric] = (), params: Sequence[Param] = (), tags: Sequence[RunTag] = ()
    ) -> Any:
        journal = _open(run_id)
        if journal is None:
            return super().log_batch(_shipped(run_id), metrics, params, tags)  # type: ignore[misc]
        metrics, params, tags = _validate_batch_log_data(metrics, params, tags)
        _validate_batch_log_limits(metrics, params, tags)
        _validate_param_keys_unique(params)
        _log_params(run_id, journal, params)
        for metric in metrics:
            journal.point(metric.key, float(metric.value), metric.step, metric.timestamp, _subject(metric))
        if tags:
            journal.log_tags({tag.key: tag.value for tag in tags})
        return None

    def log_inputs(self, run_id: str, datasets: Any = None, models: Any = None) -> Any:
        """Log datasets and models; with an active model MLflow names it anew before each metric of the run."""
        journal = _open(run_id)
        linked = set() if journal is None else _linked.setdefault(journal, set())
        new = [one for one in models or [] if one.model_id not in linked]
        if models and not new and not datasets:
            return None
        result = super().log_inputs(_shipped(run_id), datasets, new)  # type: ignore[misc]
        linked |= {one.model_id for one in new}
        return result

    def update_run_info(self, run_id: str, run_status: Any, end_time: int | None, run_name: str | None) -> Any:
        journal = tracking.known[run_id] if run_id in tracking.closed_at_exit else _open(run_id)
        if journal is None:
            updated = super().update_run_info(_shipped(run_id), run_status, end_time, run_name)  # type: ignore[misc]
            if run_status == RunStatus.RUNNING:
                # Plain code goes on with a run that had ended, or that another process has opened.
                newest = super().get_run(updated.run_id).data.to_proto().metrics  # type: ignore[misc]
                self._adopt(updated.run_id).count_on({metric.key: metric.step for metric in newest})
            return updated
        status = RunStatus.to_string(run_status) if run_status is not None else None
        if run_name:
            journal.rename(run_name)
        if run_status in _ENDED and not journal.closed:
            journal.end(str(status), end_time)
            if journal.start.known_as is not None:
                # Nobody else closes a run that plain code has opened.
                journal.close()
        return RunInfo(
            run_id=run_id,
            experiment_id=journal.start.experiment_id or "",
            user_id=journal.tags.get("mlflow.user", ""),
            status=status or "RUNNING",
            start_time=journal.start.started_ms,
            end_time=end_time,
            lifecycle_stage=LifecycleStage.ACTIVE,
            run_name=run_name or journal.start.name,
        )

    def create_run(self, experiment_id: str, user_id: str, start_time: int, tags: Any, run_name: str | None) -> Any:
        """Create a run that plain code opens, and give it a journal."""
        for tag in tags or []:
            if tag.key == tracking.PARENT_TAG:
                tag._value = _shipped(tag.value)  # noqa: SLF001 -- MLflow's tags have no other way
        run = super().create_run(experiment_id, user_id, start_time, tags, run_name)  # type: ignore[misc]
        self._adopt(run.info.run_id, run.info.run_name)
        return run

    def _adopt(self, run_id: str, name: str = "") -> RunJournal:
        # Plain code may have chosen another store than the project's.
        journals = project.journals(settings.current(), vars(self)["mlops_uri"])
        return tracking.adopt(journals, run_id, name, own=project.notebook_host().is_kernel())


def _subject(metric: Metric) -> Subject | None:
    """Return what a metric is of beside its run; MLflow keeps a dataset's name only with a logged model's metrics."""
    if metric.model_id is None:
        return None
    return Subject(metric.model_id, metric.dataset_name, metric.dataset_digest)


def _log_params(run_id: str, journal: RunJournal, params: Sequence[Param]) -> None:
    """Append params; one that has another value already is refused as MLflow does."""
    for param in params:
        old = journal.params.get(param.key, param.value)
        if old != param.value:
            raise MlflowException(
                f"Changing param values is not allowed. Param with key='{param.key}' was already logged with "
                f"value='{old}' for run ID='{run_id}'. Attempted logging new value '{param.value}'.",
                INVALID_PARAMETER_VALUE,
            )
    if params:
        journal.log_params({param.key: param.value for param in params})


def _open(run_id: str) -> RunJournal | None:
    """Return the journal of a run that is open here, by the id of either."""
    journal = tracking.known.get(run_id) or _by_home_id(run_id)
    return None if journal is None or journal.closed else journal


def _by_home_id(run_id: str) -> RunJournal | None:
    # Only where a server has given runs other ids than their journals have.
    return next((one for one in tracking.known.values() if one.renumbered and one.home_id() == run_id), None)


def _shipped(run_id: Any) -> Any:
    """Wait until a run's journal is in the store; return the store's id of the run."""
    if isinstance(run_id, list | tuple):
        return [_shipped(one) for one in run_id]
    journal = tracking.known.get(run_id) or _by_home_id(run_id)
    if journal is None:
        return run_id
    if not journal.settled:
        shipped = journal.shipped()
        placed = shipped.run_id is not None or shipped.local or shipped.error is not None
        if journal.flush(_FLUSH_TIMEOUT_S if placed else _PLACE_TIMEOUT_S).local:
            return run_id
    return journal.home_id(_FLUSH_TIMEOUT_S) or run_id


def _is_local(run_id: str) -> bool:
    journal = tracking.known.get(run_id)
    if journal is None or not journal.may_be_elsewhere:
        return False
    return journal.placed(_PLACE_TIMEOUT_S).local and journal.flush(_FLUSH_TIMEOUT_S).local


def _local_store() -> Any:
    return _get_store(settings.embedded_uri(settings.current().root))


def _flush_all() -> None:
    if any(not journal.settled for journal in tracking.known.values()):
        project.flush(settings.current())
