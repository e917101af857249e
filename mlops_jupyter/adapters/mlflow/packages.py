"""MLflow's models on this machine: what a reference means, fetched once."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import mlflow
import mlflow.artifacts
import yaml
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_DOES_NOT_EXIST, ErrorCode

from ...capabilities.models import folders, trust
from ...capabilities.models.requirements import differences
from ...errors import CommandError, ConfigurationError, Conflict, NotFound
from ...records import ModelPackage
from . import hush
from .errors import as_ours
from .loading import executes
from .reading import without_bars

_NO_SUCH = {ErrorCode.Name(INVALID_PARAMETER_VALUE), ErrorCode.Name(RESOURCE_DOES_NOT_EXIST)}
# What MLflow adds to a model's folder when it is downloaded by a registered name.
_ADDED = "registered_model_meta"
_SHOWN = 5


@dataclass(frozen=True)
class _Source:
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


class MlflowPackages:
    """The models behind one MLflow tracking URI.

    Parameters
    ----------
    uri
        The tracking URI, absolute.
    registry_uri
        The registry's, if it is another.
    """

    def __init__(self, uri: str, registry_uri: str | None = None) -> None:
        hush()
        self._uri = uri
        self._registry_uri = registry_uri
        with as_ours():
            self._client = mlflow.MlflowClient(uri, registry_uri)

    def resolve(self, reference: str, folder: Path) -> ModelPackage:
        """Return the model that is meant."""
        source = self._source(reference)
        where = None if source.constant is None else f"{self._uri}\n{source.constant}"
        found = None if where is None else folders.kept(folder, where)
        if found is None:
            with folders.making(folder) as made:
                self._fetch(source, made / "model")
                _check(made / "model", source.shown)
                found = folders.keep(made / "model", folder)
            if where is not None:
                folders.remember(folder, where, found[1])
        return _package(source, *found, folder)

    def _source(self, reference: str) -> _Source:
        if reference.startswith("models:/"):
            return self._of_models(reference)
        if reference.startswith("runs:/"):
            run_id, _, path = reference.removeprefix("runs:/").strip("/").partition("/")
            return self._of_run(run_id, path)
        path = unquote(urlsplit(reference).path) if reference.startswith("file:") else reference
        directory = Path(path).expanduser().absolute()
        if not directory.is_dir():
            raise NotFound(f"there is no model {reference}", "mlops models; mlops runs")
        return _Source(str(directory), str(directory))

    def _of_models(self, reference: str) -> _Source:
        rest = reference.removeprefix("models:/").strip("/")
        if rest.startswith("m-") and "/" not in rest and "@" not in rest:
            return _Source(reference, reference, reference)
        name, at, alias = rest.rpartition("@")
        if at and name and alias:
            return self._of_version(self._found(name, lambda: self._aliased(name, alias)), alias)
        name, slash, number = rest.rpartition("/")
        if not (slash and name and number):
            raise CommandError(f"{reference} names no version of a model", "models:/churn@champion or models:/churn/3")
        if number == "latest":
            return self._of_version(self._found(name, lambda: max(self._versions(name), key=_number, default=None)))
        return self._of_version(self._found(name, lambda: self._numbered(name, number)))

    def _of_version(self, found: ModelVersion, alias: str | None = None) -> _Source:
        uri = f"models:/{found.name}/{found.version}"
        source = str(found.source or "")
        # A model that was deleted and made anew has a version 1 again.
        constant = source if source.startswith("models:/m-") else f"{uri} {source} {found.creation_timestamp}"
        return _Source(uri, uri, constant, found.name, str(found.version), alias, found.run_id or None)

    def _found(self, name: str, look: Callable[[], ModelVersion | None]) -> ModelVersion:
        """Return a version of a model, or say which there are."""
        try:
            with as_ours():
                found = look()
        except Exception as error:
            if not _is_none(error):
                raise
            found = None
        if found is not None:
            return found
        with as_ours():
            models = [one.name for one in self._client.search_registered_models()]
        if name not in models:
            near = difflib.get_close_matches(name, models, n=1)
            raise NotFound(f"there is no model {name}", f"did you mean {near[0]}?" if near else "mlops models")
        with as_ours():
            aliases = self._client.get_registered_model(name).aliases
            numbers = sorted((int(one.version) for one in self._versions(name)), reverse=True)
        known = [*(f"@{alias}" for alias in aliases), *(f"/{number}" for number in numbers[:_SHOWN])]
        raise NotFound(
            f"the model {name} has no such version or alias", f"it has {', '.join(known)}" if known else "mlops models"
        )

    def _aliased(self, name: str, alias: str) -> ModelVersion | None:
        return self._client.get_model_version_by_alias(name, alias)

    def _numbered(self, name: str, number: str) -> ModelVersion | None:
        return self._client.get_model_version(name, number)

    def _versions(self, name: str) -> list[ModelVersion]:
        return list(self._client.search_model_versions(f"name = '{name}'"))

    def _of_run(self, run_id: str, path: str) -> _Source:
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
            return _Source(f"runs:/{run_id}/{path}", uri, uri, run_id=run_id)
        if path not in names and "/" not in path:
            near = difflib.get_close_matches(path, names, n=1) or names[:1]
            hint = f"did you mean runs:/{run_id}/{near[0]}?" if near else "mlops runs"
            raise NotFound(f"the run {shown} has no model {path}", hint)
        return _Source(f"runs:/{run_id}/{path}", f"runs:/{run_id}/{path}", run_id=run_id)

    def _fetch(self, source: _Source, target: Path) -> None:
        """Bring a model's files into a folder."""
        local = Path(source.uri)
        if local.is_absolute():
            try:
                shutil.copytree(local, target, symlinks=True)
            except (OSError, shutil.Error) as error:
                raise ConfigurationError(f"cannot copy {local}: {error}", "check its permissions") from error
        else:
            with as_ours(), without_bars():
                fetched = mlflow.artifacts.download_artifacts(
                    source.uri,
                    dst_path=str(target.with_name("fetched")),
                    tracking_uri=self._uri,
                    registry_uri=self._registry_uri,
                )
            Path(fetched).rename(target)
        (target / _ADDED).unlink(missing_ok=True)


