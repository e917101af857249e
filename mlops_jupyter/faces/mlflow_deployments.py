"""The face towards MLflow's deployments: ``mlflow deployments create -t mlops:/local --name churn -m models:/churn/1``.

MLflow loads this module for the target ``mlops`` and looks for one client class and two functions in it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlflow.deployments import BaseDeploymentClient, PredictionsResponse
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    TEMPORARILY_UNAVAILABLE,
)

from .. import settings
from ..commands import targets
from ..commands.deploy import deploy
from ..commands.deployments import deployments
from ..commands.predict import predict
from ..commands.undeploy import undeploy
from ..errors import CommandError, ConfigurationError, Conflict, MlopsError, NotFound, Unavailable
from ..records import Deployment, Deployments
from . import render

_HELP = """\
mlops:/local starts an endpoint on this machine, in the project around the working directory; it outlives the command.

--config, of create and update:
  workers=N           how many processes answer
  port=N, socket=PATH where it listens; else at any free port of 127.0.0.1 (create only)
  canary=PERCENT      the share of a version beside what is served (update only)
  auto=true           promote the canary by itself, or roll it back (update only)
  shadow=true         a version that only sees requests (update only)
  trust=true          load a model that executes code of whoever made it
  verbose_errors=true let error messages hold values of the request

The flavour is chosen by the model. Requests need the token in .mlops/endpoints/NAME/token.
"""
_CODES: tuple[tuple[type[MlopsError], int], ...] = (
    (NotFound, RESOURCE_DOES_NOT_EXIST),
    (Conflict, RESOURCE_ALREADY_EXISTS),
    (CommandError, INVALID_PARAMETER_VALUE),
    (ConfigurationError, INVALID_PARAMETER_VALUE),
    (Unavailable, TEMPORARILY_UNAVAILABLE),
)
_TRUE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_FLAVOR = "python_function"


@contextmanager
def _as_mlflows() -> Iterator[None]:
    """Raise our errors as MLflow's, which is what a plugin owes."""
    try:
        yield
    except MlopsError as error:
        code = next((code for kind, code in _CODES if isinstance(error, kind)), INTERNAL_ERROR)
        raise MlflowException(str(error), error_code=code) from error


class MlopsDeployments(BaseDeploymentClient):
    """Deployments of this project, as MLflow's client of a target.

    Parameters
    ----------
    target_uri
        ``mlops`` or ``mlops:/local``.
    """

    def __init__(self, target_uri: str) -> None:
        super().__init__(target_uri)  # type: ignore[no-untyped-call]
        self._target = targets.plain_name(target_uri)

    @_as_mlflows()
    def create_deployment(
        self,
        name: str,
        model_uri: str,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        _check(flavor, endpoint)
        known = targets.existing(targets.target(settings.current(), self._target), name)
        if known is not None and known.status != "failed":
            raise Conflict(f"there is a deployment {name} already", f"mlflow deployments update --name {name}")
        return _told(deploy(model_uri, name=name, target=self._target, **_options(config)))

    @_as_mlflows()
    def update_deployment(
        self,
        name: str,
        model_uri: str | None = None,
        flavor: str | None = None,
        config: Mapping[str, Any] | None = None,
        endpoint: str | None = None,
    ) -> dict[str, Any]:
        _check(flavor, endpoint)
        known = targets.target(settings.current(), self._target).get(name)
        source = model_uri or known.follows or (known.versions[0].source if known.versions else None)
        if source is None:
            raise CommandError(f"{name} serves no model yet", "name one: --model-uri")
        return _told(deploy(source, name=name, target=self._target, **_options(config)))

    @_as_mlflows()
    def delete_deployment(
        self, name: str, config: Mapping[str, Any] | None = None, endpoint: str | None = None
    ) -> None:
        _check(None, endpoint)
        # Whoever tries again finds it done, as MLflow asks of its plugins.
        with contextlib.suppress(NotFound):
            undeploy(name, target=self._target)

    @_as_mlflows()
    def list_deployments(self, endpoint: str | None = None) -> list[dict[str, Any]]:
        _check(None, endpoint)
        found = deployments(target=self._target)
        return [_told(one) for one in found.deployments] if isinstance(found, Deployments) else [_told(found)]

    @_as_mlflows()
    def get_deployment(self, name: str, endpoint: str | None = None) -> dict[str, Any]:
        _check(None, endpoint)
        return _told(targets.target(settings.current(), self._target).get(name))

    @_as_mlflows()
    def predict(
        self, deployment_name: str | None = None, inputs: Any = None, endpoint: str | None = None
    ) -> PredictionsResponse:
        _check(None, endpoint)
        if deployment_name is None:
            raise CommandError("a prediction needs the name of a deployment", "--name churn")
        found = predict(deployment_name, inputs, target=self._target)
        return PredictionsResponse({"predictions": list(found.predictions), "request_ids": list(found.request_ids)})


@_as_mlflows()
def run_local(name: str, model_uri: str, flavor: str | None = None, config: Mapping[str, Any] | None = None) -> None:
    """Deploy on this machine."""
    _check(flavor, None)
    deploy(model_uri, name=name, **_options(config))


def target_help() -> str:
    """Say what the target takes."""
    return _HELP


def _told(found: Deployment) -> dict[str, Any]:
    told = render.as_json(found)
    return {**told, "flavor": _FLAVOR}


def _check(flavor: str | None, endpoint: str | None) -> None:
    if flavor not in {None, _FLAVOR}:
        raise CommandError(f"how a model of the flavour {flavor} is called is not to be chosen", "leave --flavor out")
    if endpoint is not None:
        raise CommandError("a deployment here is an endpoint itself", "leave --endpoint out")


def _options(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options of the verb that a configuration of texts means."""
    kinds: Mapping[str, Callable[[Any], Any]] = {
        "workers": int,
        "port": int,
        "socket": targets.path,
        "canary": float,
        "auto": _flag,
        "shadow": _flag,
        "trust": _flag,
        "verbose_errors": _flag,
    }
    options = {}
    for name, value in (config or {}).items():
        if name not in kinds:
            raise CommandError(f"there is no configuration {name}", "mlflow deployments help -t mlops")
        try:
            options[name] = kinds[name](value)
        except (ValueError, KeyError) as error:
            raise CommandError(f"{name} cannot be {value!r}", "mlflow deployments help -t mlops") from error
    return options


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else _TRUE[str(value).lower()]
