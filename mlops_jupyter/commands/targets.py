"""The targets of deployments, as the verbs that take a deployment find them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from .. import registry, settings
from ..capabilities.endpoints import snippets
from ..capabilities.provenance import user
from ..errors import NotFound
from ..protocols import DeploymentTarget, Reporter, Waiting
from ..records import Deployment, ModelPackage, ServedVersion
from . import project

LOCAL = "local"
# What MLflow calls all of ours.
_PLUGIN = "mlops"
# A start takes seconds, its limit is far away: the bar shows the former.
_USUAL_START_S = 20.0


def target(current: settings.Settings, name: str = LOCAL) -> DeploymentTarget:
    """Return a target by its name: one of ours, else that of an MLflow deployment plugin."""
    name = plain_name(name)
    if is_ours(name):
        return cast("DeploymentTarget", registry.load("deployments", name)(current.state))
    project.prepare(current, writes=False)
    return cast("DeploymentTarget", registry.load("deployment_plugins", "mlflow")(name))


def plain_name(given: str) -> str:
    """Return a target's name without what MLflow puts before ours: ``mlops:/local`` and ``mlops`` are ``local``."""
    parts = urlsplit(given)
    if _PLUGIN not in {given, parts.scheme}:
        return given
    # Only a name behind a scheme is that of a target: our own plugin must not be given to itself.
    named = (parts.netloc + parts.path).strip("/") if parts.scheme else ""
    return plain_name(named or LOCAL)


def is_ours(name: str) -> bool:
    """Tell whether a target is one of ours, whose workers load the model."""
    return plain_name(name) in registry.names("deployments")


def deployment_names(current: settings.Settings, _: str) -> list[tuple[str, str]]:
    """Return the names of this machine's deployments, and of each how it is."""
    return [(found.name, found.status) for found in target(current).all()]


@contextmanager
def copied(place: DeploymentTarget, fetch: Callable[[], ModelPackage]) -> Iterator[ModelPackage]:
    """Bring a model here; unless a deployment of this machine serves it in the end, its copy is gone then.

    Parameters
    ----------
    place
        This machine's target, that within whose `changing` this is if it is in one.
    fetch
        What brings it.
    """
    package = fetch()
    try:
        yield package
    finally:
        place.release({package.digest})


def served(package: ModelPackage) -> ServedVersion:
    """Return a model that may be loaded as a version to serve."""
    return ServedVersion(
        version=package.version or package.digest[:8],
        source=package.source,
        model=package.model,
        run_id=package.run_id,
        digest=package.digest,
        path=package.path,
        flavors=package.flavors,
        signature=package.signature,
        example=package.example,
        trusted=package.trusted,
        baseline=package.baseline,
    )


def with_jupyter(found: Deployment, root: Path | None = None) -> Deployment:
    """Add the address below the Jupyter server around this process, if there is one.

    Our server extension adds the endpoint's token there; without it, the way is jupyter-server-proxy's, which is for
    browsers only: a header holds one token, and both Jupyter and the endpoint want theirs.

    Parameters
    ----------
    found
        The deployment.
    root
        Its project, else the one of this process.
    """
    host = project.notebook_host()
    endpoints = host.endpoints_url(settings.current().root if root is None else root)
    if endpoints is not None and found.target == LOCAL and found.url is not None:
        path = f"{endpoints}{found.name}/"
        first = found.versions[0] if found.versions else None
        body = None if first is None else snippets.body_of(first.example, first.signature)
        return replace(
            found,
            jupyter_url=path,
            jupyter_curl=snippets.jupyter_curl(path, body),
            jupyter_python=snippets.jupyter_python(path, body),
        )
    base = host.server_url()
    if base is None or found.port is None:
        return found
    return replace(found, jupyter_url=f"{base}proxy/{found.port}/")


def noted(found: Deployment, *notes: str) -> Deployment:
    """Add sentences that the user should read."""
    return replace(found, notes=(*found.notes, *notes))


def path(given: str) -> Path:
    """Return text as a path."""
    return Path(given)


def who() -> str:
    """Return whose doing it is."""
    return user()


def waiting(reporter: Reporter, name: str) -> Waiting:
    """Return what tells a face how a start goes on."""

    def told(what: str, passed_s: float) -> None:
        reporter.progress(f"{name}: {what}", min(passed_s, _USUAL_START_S - 1), _USUAL_START_S)

    return told


def ready(reporter: Reporter, name: str) -> None:
    """Tell a face that the start is over."""
    reporter.progress(f"{name}: ready", _USUAL_START_S, _USUAL_START_S)


def existing(place: DeploymentTarget, name: str) -> Deployment | None:
    """Return a deployment, ``None`` when there is none."""
    try:
        return place.get(name)
    except NotFound:
        return None
