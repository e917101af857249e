"""The models that verbs are given, brought onto this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from .. import registry, settings
from ..capabilities import own_places
from ..capabilities.kept_baselines import BASELINE_PATH
from ..capabilities.run_names import find_run
from ..errors import ConfigurationError, MlopsError, NotFound
from ..protocols import ModelPackages
from ..records import ModelPackage
from . import project
from .models import model_registry

_REACH_TIMEOUT_S = 2.5
_URIS = ("models:/", "runs:/", "file:")
_SHORT = re.compile(r"(?P<model>[^/@\s]+)(?:@(?P<alias>[^/@\s]+)|/(?P<version>\d+|latest))")


def folder(current: settings.Settings) -> Path:
    """Return where models lie on this machine."""
    return current.state / "models"


def store(current: settings.Settings) -> ModelPackages:
    """Return what brings models here."""
    return cast("ModelPackages", registry.load("model_packages", "mlflow")(current.tracking_uri, current.registry_uri))


def resolved(current: settings.Settings, reference: str) -> ModelPackage:
    """Bring the model here that a reference means.

    Parameters
    ----------
    current
        The project's settings.
    reference
        ``models:/churn/3``, ``models:/churn@champion``, the same without ``models:/``, ``runs:/ID/model``, a directory,
        or a run's id, the beginning of it, or its name.

    Raises
    ------
    NotFound
        When there is no such model.
    Conflict
        When several are meant.
    ConfigurationError
        When it is damaged.
    """
    tracking = project.tracking(current)
    tracking.reach(_REACH_TIMEOUT_S)
    project.flush(current, answers=True)
    return store(current).resolve(_uri(current, reference.strip()), folder(current))


def check_private(current: settings.Settings) -> None:
    """Raise `ConfigurationError` when others could exchange a model between the look at it and its loading."""
    own_places.check(current.root, current.state, folder(current))


def newest(current: settings.Settings, name: str) -> str | None:
    """Return what names the newest version of a registered model, ``None`` when it cannot be had."""
    try:
        versions = model_registry(current).versions(name)
    except MlopsError:
        return None
    return next((f"models:/{one.model}/{one.version}" for one in versions), None)


def loadable(package: ModelPackage, *, trust: bool) -> ModelPackage:
    """Return a model that may be loaded.

    Raises
    ------
    ConfigurationError
        When it runs code of its own, this project has not logged it, and nobody says that it may.
    """
    if package.trusted:
        return package
    if trust:
        return replace(package, trusted=True)
    raise ConfigurationError(
        f"{package.source} may run code when it is loaded, and this project has not logged it: {package.executes}",
        "add --trust if you know who made it",
    )


def with_baseline(
    current: settings.Settings, package: ModelPackage, data: object, folder: Path, without: Sequence[str] = ()
) -> ModelPackage:
    """Return a model with a baseline made of data, in a file of this folder.

    Raises
    ------
    CommandError
        When the data does not fit the model.
    """
    text, notes = store(current).baseline(package, data, without)
    file = folder / Path(BASELINE_PATH).name
    file.write_text(text, encoding="utf-8")
    used = "the baseline is made from --data" + ("" if package.baseline is None else ", not the model's own")
    return replace(package, baseline=str(file), notes=(*package.notes, used, *notes))


def _uri(current: settings.Settings, word: str) -> str:
    if word.startswith(_URIS) or Path(word).expanduser().is_dir():
        return word
    if _SHORT.fullmatch(word) is not None:
        return f"models:/{word}"
    tracking = project.tracking(current)
    try:
        return f"runs:/{find_run(tracking, word, project.experiment(current, tracking)).run_id}"
    except NotFound as error:
        meant = newest(current, word)
        # Who has left the dollar out in a cell means the object.
        live = f"; in a cell ${word} is the object" if word.isidentifier() else ""
        known = f"mlops models; mlops runs{live}"
        hint = known if meant is None else f"{meant} is the newest version of the model {word}"
        raise NotFound(f"there is no model, run or directory {word}", hint) from error
