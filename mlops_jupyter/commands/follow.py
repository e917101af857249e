"""What an endpoint does when the alias that it follows moves; no verb, but what its follower calls."""

from __future__ import annotations

from typing import cast

from .. import registry, settings
from ..capabilities import rollouts
from ..errors import ConfigurationError, Conflict, Unavailable
from ..protocols import ModelRegistry, Silent, WantedDeployment
from ..records import Deployment
from . import packages, project, targets


class Follower:
    """Moves one deployment after its alias.

    Parameters
    ----------
    name
        The deployment.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._current = settings.current()
        project.prepare(self._current)
        self._place = targets.target(self._current)
        known = self._current.tracking_uri, self._current.registry_uri
        self._registry = cast("ModelRegistry", registry.load("model_registry", "mlflow")(*known))
        self._seen: str | None = None

    def follow(self) -> Deployment | None:
        """Serve what the alias points to, if that has changed; return what is served then.

        A version that cannot be served is tried again only when the alias moves again; when somebody else changes the
        deployment just then, or a service is away, the next call tries again.

        Raises
        ------
        MlopsError
            When the registry cannot be asked, or the version cannot be served; what was served goes on.
        """
        found = self._place.get(self._name)
        if found.follows is None:
            return None
        model, _, alias = found.follows.removeprefix("models:/").rpartition("@")
        version = self._registry.aliased(model, alias).version
        before, self._seen = self._seen, version
        first, moved = before is None, before not in {None, version}
        answering = {one.version for one in found.versions if not one.shadow and one.model == model}
        # At first sight it may have moved while nobody looked; later a canary beside it is no reason to do anything.
        if not moved and not (first and version not in answering):
            return None
        try:
            return self._move(found.follows, version)
        except (Conflict, Unavailable):
            self._seen = before
            raise

    def _move(self, follows: str, version: str) -> Deployment | None:
        with self._place.changing(self._name):
            if self._place.get(self._name).follows != follows:
                return None
            package = packages.loadable(packages.resolved(self._current, follows), trust=False)
            if package.version != version:
                raise ConfigurationError(f"{follows} has moved on already", "it is looked at again")
            wanted = WantedDeployment(
                name=self._name,
                versions=rollouts.alone(targets.served(package)),
                why=f"{follows} points to version {version} now",
                who="alias",
                follows=follows,
            )
            return self._place.apply(wanted, targets.waiting(Silent(), self._name))
