"""Models that are logged to runs of this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .. import settings
from ..capabilities import made_by_runs, tracking
from ..capabilities.run_names import find_run
from ..capabilities.tracking import short_form
from ..errors import CommandError, MlopsError, Unavailable
from ..records import ModelPackage
from . import packages, project

# The first run of a session waits until the shipper has imported MLflow.
_ID_WAIT_S = 60.0
_REACH_TIMEOUT_S = 2.5
MODEL = "model"


def log_to(
    current: settings.Settings,
    local_id: str,
    model: object,
    *,
    data: object | None = None,
    near: Mapping[str, object] | None = None,
    name: str = MODEL,
) -> ModelPackage:
    """Log a live model to a run that this process knows; ``near`` is data that it may have been made with."""
    project.tracking(current).reach(_REACH_TIMEOUT_S)
    run_id = stored(current, local_id)
    known = made_by_runs.data_of(local_id) if near is None else near
    store, folder = packages.store(current), packages.folder(current)
    without = tuple(map(str, current.monitoring.get("redact", ())))
    return store.log(model, run_id=run_id, folder=folder, data=data, near=known, name=name, without=without)


def log_named(
    current: settings.Settings,
    local_id: str,
    names: Iterable[str],
    data: Iterable[str],
    variables: Mapping[str, object],
) -> Iterator[str]:
    """Log the models that a body was told to, and say of each what became of it.

    A body that has run to its end is no failure for a model that cannot be logged.
    """
    wanted = tuple(names)
    near = {name: variables[name] for name in data if name in variables}
    for name in wanted:
        if name not in variables:
            yield f"--model {name}: no variable of that name was set"
            continue
        try:
            called = MODEL if len(wanted) == 1 else name
            package = log_to(current, local_id, variables[name], near=near, name=called)
        except MlopsError as no_model:
            yield f"--model {name}: {no_model.message}"
        except Exception as failed:  # noqa: BLE001 -- a model runs its owner's code when it is looked at
            yield f"--model {name}: {short_form(failed)}"
        else:
            yield f"{name} was logged as {package.source}: {'; '.join(package.notes)}"


def stored(current: settings.Settings, local_id: str) -> str:
    """Return the store's id of a run, which is there by then.

    Raises
    ------
    Unavailable
        When it is not.
    """
    journal = tracking.known.get(local_id)
    if journal is None:
        return local_id
    shipped = journal.flush(_ID_WAIT_S)
    if not shipped.local and journal.settled:
        # All of it has arrived, and its folder is gone; a server's own id of it may never have been asked for.
        tracking_store = project.tracking(current)
        return journal.home_id() or find_run(tracking_store, local_id, current.experiment).run_id
    if shipped.run_id is None or shipped.local:
        why = f": {shipped.error}" if shipped.error else ""
        raise Unavailable("MLflow", f"the run {local_id[:8]} is not in the store yet{why}", "mlops doctor --ship")
    return shipped.run_id


def no_text(data: object | None) -> None:
    """Raise `CommandError` for the name of data where the data itself is wanted."""
    if isinstance(data, str):
        raise CommandError(f"--data {data} is text", f"write --data ${data} for the variable of that name")
