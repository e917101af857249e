"""``register``: a model as a version in the registry."""

from __future__ import annotations

from dataclasses import replace

from .. import settings
from ..errors import CommandError
from ..protocols import AliasName, ModelName, ModelReference, Object
from ..records import RegisteredVersion
from . import project, targets
from .live_models import given, in_a_run
from .models import model_registry, remember, with_runs


def register(
    model: ModelReference,
    *,
    name: ModelName,
    data: Object = None,
    alias: AliasName | None = None,
    description: str | None = None,
) -> RegisteredVersion:
    """Register a model: a live object, a run's model, or a folder.

    A live object is logged first, to the tracked run whose cell last bound it, else to a run of its own, with
    signature, input example and requirements. A model that is a version already stays that version.

    Parameters
    ----------
    model
        A live model ($model), a run's id or name, runs:/ID/PATH, models:/NAME@ALIAS, or a folder.
    name
        The registered model's name; it is made at need.
    data
        The data that a live model was made with ($X): a table, an array, or a pair of it and the answers. Left out,
        the --data of its tracked cell is taken, else what the model says of its features.
    alias
        An alias that points to the version from now on.
    description
        What is to be known about the version.

    Returns
    -------
    RegisteredVersion
        The version; its notes say what was inferred, and from what.

    Raises
    ------
    CommandError
        When it is no model, the data does not fit it, or a name cannot be one.
    NotFound
        When there is no such model.
    Conflict
        When the run has several models.
    ConfigurationError
        When the model is damaged, or cannot be saved.
    Unavailable
        When the store does not answer.
    """
    if not name.strip():
        raise CommandError("a model's name cannot be empty", "--name churn")
    current = settings.current()
    with targets.copied(targets.target(current), lambda: given(current, model, data=data, name=name)) as found:
        package = in_a_run(current, found, name=name)
    models = model_registry(current)
    made = models.register(name, package.source, description)
    notes = (*package.notes, *made.notes)
    if alias is not None and (before := models.point(name, alias, made.version)) != made.version:
        notes += () if before is None else (f"{alias} pointed to version {before} before",)
        made = replace(made, aliases=tuple(sorted({*made.aliases, alias})))
    remember(current, name, made.version, *made.aliases)
    (record,) = with_runs(project.tracking(current), (replace(made, notes=notes),))
    return record
