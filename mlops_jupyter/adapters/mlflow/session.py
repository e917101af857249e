"""What plain MLflow code of this process sees of the runs that are open.

Some of MLflow's names used here are not part of its documented interface; docs/decisions/0005 and 0012 say why, and
``tests/adapters/test_mlflow_private_names.py`` holds them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import mlflow
from mlflow.entities import Run, RunData, RunInfo, RunInputs, RunOutputs, RunTag
from mlflow.environment_variables import MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.tracking import fluent
from mlflow.tracking._tracking_service.utils import _tracking_store_registry
from mlflow.tracking.context.default_context import DefaultRunContext
from mlflow.tracking.context.git_context import GitRunContext
from mlflow.tracking.context.jupyter_notebook_context import JupyterNotebookRunContext
from mlflow.tracking.context.registry import _run_context_provider_registry, resolve_tags
from mlflow.tracking.context.system_environment_context import SystemEnvironmentContext
from mlflow.utils.thread_utils import ThreadLocalVariable

from ...capabilities import tracking
from ...capabilities.databases import is_database_server
from ...capabilities.tracking import OpenRun
from . import hush
from .autologging import Autologging


class MlflowSession:
    """The runs that are open here, as MLflow's active runs."""

    def __init__(self) -> None:
        hush()
        self._autologging = Autologging()
        # Of each run entered: the run that it was opened above.
        self.outer: dict[str, str | None] = {}
        self._monitors: dict[str, SystemMetricsMonitor] = {}
        # Stores that were built before know of no journals.
        _tracking_store_registry._get_store_with_resolved_uri.cache_clear()  # noqa: SLF001
        if not isinstance(fluent._active_run_stack, _Stack):  # noqa: SLF001
            fluent._active_run_stack = _Stack(fluent._active_run_stack, self.outer)  # noqa: SLF001

    def enter(self, run: OpenRun) -> None:
        """Make the run MLflow's active one in this thread, above any that is open."""
        # The stack looks for open runs whenever it is asked; now it notes what the run was opened above.
        fluent._active_run_stack.get()  # noqa: SLF001
        if MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING.get():
            monitor = self._monitors[run.local_id] = SystemMetricsMonitor(run.local_id)
            monitor.start()

    def leave(self, run: OpenRun, status: str) -> None:
        """Take the run off; runs that were opened above it and left open are ended with the same status."""
        if (monitor := self._monitors.pop(run.local_id, None)) is not None:
            monitor.finish()
        stack = fluent._active_run_stack.get()  # noqa: SLF001
        # end_run forgets MLFLOW_RUN_ID, by which a headless notebook's plain mlflow calls find its run.
        announced = os.environ.get("MLFLOW_RUN_ID")
        for other in reversed(self._take_off(stack, run)):
            if not (isinstance(other.info, _Info) and other.info.run is run):
                stack.append(other)
                with Autologging.changing:
                    mlflow.end_run(status)
        self.outer.pop(run.local_id, None)
        if announced is not None:
            os.environ["MLFLOW_RUN_ID"] = announced

    def autolog(self, *, on: bool, models: bool) -> None:
        """Switch autologging, silently, for one more tracked body or one less."""
        self._autologging.turn(on=on, models=models)

    def active_run_id(self) -> str | None:
        """Return the id of MLflow's active run in this thread."""
        run = mlflow.active_run()
        return None if run is None else str(run.info.run_id)

    def context_tags(self) -> Mapping[str, str]:
        """Return what MLflow's context providers, built in and installed, say of a run from here."""
        # What these say is known already, without asking Jupyter servers and git once more.
        ignored: list[Any] = [DefaultRunContext, GitRunContext, JupyterNotebookRunContext, SystemEnvironmentContext]
        with Autologging.changing:
            tags: dict[str, str] = resolve_tags(ignore=ignored + _ours())
        return tags

    def experiment_name(self, experiment_id: str) -> str | None:
        """Return the name of an experiment; a server is not asked, which may be away."""
        uri = mlflow.get_tracking_uri()
        if uri.startswith(("http:", "https:", "databricks")) or is_database_server(uri):
            return None
        return str(mlflow.get_experiment(experiment_id).name)

    def _take_off(self, stack: list[Any], run: OpenRun) -> list[Any]:
        """Take a run, and those that its body opened above it, off MLflow's stack of active runs.

        Coroutines of one thread share the stack: another body's run may lie above this one, and stays.
        """
        if run.local_id not in self.outer:
            return []
        ids = [one.info.run.local_id if isinstance(one.info, _Info) else one.info.run_id for one in stack]
        outer = self.outer[run.local_id]
        if run.local_id in ids:
            start = ids.index(run.local_id)
        elif not outer:
            start = 0
        else:
            start = ids.index(outer) + 1 if outer in ids else len(ids)
        others = self.outer.keys() - {run.local_id}
        end = next((place for place in range(start, len(ids)) if ids[place] in others), len(ids))
        taken = stack[start:end]
        del stack[start:end]
        return taken


