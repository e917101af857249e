"""``deploy``: a model becomes an endpoint."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from .. import settings
from ..capabilities import rollouts
from ..errors import CommandError, Conflict
from ..protocols import DeploymentTarget, Object, Reporter, Silent, WantedDeployment
from ..records import Deployment, ModelPackage, ServedVersion
from . import live_models, packages, targets
from .models import model_registry

_REGISTERED = re.compile(r"(?:models:/)?(?P<name>[^/@:]+)(?:@[^/@]+|/(?:\d+|latest))")
_HIGHEST_PORT, _MOST_WORKERS = 65_535, 256


def deploy(
    model: Object,
    *,
    name: str = "",
    data: Object = None,
    target: str = targets.LOCAL,
    workers: int | None = None,
    port: int | None = None,
    socket: Path | None = None,
    canary: float | None = None,
    shadow: bool = False,
    trust: bool = False,
    verbose_errors: bool | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Deployment:
    """Deploy a model: an endpoint that answers predictions, and outlives this process.

    Where the name is deployed already, the new version takes all of its traffic, or with ``--canary`` a part, without a
    request being dropped; ``mlops rollback`` undoes it. It listens on this machine only, and wants the token that lies
    in a file beside its state. A live model is logged to the run that it belongs to, and registered under the
    deployment's name. A model by its alias is followed: when the alias moves, the endpoint serves what it then points
    to.

    Parameters
    ----------
    model
        A live model ($model), models:/NAME/VERSION, models:/NAME@ALIAS, a run or runs:/ID/PATH, or a directory.
    name
        What the deployment is called; else as the registered model.
    data
        The data that a live model was made with ($X), for its signature and input example. Left out, the --data of
        its tracked cell is taken, else what the model says of its features.
    target
        Where it runs.
    workers
        How many processes answer.
    port
        The port; else one that is free.
    socket
        Listen at a Unix socket of this path instead of at a port.
    canary
        Give the version this share of the traffic, in percent, beside what is served.
    shadow
        Let the version see the traffic, and compare its answers, which nobody gets.
    trust
        Load the model although that executes code of whoever made it.
    verbose_errors
        Let error messages hold values of the request.
    reporter
        Where progress is told.

    Returns
    -------
    Deployment
        Its address, what it serves, and how to ask it.

    Raises
    ------
    CommandError
        When it is no model, or the data does not fit it.
    Conflict
        When somebody else deploys under this name now, or the address is taken.
    Unavailable
        When it does not become ready, with its own words.
    ConfigurationError
        When loading the model executes code that nobody has vouched for.
    """
    name = name or _default_name(live_models.reference_of(model) or "")
    _check(workers, port, canary, shadow=shadow)
    current = settings.current()
    current.prepare_state()
    place = targets.target(current, target)
    with place.changing(name):
        reporter.progress(f"{name}: the model is fetched", 0, 1)
        package = packages.loadable(_package(current, model, data, name), trust=trust)
        new = targets.served(package)
        versions = _versions(place, name, new, canary, shadow=shadow)
        beside = canary is not None or shadow
        wanted = WantedDeployment(
            name=name,
            versions=versions,
            why=f"deploy {package.source}: {rollouts.described(versions)}",
            who=targets.who(),
            workers=workers,
            port=port,
            socket=None if socket is None else str(socket.expanduser().absolute()),
            follows=f"models:/{package.model}@{package.alias}" if package.alias and not beside else None,
            verbose_errors=verbose_errors,
        )
        found = place.apply(wanted, targets.waiting(reporter, name))
    targets.ready(reporter, name)
    return targets.with_jupyter(replace(found, notes=(*package.notes, *found.notes)))


def _package(current: settings.Settings, model: object, data: object, name: str) -> ModelPackage:
    """Return the model on this machine; a live one is a registered version by then."""
    package = live_models.given(current, model, data=data, name=name)
    if live_models.reference_of(model) is not None:
        return package
    made = model_registry(current).register(name, package.source, None)
    registered = packages.resolved(current, made.uri)
    said = f"the model is version {made.version} of {name}"
    return replace(registered, notes=(said, *dict.fromkeys((*package.notes, *made.notes, *registered.notes))))


def _versions(
    place: DeploymentTarget, name: str, new: ServedVersion, canary: float | None, *, shadow: bool
) -> rollouts.Versions:
    if canary is None and not shadow:
        return rollouts.alone(new)
    present = targets.existing(place, name)
    if present is None or present.status != "ready":
        said = f"{name} serves nothing that version {new.version} could stand beside"
        raise Conflict(said, f"mlops deploy MODEL --name {name}")
    if canary is not None:
        return rollouts.with_canary(present.versions, new, canary)
    return rollouts.with_shadow(present.versions, new)


def _default_name(reference: str) -> str:
    if found := _REGISTERED.fullmatch(reference):
        return found["name"]
    raise CommandError("a model that is not registered needs the name of its deployment", "--name churn")


def _check(workers: int | None, port: int | None, canary: float | None, *, shadow: bool) -> None:
    if workers is not None and not 1 <= workers <= _MOST_WORKERS:
        raise CommandError(f"--workers takes 1 to {_MOST_WORKERS}, not {workers}", "--workers 2")
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        raise CommandError(f"--port takes 1 to {_HIGHEST_PORT}, not {port}", "leave it out for a free one")
    if canary is not None and shadow:
        raise CommandError("a version is a canary or a shadow, not both", "--canary 10")
