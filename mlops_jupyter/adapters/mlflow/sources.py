"""Where an MLflow model's files come from: what a reference means."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mlflow
from mlflow.entities.model_registry import ModelVersion

from ...errors import CommandError, Conflict, MlopsError, NotFound
from . import registered
from .errors import as_ours

_SHOWN = 5


@dataclass(frozen=True)
class Source:
    """Where a model's files come from.

    ``uri`` is what MLflow fetches, ``constant`` a name under which the files never change, if there is one.
    """

    shown: str
    uri: str
    constant: str | None = None
    model: str | None = None
    version: str | None = None
    alias: str | None = None
    run_id: str | None = None


class Sources:
    """What references mean to one MLflow store."""

    def __init__(self, client: mlflow.MlflowClient) -> None:
        self._client = client

    def find(self, reference: str) -> Source:
        """Return the source that a reference means."""
        if reference.startswith("models:/"):
            return self._of_models(reference)
        if reference.startswith("runs:/"):
            run_id, _, path = reference.removeprefix("runs:/").strip("/").partition("/")
            return self._of_run(run_id, path)
        path = unquote(urlsplit(reference).path) if reference.startswith("file:") else reference
        directory = Path(path).expanduser().absolute()
        if not directory.is_dir():
            raise NotFound(f"there is no model {reference}", "mlops models; mlops runs")
        return Source(str(directory), str(directory))

    def _of_models(self, reference: str) -> Source:
        rest = reference.removeprefix("models:/").strip("/")
        if rest.startswith("m-") and "/" not in rest and "@" not in rest:
            return Source(reference, reference, reference)
        name, at, alias = rest.rpartition("@")
        if at and name and alias:
            return self._of_version(self._found(name, lambda: self._aliased(name, alias)), alias)
        name, slash, number = rest.rpartition("/")
        if not (slash and name and number):
            raise CommandError(f"{reference} names no version of a model", "models:/churn@champion or models:/churn/3")
        if number == "latest":
            return self._of_version(self._found(name, lambda: max(self._versions(name), key=_number, default=None)))
        return self._of_version(self._found(name, lambda: self._numbered(name, number)))

    def _of_version(self, found: ModelVersion, alias: str | None = None) -> Source:
        uri = f"models:/{found.name}/{found.version}"
        source = str(found.source or "")
        # A model that was deleted and made anew has a version 1 again.
        constant = source if source.startswith("models:/m-") else f"{uri} {source} {found.creation_timestamp}"
        return Source(uri, uri, constant, found.name, str(found.version), alias, found.run_id or None)

    def _found(self, name: str, look: Callable[[], ModelVersion | None]) -> ModelVersion:
        """Return a version of a model, or say which there are."""
        try:
            with as_ours():
                found = look()
        except MlopsError as error:
            if not registered.is_none(error):
                raise
            found = None
        if found is not None:
            return found
        with as_ours():
            names = [one.name for one in registered.models(self._client)]
        registered.check_known(name, names)
        with as_ours():
            aliases = self._client.get_registered_model(name).aliases
            numbers = sorted((int(one.version) for one in self._versions(name)), reverse=True)
        known = [*(f"@{alias}" for alias in aliases), *(f"/{number}" for number in numbers[:_SHOWN])]
        hint = ", ".join(f"models:/{name}{one}" for one in known) or "mlops models"
        raise NotFound(f"the model {name} has no such version or alias", hint)

    def _aliased(self, name: str, alias: str) -> ModelVersion | None:
        return self._client.get_model_version_by_alias(name, alias)

    def _numbered(self, name: str, number: str) -> ModelVersion | None:
        return self._client.get_model_version(name, number)

    def _versions(self, name: str) -> list[ModelVersion]:
        return list(registered.versions(self._client, name))

    def _of_run(self, run_id: str, path: str) -> Source:
        with as_ours():
            run = self._client.get_run(run_id)
            outputs = run.outputs.model_outputs if run.outputs else []
            models = [self._client.get_logged_model(one.model_id) for one in outputs]
            # Before MLflow 3 a model was a folder among its run's artifacts.
            entries = [one for one in self._client.list_artifacts(run_id) if one.is_dir]
            inside = [
                one.path
                for one in entries
                if any(file.path.endswith("/MLmodel") for file in self._client.list_artifacts(run_id, one.path))
            ]
        models.sort(key=lambda one: one.creation_timestamp)
        # Of one name, the newest is meant.
        logged = {str(model.name): str(model.model_id) for model in models}
        names = [*logged, *(one for one in inside if one not in logged)]
        shown = f"{run_id[:8]} {run.info.run_name}"
        if not path:
            if not names:
                raise NotFound(f"the run {shown} has no model", f"mlops register $model --name {run.info.run_name}")
            if len(names) > 1:
                raise Conflict(
                    f"the run {shown} has {len(names)} models: {', '.join(names)}", f"runs:/{run_id}/{names[-1]}"
                )
            path = names[0]
        if path in logged:
            uri = f"models:/{logged[path]}"
            return Source(f"runs:/{run_id}/{path}", uri, uri, run_id=run_id)
        if path not in names and "/" not in path:
            near = difflib.get_close_matches(path, names, n=1) or names[:1]
            hint = f"did you mean runs:/{run_id}/{near[0]}?" if near else "mlops runs"
            raise NotFound(f"the run {shown} has no model {path}", hint)
        return Source(f"runs:/{run_id}/{path}", f"runs:/{run_id}/{path}", run_id=run_id)


def _number(version: ModelVersion) -> int:
    return int(version.version)
