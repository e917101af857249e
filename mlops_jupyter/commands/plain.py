"""MLflow in this process, from the moment that the user's own code imports it; ours never does on a run's way."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import cast

import wrapt

from .. import registry
from ..protocols import OpenedRun, PlainTracking

_MLFLOW, _SPARK = "mlflow", "pyspark"
_SYSTEM_METRICS = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
# What ``mlflow.autolog`` knows (its table is private; a test holds this one equal to it).
FRAMEWORKS = frozenset(
    """
    agno anthropic autogen autogen_agentchat boto3 crewai dspy google.genai google.generativeai groq haystack keras
    langchain lightgbm lightning litellm llama_index.core mistralai openai pydantic_ai pyspark pyspark.ml
    pytorch_lightning setfit sklearn smolagents statsmodels strands tensorflow transformers typesafe_sdk xgboost
    """.split()  # noqa: SIM905 -- thirty lines otherwise
)


class PlainMlflow:
    """What plain MLflow code sees of the open runs, as soon as there can be any such code."""

    def __init__(self) -> None:
        # Of each open body that autologs, whether it wants models; and how many of them MLflow has been told of.
        self._bodies: list[bool] = []
        self._told = 0
        wrapt.register_post_import_hook(lambda _module: _load_once(), _MLFLOW)
        # MLflow looks for pyspark at every metric that is logged; a hook would make it look twice where there is none.
        without_spark = find_spec(_SPARK) is None
        for framework in FRAMEWORKS:
            if without_spark and framework.partition(".")[0] == _SPARK:
                continue
            wrapt.register_post_import_hook(lambda _module: self._tell_bodies(), framework)

    def enter(self, run: OpenedRun) -> None:
        """Make a run the active one of this thread."""
        if os.environ.get(_SYSTEM_METRICS, "").lower() in {"true", "1"}:
            # The user wants something that MLflow does in a thread of its own.
            _loaded()
        if (session := _session()) is not None:
            session.enter(run)

    def leave(self, run: OpenedRun, status: str) -> None:
        """Undo `enter`."""
        if (session := _session()) is not None:
            session.leave(run, status)

    def autolog(self, *, on: bool, models: bool) -> None:
        """Switch autologging; MLflow is imported for it only once there is a framework to patch."""
        if on:
            self._bodies.append(models)
            if not FRAMEWORKS.isdisjoint(sys.modules):
                self._tell_bodies()
        elif self._bodies:
            self._bodies.pop()
            if self._told > len(self._bodies):
                self._told -= 1
                _loaded().autolog(on=False, models=models)

    def active_run_id(self) -> str | None:
        """Return the run that plain code of this thread would log to."""
        session = _session()
        return None if session is None else session.active_run_id()

    def context_tags(self) -> Mapping[str, str]:
        """Return what MLflow's installed plugins say of a run from here."""
        session = _session()
        return {} if session is None else session.context_tags()

    def experiment_name(self, experiment_id: str) -> str | None:
        """Return the name of an experiment, if MLflow is here and need not ask a server."""
        session = _session()
        return None if session is None else session.experiment_name(experiment_id)

    def _tell_bodies(self) -> None:
        """Tell MLflow of the bodies that autolog: the first framework has been imported, perhaps within one."""
        while self._told < len(self._bodies):
            self._told += 1
            _loaded().autolog(on=True, models=self._bodies[self._told - 1])


def _session() -> PlainTracking | None:
    """Return MLflow's side, if somebody has imported MLflow."""
    module = sys.modules.get(_MLFLOW)
    # While it is being imported, it has no runs yet; it is told of the open ones when it is done.
    if module is None or getattr(module.__spec__, "_initializing", False):
        return None
    return _loaded()


# Whether MLflow's side has been asked for: it may be the first to import MLflow.
_asked = threading.Event()


def _load_once() -> None:
    if not _asked.is_set():
        _loaded()


@cache
def _loaded() -> PlainTracking:
    _asked.set()
    registry.load("store_journaling", _MLFLOW)()
    return cast("PlainTracking", registry.load("plain_tracking", _MLFLOW)())