def _check(path: Path, shown: str) -> None:
    """Raise `ConfigurationError` when a folder is no model, or a part of it is missing."""
    try:
        flavors = yaml.safe_load((path / "MLmodel").read_text(encoding="utf-8"))["flavors"]
        named = {
            str(flavor[key])
            for flavor in flavors.values()
            for key in ("data", "model_data", "model_path", "pickled_model", "python_model")
            if isinstance(flavor.get(key), str)
        }
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{shown} is no MLflow model: it has no file MLmodel", "name the folder that holds MLmodel"
        ) from error
    except (yaml.YAMLError, OSError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"the model {shown} is damaged: its MLmodel cannot be read", "log it again") from error
    if missing := sorted(name for name in named if not (path / name).exists()):
        raise ConfigurationError(f"the model {shown} is damaged: {missing[0]} is missing", "log it again")


def _package(source: _Source, path: Path, digest: str, store: Path) -> ModelPackage:
    model = Model.load(str(path))
    flavors: Mapping[str, Mapping[str, Any]] = model.flavors
    does = executes(path, flavors)
    example = model.get_serving_input(str(path)) if model.saved_input_example_info else None
    requirements = path / "requirements.txt"
    lines = requirements.read_text(encoding="utf-8").splitlines() if requirements.is_file() else []
    python = flavors.get("python_function", {}).get("python_version")
    note = differences(lines, python)
    return ModelPackage(
        source=source.shown,
        path=str(path),
        digest=digest,
        model=source.model,
        version=source.version,
        alias=source.alias,
        run_id=source.run_id or model.run_id or None,
        flavors=tuple(sorted(flavors)),
        signature=None if model.signature is None else model.signature.to_dict(),
        example=example,
        executes=does,
        trusted=does is None or trust.is_trusted(store, digest),
        notes=() if note is None else (note,),
    )


def _number(version: ModelVersion) -> int:
    return int(version.version)


def _is_none(error: BaseException) -> bool:
    cause = error.__cause__
    return isinstance(cause, MlflowException) and cause.error_code in _NO_SUCH
