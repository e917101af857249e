"""Live models that verbs are given, logged to the run that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import settings
from ..capabilities import made_by_runs, tracking
from ..capabilities.tracking import KIND_TAG
from ..errors import CommandError
from ..records import ModelPackage, RegisteredVersion, Run
from . import packages
from .models_of_runs import log_to, no_text, stored
from .track import track

MODEL_KIND = "model"


def given(current: settings.Settings, model: object, *, data: object | None, name: str) -> ModelPackage:
    """Return the package of what a verb was given as its model: a reference, or a live object, which is logged now.

    Parameters
    ----------
    current
        The project's settings.
    model
        A live model, a reference as of `packages.resolved`, a path, or a record of a model or run.
    data
        What a live model was made with.
    name
        What the run is called that a live model gets that no tracked run has made.

    Raises
    ------
    CommandError
        When it is no model, or data is given for one that is logged already.
    """
    word = reference_of(model)
    if word is None:
        return logged(current, model, data=data, name=name)
    if data is not None:
        raise CommandError("--data is for a live model: one that is logged already has its signature", "leave it out")
    return packages.resolved(current, word)


def logged(current: settings.Settings, model: object, *, data: object | None, name: str) -> ModelPackage:
    """Log a live model to the run whose cell last bound it, else to the open run, else to one of its own."""
    no_text(data)
    made_by = made_by_runs.run_of(model)
    open_now = tracking.current()
    local = made_by or (open_now.local_id if open_now is not None and open_now.tracked else None)
    if local is not None:
        return log_to(current, local, model, data=data)
    with _own_run(name) as own:
        return log_to(current, own, model, data=data)


def in_a_run(current: settings.Settings, package: ModelPackage, *, name: str) -> ModelPackage:
    """Return a model as the store knows it: a folder of this machine is logged to a run of its own."""
    if package.source.startswith(("models:/", "runs:/")):
        return package
    with _own_run(name) as own:
        return packages.store(current).log_folder(package, run_id=stored(current, own))


def reference_of(model: object) -> str | None:
    """Return how what a verb was given as its model is asked for in a store, ``None`` for a live object."""
    match model:
        case str():
            return model
        case Path():
            return str(model)
        case Run():
            return model.run_id
        case ModelPackage():
            return model.source
        case RegisteredVersion():
            return model.uri
    return None


@contextmanager
def _own_run(name: str) -> Iterator[str]:
    """Open a run for a model that no tracked run has made; give its id here."""
    tracked = track(name, tag={KIND_TAG: MODEL_KIND}, autolog=False, live=False)
    with tracked.over({}):
        yield tracked.local_id
