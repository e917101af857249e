"""MLflow's models on this machine: what a reference means, fetched once."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import mlflow
import mlflow.artifacts
import yaml
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.protos.databricks_pb2 import (
    ENDPOINT_NOT_FOUND,
    FEATURE_DISABLED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    ErrorCode,
)

from ...capabilities.endpoints.neutral_examples import strict
from ...capabilities.kept_baselines import BASELINE_PATH
from ...capabilities.models import folders, trust
from ...capabilities.models.requirements import differences
from ...capabilities.redaction import scrubbed
from ...errors import ConfigurationError
from ...records import ModelPackage
from . import baselines, hush
from .errors import as_ours
from .examples import infer, infer_near
from .loading import executes
from .reading import without_bars
from .saving import flavour, save
from .sources import Source, Sources

# What MLflow adds to a model's folder when it is downloaded by a registered name.
_ADDED = "registered_model_meta"
# What a server says that knows no models of runs.
_NO_MODELS = {ErrorCode.Name(code) for code in (ENDPOINT_NOT_FOUND, FEATURE_DISABLED, NOT_FOUND, NOT_IMPLEMENTED)}
_EXAMPLES = ("input_example.json", "serving_input_example.json")
# The name of a run's model where it is the only one.
_ONE_MODEL = "model"
# Larger files are numbers.
_LOOKED_AT = 5_000_000


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
        source = Sources(self._client).find(reference)
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

    def log(
        self,
        model: object,
        *,
        run_id: str,
        folder: Path,
        data: object | None = None,
        name: str = "model",
        near: Mapping[str, object] | None = None,
        without: Sequence[str] = (),
    ) -> ModelPackage:
        """Log a live model to a run."""
        flavour(model)
        inferred = infer_near(model, near or {}) if data is None else infer(model, data)
        with folders.making(folder) as made:
            path = made / "model"
            notes = save(model, path, inferred, Model(run_id=run_id))
            notes += _without_secrets(path)
            notes += baselines.write(model, inferred, path, without)
            self._upload(path, run_id, name)
            if (kept := path / BASELINE_PATH).is_file() and name == _ONE_MODEL:
                with as_ours(), without_bars():
                    self._client.log_artifact(run_id, str(kept), str(Path(BASELINE_PATH).parent))
            place, digest = folders.keep(path, folder)
        shown = f"runs:/{run_id}/{name}"
        trust.record(folder, digest, shown)
        package = _package(Source(shown, shown, run_id=run_id), place, digest, folder)
        return replace(package, notes=(*inferred.notes, *notes))

    def baseline(self, package: ModelPackage, data: object, without: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
        """Return the baseline that data gives a model."""
        return baselines.of_packaged(Path(package.path), data, without)

    def log_folder(self, package: ModelPackage, *, run_id: str, name: str = "model") -> ModelPackage:
        """Log a model that is a folder on this machine to a run."""
        with tempfile.TemporaryDirectory() as folder:
            # What is kept here stays as it is; a copy is told its run.
            path = Path(folder) / "model"
            shutil.copytree(package.path, path)
            self._upload(path, run_id, name)
        return replace(package, source=f"runs:/{run_id}/{name}", run_id=run_id)

    def _upload(self, path: Path, run_id: str, name: str) -> None:
        """Put a model's folder into the store, as a model of the run."""
        with as_ours():
            run = self._client.get_run(run_id)
            try:
                logged = self._client.create_logged_model(
                    run.info.experiment_id, name, source_run_id=run_id, params=dict(run.data.params)
                )
            except MlflowException as error:
                if error.error_code not in _NO_MODELS:
                    raise
                # A server of before MLflow 3, and GitLab: there a model is a folder among the run's artifacts.
                self._client.log_artifacts(run_id, str(path), name)
                return
            described = Model.load(str(path))
            described.model_id = logged.model_id
            described.save(str(path / "MLmodel"))
            done: Literal["READY", "FAILED"] = "FAILED"
            try:
                with without_bars():
                    self._client.log_model_artifacts(logged.model_id, str(path))
                    self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
                done = "READY"
            finally:
                self._client.finalize_logged_model(logged.model_id, done)

    def _fetch(self, source: Source, target: Path) -> None:
        """Bring a model's files into a folder."""
        local = Path(source.uri)
        if local.is_absolute():
            # Before it is copied: it may be any folder, the project with all that is in it.
            _check(local, source.shown)
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


def _package(source: Source, path: Path, digest: str, store: Path) -> ModelPackage:
    model = Model.load(str(path))
    flavors: Mapping[str, Mapping[str, Any]] = model.flavors
    known = trust.is_trusted(store, digest)
    does = executes(path, flavors, trusted=known)
    example = strict(model.get_serving_input(str(path))) if model.saved_input_example_info else None
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
        trusted=does is None or known,
        baseline=str(path / BASELINE_PATH) if (path / BASELINE_PATH).is_file() else None,
        notes=() if note is None else (note,),
    )


def _without_secrets(path: Path) -> tuple[str, ...]:
    """Take an example that holds a secret out of a folder; raise where the model itself holds one."""
    notes: tuple[str, ...] = ()
    for file in sorted(path.rglob("*")):
        if not file.is_file() or file.stat().st_size > _LOOKED_AT:
            continue
        text = file.read_bytes().decode("utf-8", "surrogateescape")
        if scrubbed(text, os.environ) == text:
            continue
        if file.name not in _EXAMPLES:
            raise ConfigurationError(
                f"the model was not logged: {file.relative_to(path)} holds a secret that this process knows",
                "take it out of the model, and read it from the environment when it is needed",
            )
        file.unlink()
        notes = ("the example was left out: it holds a secret that this process knows",)
    if notes:
        described = Model.load(str(path))
        described.saved_input_example_info = None  # type: ignore[assignment]
        described.save(str(path / "MLmodel"))
        for name in _EXAMPLES:
            (path / name).unlink(missing_ok=True)
    return notes
