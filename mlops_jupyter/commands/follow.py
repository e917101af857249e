"""What an endpoint does when the alias that it follows moves; no verb, but what its follower calls."""

from __future__ import annotations

from typing import cast

from .. import registry, settings
from ..capabilities import rollouts
from ..capabilities.endpoints import following
from ..capabilities.endpoints.folder import endpoint_folder
from ..errors import ConfigurationError, Conflict, MlopsError, Unavailable
from ..protocols import ModelRegistry, Silent, WantedDeployment
from ..records import Deployment, ModelPackage
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
        self._folder = endpoint_folder(self._current.state, name).path
        self._seen: str | None = None
        # Why the version that was seen last is not served, and what was last written of that.
        self._refused: following.NotFollowed | None = None
        self._told = following.read(self._folder)

    def follow(self) -> Deployment | None:
        """Serve what the alias points to, if that has changed; return what is served then.

        A version that cannot be served is tried again only when the alias moves again; when somebody else changes the
        deployment just then, or a service is away, the next call tries again. Why it is not served stands in the
        endpoint's folder meanwhile, where whoever shows the deployment reads it.

        Raises
        ------
        MlopsError
            When the registry cannot be asked, or the version cannot be served; what was served goes on.
        """
        found = self._place.get(self._name)
        if found.follows is None:
            return None
        try:
            moved = self._moved(found, found.follows)
        except Conflict:
            # Somebody is at work on it; the next call sees what has come of that.
            raise
        except MlopsError as error:
            self._tell(self._refused or following.NotFollowed(found.follows, None, error.message, error.hint))
            raise
        self._tell(self._refused)
        return moved

    def _moved(self, found: Deployment, follows: str) -> Deployment | None:
        model, _, alias = follows.removeprefix("models:/").rpartition("@")
        version = self._registry.aliased(model, alias).version
        before, self._seen = self._seen, version
        first, moved = before is None, before not in {None, version}
        answering = {one.version for one in found.versions if not one.shadow and one.model == model}
        if version in answering:
            self._refused = None
        # At first sight it may have moved while nobody looked; later a canary beside it is no reason to do anything.
        if not moved and not (first and version not in answering):
            return None
        # What was left says something of a version that is not meant any more.
        self._refused = None
        self._tell(None)
        try:
            made = self._move(follows, version)
        except MlopsError as error:
            if isinstance(error, Conflict | Unavailable):
                self._seen = before
            if not isinstance(error, Conflict):
                self._refused = following.NotFollowed(follows, version, error.message, error.hint)
            raise
        return made

    def _tell(self, told: following.NotFollowed | None) -> None:
        if told != self._told:
            following.write(self._folder, told)
            self._told = told

    def _move(self, follows: str, version: str) -> Deployment | None:
        with self._place.changing(self._name):
            if self._place.get(self._name).follows != follows:
                return None
            packages.check_private(self._current)
            with targets.copied(self._place, lambda: packages.resolved(self._current, follows)) as found:
                try:
                    package = packages.loadable(found, trust=False)
                except ConfigurationError as error:
                    # What was trusted when it was deployed is that version, not those to come.
                    hint = f"mlops deploy {follows} --name {self._name} --trust, if you know who made it"
                    raise ConfigurationError(error.message, hint) from error
                return self._serve(package, follows, version)

    def _serve(self, package: ModelPackage, follows: str, version: str) -> Deployment:
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
