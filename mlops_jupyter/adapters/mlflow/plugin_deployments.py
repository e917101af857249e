"""Targets of others: any MLflow deployment plugin that is installed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pandas as pd
from mlflow.deployments import PredictionsResponse, get_deploy_client
from mlflow.deployments.interface import plugin_store
from mlflow.exceptions import MlflowException

from ...errors import CommandError, ConfigurationError, NotFound, Rejected, Unavailable
from ...protocols import Answer, Earlier, ScoringBody, Waiting, WantedDeployment
from ...records import Deployment, ServedVersion
from . import hush
from .errors import as_ours, first_line

_ALL = 100.0


class PluginDeployments:
    """The deployments behind one MLflow deployment plugin.

    Parameters
    ----------
    target
        The target's name or URI, as ``mlflow deployments -t`` takes it.

    Raises
    ------
    ConfigurationError
        When there is no such plugin.
    """

    def __init__(self, target: str) -> None:
        hush()
        self._target = target
        try:
            self._client: Any = get_deploy_client(target)
        except (MlflowException, RuntimeError) as error:
            known = ", ".join(sorted(plugin_store.registry)) or "none"
            raise ConfigurationError(
                f"there is no deployment target {target}: {first_line(error)}", f"local, or an MLflow plugin: {known}"
            ) from error

    def changing(self, name: str) -> AbstractContextManager[None]:
        """Keep nobody out: the plugin does that, or does not."""
        return nullcontext()

    def apply(self, wanted: WantedDeployment, waiting: Waiting) -> Deployment:
        """Create the deployment, or update it."""
        # What stood beside a new version is not known here: its share alone tells that there was to be something.
        alone = len(wanted.versions) == 1 and wanted.versions[0].percent == _ALL and not wanted.versions[0].shadow
        if not alone or wanted.back_to is not None or wanted.auto is not None:
            raise CommandError(
                f"the target {self._target} serves one version at a time", "leave --canary and --shadow out"
            )
        if any(one is not None for one in (wanted.workers, wanted.port, wanted.socket, wanted.verbose_errors)):
            raise CommandError(
                f"the target {self._target} takes options of its own only",
                f"--config key=value; mlflow deployments help -t {self._target}",
            )
        (version,) = wanted.versions
        waiting(f"{self._target} deploys it", 0.0)
        known = any(str(one.get("name")) == wanted.name for one in self._listed())
        act = self._client.update_deployment if known else self._client.create_deployment
        with as_ours():
            told = act(wanted.name, version.source, config=dict(wanted.config or {}))
        return self._described({"name": wanted.name, **(told or {})}, version)

    def all(self) -> tuple[Deployment, ...]:
        """Return all deployments."""
        return tuple(map(self._described, self._listed()))

    def examine(self, name: str) -> Deployment:
        """Return one: a plugin says all that it knows at once."""
        return self.get(name)

    def get(self, name: str) -> Deployment:
        """Return one."""
        if not any(str(one.get("name")) == name for one in self._listed()):
            raise NotFound(
                f"there is no deployment {name} at {self._target}", f"mlops deployments --target {self._target}"
            )
        with as_ours():
            return self._described({"name": name, **(self._client.get_deployment(name) or {})})

    def before(self, name: str) -> Earlier:
        """Know of nothing before."""
        raise NotFound(f"{self._target} keeps no history of {name}", f"mlops deploy MODEL --target {self._target}")

    def remove(self, name: str) -> Deployment:
        """End it; return how it was."""
        was = self.get(name)
        with as_ours():
            self._client.delete_deployment(name)
        return was

    def release(self, digests: Collection[str]) -> None:
        """Do nothing: plugins are told where a model is, and fetch it themselves."""

    def ask(self, name: str, body: ScoringBody, timeout_s: float) -> Answer:
        """Send a table by way of the plugin."""
        told = json.loads(body.content) if body.content_type == "application/json" else {}
        if "dataframe_split" not in told:
            raise CommandError(f"the target {self._target} takes tables", "give a DataFrame, or JSON with columns")
        with as_ours():
            answer = self._client.predict(name, pd.DataFrame(**told["dataframe_split"]))
        try:
            return Answer(json.dumps({"predictions": _values(answer)}).encode(), "", "")
        except (TypeError, ValueError) as error:
            raise Rejected(self._target, f"{name} answered something that is no prediction") from error

    def log_lines(self, name: str, most: int, *, follow: bool) -> Iterator[tuple[str, ...]]:
        """Have no log."""
        raise Unavailable(self._target, f"{self._target} passes on no log of {name}", "look where it runs")

    def _listed(self) -> list[Mapping[str, Any]]:
        with as_ours():
            return list(self._client.list_deployments() or [])

    def _described(self, told: Mapping[str, Any], version: ServedVersion | None = None) -> Deployment:
        url = next((str(told[key]) for key in ("url", "endpoint_url", "endpoint") if told.get(key)), None)
        versions = () if version is None else (version,)
        return Deployment(str(told["name"]), self._target, "ready", versions=versions, url=url)


def _values(answer: Any) -> Any:
    if isinstance(answer, PredictionsResponse):
        told = answer.get_predictions(predictions_format="ndarray")
        return told.tolist()
    if isinstance(answer, pd.DataFrame):
        return answer.to_dict(orient="records")
    return answer.tolist() if hasattr(answer, "tolist") else list(answer)
