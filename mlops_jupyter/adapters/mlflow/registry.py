"""MLflow as the registry of models: what versions there are, and what aliases point to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from ...errors import CommandError, NotFound
from ...protocols import ModelSource
from ...records import RegisteredVersion
from . import hush, registered
from .errors import as_ours, first_line
from .sources import Source, Sources

_HINT = "mlops models"


class MlflowRegistry:
    """The registry behind one MLflow tracking or registry URI.

    Parameters
    ----------
    uri
        The tracking URI, absolute.
    registry_uri
        The registry's, if it is another.
    """

    def __init__(self, uri: str, registry_uri: str | None = None) -> None:
        hush()
        with as_ours():
            self._client = mlflow.MlflowClient(uri, registry_uri)

    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Return all aliases, and of each the models that have it."""
        found: dict[str, tuple[str, ...]] = {}
        with as_ours():
            for model in registered.models(self._client):
                for alias in model.aliases:
                    found[alias] = (*found.get(alias, ()), model.name)
        return found

    def aliased(self, model: str, alias: str) -> ModelSource:
        """Return the version that an alias of a model points to."""
        with registered.none_as(lambda _: NotFound(f"there is no model {model} with the alias {alias}", _HINT)):
            found = self._client.get_model_version_by_alias(model, alias)
        return ModelSource(model, str(found.version), found.run_id or None)

    def version(self, model: str, version: str) -> ModelSource:
        """Return a version by its number."""
        with registered.none_as(lambda _: NotFound(f"there is no model {model} with the version {version}", _HINT)):
            found = self._client.get_model_version(model, version)
        return ModelSource(model, version, found.run_id or None)

    def versions(self, model: str | None = None) -> tuple[RegisteredVersion, ...]:
        """Return the versions of a model or of all, the newest first within each."""
        with as_ours():
            names = self._names()
        if model is not None:
            registered.check_known(model, names)
        found: list[RegisteredVersion] = []
        for name in sorted(names if model is None else [model]):
            # A search tells no aliases.
            with as_ours():
                aliases = self._client.get_registered_model(name).aliases
                every = list(registered.versions(self._client, name))
            told = [
                _record(one, tuple(sorted(a for a, v in aliases.items() if int(v) == int(one.version))))
                for one in every
            ]
            found += sorted(told, key=lambda one: -int(one.version))
        return tuple(found)

    def register(self, model: str, source: str, description: str | None) -> RegisteredVersion:
        """Make a version of a model, and the model at need."""
        place = Sources(self._client).find(source)
        with registered.none_as(
            lambda error: CommandError(f"{model} cannot be a model's name: {first_line(error)}", "--name churn")
        ):
            uri = self._files(place)
            if model not in self._names():
                with _though_there():
                    self._client.create_registered_model(model)
            known = next((one for one in registered.versions(self._client, model) if one.source == uri), None)
            made = known or self._client.create_model_version(
                model, uri, place.run_id, description=description, model_id=_model_id(uri)
            )
            if known is not None and description is not None:
                self._client.update_model_version(model, known.version, description)
        note = () if known is None else (f"this model is version {made.version} already, so none was made",)
        record = next(one for one in self.versions(model) if one.version == str(made.version))
        return replace(record, notes=note)

    def _files(self, place: Source) -> str:
        """Return the address of a source's files, which is the same by whatever name they were asked for."""
        if place.model is not None:
            return str(self._client.get_model_version(place.model, str(place.version)).source)
        if place.uri.startswith("runs:/"):
            run_id, _, path = place.uri.removeprefix("runs:/").partition("/")
            return f"{self._client.get_run(run_id).info.artifact_uri}/{path}"
        return place.uri

    def point(self, model: str, alias: str, version: str) -> str | None:
        """Let an alias point to a version; return the one that it pointed to before."""
        with registered.none_as(
            lambda error: CommandError(f"{alias} cannot be an alias: {first_line(error)}", "--to champion")
        ):
            before = self._client.get_registered_model(model).aliases.get(alias)
            if str(before) != version:
                self._client.set_registered_model_alias(model, alias, version)
        return None if before is None else str(before)

    def _names(self) -> list[str]:
        return [one.name for one in registered.models(self._client)]


def _record(found: ModelVersion, aliases: Sequence[str]) -> RegisteredVersion:
    return RegisteredVersion(
        model=found.name,
        version=str(found.version),
        source=str(found.source or ""),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        aliases=tuple(sorted(aliases)),
        run_id=found.run_id or None,
        description=found.description or "",
    )


def _model_id(uri: str) -> str | None:
    return uri.removeprefix("models:/") if uri.startswith("models:/m-") else None


@contextmanager
def _though_there() -> Iterator[None]:
    """Let pass that another process has just made the model."""
    try:
        yield
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise
