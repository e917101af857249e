"""``deploy``: a model becomes an endpoint."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, cast

from .. import registry, settings
from ..capabilities import rollouts
from ..errors import CommandError, Conflict
from ..protocols import (
    ONCE,
    ModelReference,
    NewDeploymentName,
    Object,
    Reporter,
    Short,
    Silent,
    TableFiles,
    WantedDeployment,
)
from ..records import Deployment, ModelPackage, RegisteredVersion, RolloutPolicy, ServedVersion
from . import live_models, models, packages, targets
from .register import register

_REGISTERED = re.compile(r"(?:models:/)?(?P<name>[^/@:]+)(?:@[^/@]+|/(?:\d+|latest))")
_HIGHEST_PORT, _MOST_WORKERS = 65_535, 256


def deploy(
    model: ModelReference,
    *,
    name: NewDeploymentName = "",
    data: Object = None,
    target: str = targets.LOCAL,
    workers: int | None = None,
    port: int | None = None,
    socket: Path | None = None,
    canary: float | None = None,
    auto: bool = False,
    shadow: bool = False,
    trust: bool = False,
    config: Annotated[Mapping[str, str] | None, Short("-C"), ONCE] = None,
    verbose_errors: bool | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Deployment:
    """Deploy a model: an endpoint that answers predictions, and outlives this process.

    Where the name is deployed already, the new version takes all of its traffic, or with ``--canary`` a part, without a
    request being dropped; ``mlops rollback`` undoes it. It listens on this machine only, and wants the token that lies
    in a file beside its state. A model by its alias is followed: when the alias moves, the endpoint serves what it then
    points to.

    Parameters
    ----------
    model
        models:/NAME/VERSION, models:/NAME@ALIAS, a run or runs:/ID/PATH, a directory, or a live model ($model), which
        is registered under the deployment's name first.
    name
        What the deployment is called; else as the registered model.
    data
        What a live model was made with ($X), for its signature, example and baseline; else what its tracked cell was
        told. Of a model that is logged already it is the baseline for drift, in the place of its own; a file of Parquet
        or CSV will do.
    target
        Where it runs: local, or the target of any MLflow deployment plugin.
    workers
        How many processes answer.
    port
        The port; else one that is free.
    socket
        Listen at a Unix socket of this path instead of at a port.
    canary
        Give the version this share of the traffic, in percent, beside what is served.
    auto
        Promote the canary step by step, hold it or roll it back, by its latency, errors, drift and accuracy beside
        what is served; [rollout] in mlops.toml says how.
    shadow
        Let the version see the traffic, and compare its answers, which nobody gets.
    trust
        Load the model although that executes code of whoever made it. A target of others needs no such word.
    config
        What a target of others is told, as `mlflow deployments help -t TARGET` says.
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
    Conflict
        When somebody else deploys under this name now, or the address is taken.
    Unavailable
        When it does not become ready, with its own words.
    ConfigurationError
        When loading the model executes code that nobody has vouched for, or others could exchange it before that.
    """
    _check(workers, port, canary, shadow=shadow)
    if auto and canary is None:
        raise CommandError("--auto decides about a canary, and there is none", "--canary 10 --auto")
    current = settings.current()
    name = name or _default_name(current, model)
    current.prepare_state()
    packages.check_private(current)
    place = targets.target(current, target)
    # Others fetch a model themselves; what is copied here is this machine's all the same.
    local = place if targets.is_ours(target) else targets.target(current)
    reporter.progress(f"{name}: the model is fetched", 0, 1)
    with (
        place.changing(name),
        tempfile.TemporaryDirectory() as made,
        targets.copied(local, lambda: _package(current, model, data, name)) as fetched,
    ):
        # Others load a model where it runs, and by their own rules; here it is loaded to see what it answers to data.
        loads = targets.is_ours(target) or data is not None
        vouched = trust and loads and not fetched.trusted
        package = packages.loadable(fetched, trust=trust) if loads else fetched
        if data is not None and live_models.reference_of(model) is not None:
            without = current.monitoring.get("redact", ())
            package = packages.with_baseline(current, package, _rows(data), Path(made), without)
        if package.model is not None and package.version is not None:
            models.remember(current, package.model, package.version, *([package.alias] if package.alias else []))
        new = targets.served(package)
        # A target of others is not asked without need: what it says of a deployment may be what is to be mended.
        asks = targets.plain_name(target) == targets.LOCAL or canary is not None or shadow
        before = targets.existing(place, name) if asks else None
        alias = f"models:/{package.model}@{package.alias}" if package.alias else None
        if canary is None and not shadow:
            versions, follows, policy = rollouts.alone(new), alias, None
        else:
            present = _present(before, name, new)
            # What stands beside it changes nothing about whom it follows, and a shadow nothing about a canary.
            versions, follows = _beside(name, present.versions, new, canary), present.follows
            policy = present.auto if shadow else _policy(current.rollout, new, canary) if auto and canary else None
        wanted = WantedDeployment(
            name=name,
            versions=versions,
            why=f"deploy {alias or package.source}: {rollouts.described(versions)}",
            who=targets.who(),
            workers=workers,
            port=port,
            socket=None if socket is None else str(socket.expanduser().absolute()),
            follows=follows,
            verbose_errors=verbose_errors,
            monitoring=current.monitoring,
            limits=current.serving,
            config=config,
            auto=policy,
            continues=shadow,
        )
        found = place.apply(wanted, targets.waiting(reporter, name))
    targets.ready(reporter, name)
    changes = () if before is None else _changes(before, new, found)
    alone = _trusted_alone(found, new) if vouched and alias is not None and alias == found.follows else ()
    notes = (*package.notes, *found.notes, *changes, *alone)
    return targets.with_jupyter(replace(found, notes=notes))


def _changes(before: Deployment, new: ServedVersion, found: Deployment) -> Iterator[str]:
    """Say what the user may not have meant: that nothing changes, or that more does."""
    if before.status == "ready" and _same(before) == _same(found):
        yield f"{before.name} served this already"
    if any(one.version == new.version and one.model != new.model for one in before.versions):
        yield f"version {new.version} of another model was served before: what is kept of its answers has this number"
    if ended := rollouts.let_go(before, found):
        yield f"this ends the rollout of {ended}; mlops rollback {before.name} brings back what was served"


def _trusted_alone(found: Deployment, new: ServedVersion) -> tuple[str]:
    again = f"mlops deploy {found.follows} --name {found.name} --trust"
    return (f"--trust is said of version {new.version} alone; when {found.follows} moves, again: {again}",)


def _same(found: Deployment) -> object:
    """Return what a deployment serves, and how."""
    versions = [(one.version, one.digest, one.percent, one.shadow) for one in found.versions]
    return versions, found.follows, found.workers, found.auto, found.url


def _policy(told: Mapping[str, Any], new: ServedVersion, canary: float) -> RolloutPolicy:
    """Return how this canary is promoted: from its share on, by those steps that are higher."""
    policy = RolloutPolicy(new.version, **told)
    return replace(policy, steps=(canary, *(one for one in policy.steps if one > canary)))


def _present(found: Deployment | None, name: str, new: ServedVersion) -> Deployment:
    if found is None or found.status != "ready":
        said = f"{name} serves nothing that version {new.version} could stand beside"
        raise Conflict(said, f"mlops deploy MODEL --name {name}")
    return found


def _beside(name: str, present: rollouts.Versions, new: ServedVersion, canary: float | None) -> rollouts.Versions:
    return rollouts.with_shadow(present, new) if canary is None else rollouts.with_canary(name, present, new, canary)


def _package(current: settings.Settings, model: object, data: object | None, name: str) -> ModelPackage:
    """Return what is to be served; a live model is registered, so that the registry knows what answers."""
    if live_models.reference_of(model) is not None:
        return live_models.given(current, model, data=None, name=name)
    made = register(model, name=name, data=data)
    package = packages.resolved(current, made.uri)
    return replace(package, notes=(f"the model is version {made.version} of {name}", *made.notes))


def _rows(data: object) -> object:
    """Return the table that is meant by ``--data``: itself, or what a file holds."""
    if not isinstance(data, str | Path):
        return data
    tables = cast("TableFiles", registry.load("table_files", "arrow")())
    return tables.first_rows(Path(data).expanduser())


def _default_name(current: settings.Settings, model: object) -> str:
    if isinstance(model, RegisteredVersion):
        return model.model
    if isinstance(model, str) and (found := _REGISTERED.fullmatch(model)):
        return found["name"]
    bare = model.removeprefix("models:/") if isinstance(model, str) else ""
    if bare and not Path(bare).exists() and (newest := packages.newest(current, bare)) is not None:
        raise CommandError(f"{bare} has several versions, and one is deployed", f"mlops deploy {newest}")
    if isinstance(model, str) and Path(model).is_file():
        raise CommandError(f"{model} is a file, and no model", "mlops models; mlops runs")
    said = model if isinstance(model, str) else "$model"
    raise CommandError(
        "a model that is not registered needs the name of its deployment", f"mlops deploy {said} --name NAME"
    )


def _check(workers: int | None, port: int | None, canary: float | None, *, shadow: bool) -> None:
    if workers is not None and not 1 <= workers <= _MOST_WORKERS:
        raise CommandError(f"--workers takes 1 to {_MOST_WORKERS}, not {workers}", "--workers 2")
    if port is not None and not 1 <= port <= _HIGHEST_PORT:
        raise CommandError(f"--port takes 1 to {_HIGHEST_PORT}, not {port}", "leave it out for a free one")
    if canary is not None and shadow:
        raise CommandError("a version is a canary or a shadow, not both", "--canary 10")
    if canary is not None:
        rollouts.check_share(canary)
