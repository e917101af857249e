"""``models``: the registered models and their versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import cast

from .. import registry, settings
from ..capabilities.models import known_names
from ..errors import NotFound
from ..protocols import ModelName, ModelRegistry, Tracking
from ..records import ModelTable, RegisteredVersion, Run
from . import project

_REACH_TIMEOUT_S = 2.5
# So many runs are asked for at once.
_RUNS_A_SEARCH = 50


def models(name: ModelName | None = None) -> ModelTable:
    """List registered models, their versions and aliases.

    Parameters
    ----------
    name
        One model, of which all versions are listed; else of each model the newest and those with an alias.

    Returns
    -------
    ModelTable
        The versions, with the runs that they come from and those runs' metrics.

    Raises
    ------
    NotFound
        When there is no such model.
    Unavailable
        When the store does not answer.
    """
    current = settings.current()
    store = project.tracking(current, writes=False)
    store.reach(_REACH_TIMEOUT_S)
    try:
        found = model_registry(current).versions(name)
    except NotFound:
        known_names.listed(current.state, registry_of(current), (), name)
        raise
    known_names.listed(current.state, registry_of(current), found, name)
    shown = tuple(found if name is not None else _leading(found))
    return ModelTable(with_runs(store, shown), name, store.shown_uri)


def model_registry(current: settings.Settings) -> ModelRegistry:
    """Return the project's registry of models."""
    return cast("ModelRegistry", registry.load("model_registry", "mlflow")(current.tracking_uri, current.registry_uri))


def registry_of(current: settings.Settings) -> str:
    """Return the address of the project's registry of models."""
    return current.registry_uri or current.tracking_uri


def remember(current: settings.Settings, model: str, version: str, *aliases: str) -> None:
    """Have the names of a version completed from now on, and the aliases that point to it now."""
    known_names.met(current.state, registry_of(current), model, version, aliases)


def with_runs(store: Tracking, versions: tuple[RegisteredVersion, ...]) -> tuple[RegisteredVersion, ...]:
    """Return versions with the names and metrics of their runs, as far as those are still there."""
    wanted = sorted({one.run_id for one in versions if one.run_id is not None})
    runs: dict[str, Run] = {}
    for start in range(0, len(wanted), _RUNS_A_SEARCH):
        some = wanted[start : start + _RUNS_A_SEARCH]
        listed = ", ".join(f"'{one}'" for one in some)
        query = f"attributes.run_id IN ({listed})"
        runs |= {run.run_id: run for run in store.find_runs(None, query, "", len(some))}
    return tuple(
        one if (run := runs.get(one.run_id or "")) is None else replace(one, run=run.name, metrics=run.metrics)
        for one in versions
    )


def _leading(versions: Iterable[RegisteredVersion]) -> Iterator[RegisteredVersion]:
    for _, several in groupby(versions, key=lambda one: one.model):
        newest, *rest = several
        yield newest
        yield from (one for one in rest if one.aliases)
