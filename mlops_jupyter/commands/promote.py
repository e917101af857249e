"""``promote``: an alias that points to another version of a model."""

from __future__ import annotations

import re

from .. import settings
from ..errors import CommandError, NotFound
from ..protocols import AliasName, ModelRegistry, ModelSource, VersionReference
from ..records import Promotion
from . import project
from .models import model_registry, remember

_REACH_TIMEOUT_S = 2.5
_LATEST = "latest"
_VERSION = re.compile(r"(?:models:/)?(?P<model>[^@]+?)(?:/(?P<version>\d+|latest)|@(?P<alias>[^/@]+))")


def promote(model: VersionReference, *, to: AliasName) -> Promotion:
    """Point an alias to a version of a registered model.

    Parameters
    ----------
    model
        NAME/VERSION, NAME/latest, or NAME@ALIAS for the version that another alias points to.
    to
        The alias, such as champion.

    Returns
    -------
    Promotion
        What the alias points to, and what it pointed to before.

    Raises
    ------
    CommandError
        When no version is named, or the alias cannot be one.
    NotFound
        When there is no such model, version or alias.
    Unavailable
        When the store does not answer.
    """
    current = settings.current()
    project.tracking(current).reach(_REACH_TIMEOUT_S)
    models = model_registry(current)
    source = version_of(models, model)
    # What has to be true before an alias moves is asked here, when there are gates.
    before = models.point(source.model, to, source.version)
    remember(current, source.model, source.version, to)
    notes = ("it pointed there already",) if before == source.version else ()
    if model.strip().endswith(f"/{_LATEST}"):
        notes = (f"{source.version} is the latest version", *notes)
    return Promotion(source.model, to, source.version, before, source.run_id, notes)


def version_of(models: ModelRegistry, word: str) -> ModelSource:
    """Return the version that NAME/VERSION, NAME/latest or NAME@ALIAS means.

    Raises
    ------
    CommandError
        When it names none.
    NotFound
        When there is no such one.
    """
    named = _VERSION.fullmatch(word.strip())
    if named is None:
        raise CommandError(f"{word} names no version of a model", "mlops promote churn/3 --to champion")
    if named["alias"] is not None:
        return models.aliased(named["model"], named["alias"])
    if named["version"] == _LATEST:
        newest = next(iter(models.versions(named["model"])), None)
        if newest is None:
            raise NotFound(
                f"the model {named['model']} has no version yet", f"mlops register $model --name {named['model']}"
            )
        return models.version(newest.model, newest.version)
    return models.version(named["model"], named["version"])
