"""Live models that verbs are given, logged to the run that they belong to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .. import settings
from ..capabilities import made_by_runs, tracking
from ..capabilities.tracking import KIND_TAG
from ..errors import CommandError, Unavailable
from ..records import ModelPackage, RegisteredVersion, Run
from . import packages, project
from .track import track

MODEL_KIND = "model"
# The first run of a session waits until the shipper has imported MLflow.
_ID_WAIT_S = 60.0
_REACH_TIMEOUT_S = 2.5


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
    word = _reference(model)
    if word is None:
        return logged(current, model, data=data, name=name)
    if data is not None:
        raise CommandError("--data is for a live model: one that is logged already has its signature", "leave it out")
    return packages.resolved(current, word)


def logged(current: settings.Settings, model: object, *, data: object | None, name: str) -> ModelPackage:
    """Log a live model to the run whose cell last bound it, else to the open run, else to one of its own."""
    if isinstance(data, str):
        raise CommandError(f"--data {data} is text", f"write --data ${data} for the variable of that name")
    store = project.tracking(current)
    store.reach(_REACH_TIMEOUT_S)
    made_by = made_by_runs.run_of(model)
    open_now = tracking.current()
    local = made_by or (open_now.local_id if open_now is not None and open_now.tracked else None)
    with _run(local, name) as run_id:
        near = made_by_runs.data_of(local) if local is not None else {}
        return packages.store(current).log(model, run_id=run_id, folder=packages.folder(current), data=data, near=near)


def in_a_run(current: settings.Settings, package: ModelPackage, *, name: str) -> ModelPackage:
    """Return a model as the store knows it: a folder of this machine is logged to a run of its own."""
    if package.source.startswith(("models:/", "runs:/")):
        return package
    with _run(None, name) as run_id:
        return packages.store(current).log_folder(package, run_id=run_id)


def _reference(model: object) -> str | None:
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
def _run(local_id: str | None, name: str) -> Iterator[str]:
    """Give the store's id of a run, which is there by then: one that this process knows, else a new one."""
    if local_id is not None:
        yield _stored(local_id)
        return
    tracked = track(name, tag={KIND_TAG: MODEL_KIND}, autolog=False, live=False)
    with tracked.over({}):
        yield _stored(tracked.local_id)


def _stored(local_id: str) -> str:
    journal = tracking.known.get(local_id)
    if journal is None:
        return local_id
    shipped = journal.flush(_ID_WAIT_S)
    if shipped.run_id is None or shipped.local:
        why = f": {shipped.error}" if shipped.error else ""
        raise Unavailable("MLflow", f"the run {local_id[:8]} is not in the store yet{why}", "mlops doctor --ship")
    return shipped.run_id
