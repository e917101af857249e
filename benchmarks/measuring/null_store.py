"""A tracking store that does nothing: what a call costs before it reaches any store."""

from __future__ import annotations

from mlflow.entities import Experiment, LifecycleStage, Run, RunData, RunInfo, RunStatus
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.tracking._tracking_service.utils import _tracking_store_registry

_EXPERIMENT = Experiment("0", "bench", "null://artifacts", LifecycleStage.ACTIVE)


def register() -> None:
    """Make ``null://`` a tracking URI of this process."""
    # Reached while it has abstract methods: nothing but a run's beginning and its metrics is asked of it.
    NullStore.__abstractmethods__ = frozenset()
    _tracking_store_registry.register("null", lambda **_: NullStore())


class NullStore(AbstractStore):
    """Takes everything, keeps nothing."""

    def __init__(self) -> None:
        super().__init__()

    def get_experiment(self, experiment_id: str) -> Experiment:
        return _EXPERIMENT

    def get_experiment_by_name(self, experiment_name: str) -> Experiment:
        return _EXPERIMENT

    def create_run(self, experiment_id, user_id, start_time, tags, run_name) -> Run:  # noqa: ANN001 -- theirs
        info = RunInfo(
            run_id="0" * 32,
            experiment_id=experiment_id,
            user_id=user_id,
            status=RunStatus.to_string(RunStatus.RUNNING),
            start_time=start_time,
            end_time=None,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri="null://artifacts",
            run_name=run_name,
        )
        return Run(info, RunData())

    def update_run_info(self, run_id, run_status, end_time, run_name) -> None:  # noqa: ANN001
        pass

    def log_metric(self, run_id, metric) -> None:  # noqa: ANN001
        pass

    def log_batch(self, run_id, metrics, params, tags) -> None:  # noqa: ANN001
        pass