class _Stack(ThreadLocalVariable):
    """MLflow's stack of active runs, of which each thread has its own, with the runs of tracked bodies on it.

    A body's own thread finds its run there from the first look on, whenever MLflow was imported. A thread that has no
    run of its own finds the body's at the bottom of its stack, and finds it gone when the body has ended.
    """

    def __init__(self, before: ThreadLocalVariable, outer: dict[str, str | None]) -> None:
        super().__init__(default_factory=list)  # type: ignore[no-untyped-call]
        # Of every thread the runs that it has open, and for MLflow's tracing the table of them all.
        vars(self).update(vars(before))
        self._outer = outer

    def get(self) -> list[Any]:
        stack: list[Any] = super().get()  # type: ignore[no-untyped-call]
        run = tracking.current()
        if stack and isinstance(top := stack[-1].info, _Info) and top.run is run:
            return stack
        for own in tracking.open_here():
            if own.local_id not in self._outer:
                self._outer[own.local_id] = stack[-1].info.run_id if stack else None
                stack.append(_active(own))
        lent = stack[0].info if stack and isinstance(stack[0].info, _Info) else None
        if lent is not None and lent.run is not run and not _is_own(lent.run):
            del stack[0]
        if not stack and run is not None and run.tracked and not _is_own(run):
            stack.append(_active(run))
        return stack


class _Info(RunInfo):
    """What MLflow's code asks of an active run; what only the store knows is asked there when it is needed."""

    def __init__(self, run: OpenRun) -> None:
        super().__init__(
            run_id=run.local_id,
            experiment_id="",
            user_id=run.tags.get("mlflow.user", ""),
            status="RUNNING",
            start_time=round(run.started.timestamp() * 1000),
            end_time=None,
            lifecycle_stage="active",
            run_name=run.name,
        )
        self.run = run

    @property
    def run_id(self) -> str:
        return self.run.known_id

    @property
    def experiment_id(self) -> str:
        return str(mlflow.MlflowClient().get_run(self.run.known_id).info.experiment_id)

    @property
    def artifact_uri(self) -> str:
        return str(mlflow.MlflowClient().get_run(self.run.known_id).info.artifact_uri)


def _ours() -> list[Any]:
    package = __name__.partition(".")[0]
    return [type(one) for one in _run_context_provider_registry if type(one).__module__.partition(".")[0] == package]


def _is_own(run: OpenRun) -> bool:
    """Tell whether this very thread has opened a run; the first thread of a forked process goes by the same number."""
    return run.thread == threading.get_ident() and run.process == os.getpid()


def _active(run: OpenRun) -> mlflow.ActiveRun:
    tags = [RunTag(name, value) for name, value in run.tags.items()]
    return mlflow.ActiveRun(Run(_Info(run), RunData(tags=tags), RunInputs([]), RunOutputs([])))
