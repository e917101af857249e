"""Which run a user means: by its id, by the beginning of it as in git, or by its name."""

from __future__ import annotations

import re

from ..errors import CommandError, Conflict, NotFound
from ..protocols import Tracking
from ..records import Run
from .run_query import NEWEST_FIRST
from .tracking import LOCAL_ID_TAG, REPRODUCES_TAG

_ID, _ABBREVIATED = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{4,31}")
_FIRST_ID = f"tags.`{LOCAL_ID_TAG}`"
_SHOWN = 5
# Among so many of a name, ordinary runs are looked for.
_NAMED = 100


def find_run(store: Tracking, word: str, experiment: str) -> Run:
    """Return the one run that is meant.

    Parameters
    ----------
    store
        Where runs are kept.
    word
        An id, at least four letters of its beginning, or a run's name.
    experiment
        Where a name is looked for first.

    Raises
    ------
    NotFound
        When there is none.
    Conflict
        When there are several; they are listed.
    """
    word = word.strip()
    if not word:
        raise CommandError("a run's id or name cannot be empty", "mlops runs")
    found: dict[str, Run] = {}
    if _ID.fullmatch(word.lower()) or _ABBREVIATED.fullmatch(word.lower()):
        start = f"LIKE '{word.lower()}%'"
        # A server that was away when a run began gave it another id than the one that its card shows.
        found = _search(store, None, f"attributes.run_id {start}") or _search(store, None, f"{_FIRST_ID} {start}")
    if not found and _ID.fullmatch(word.lower()):
        return store.get_run(word.lower())
    named = _named(store, word, experiment)
    # A reproduction is called as its original is, which is the one that is meant.
    found |= {run_id: run for run_id, run in named.items() if REPRODUCES_TAG not in run.tags} or named
    if not found:
        raise NotFound(f"there is no run {word} in {store.shown_uri}", "mlops runs --all-experiments")
    if len(found) > 1:
        several = [f"{run.run_id[:12]} {run.name} ({run.experiment})" for run in list(found.values())[:_SHOWN]]
        more = ", …" if len(found) > _SHOWN else ""
        by_name = all(run.name == word for run in found.values())
        hint = "say which by the beginning of its id" if by_name else "write more of the run's id"
        raise Conflict(f"{word} may be any of {', '.join(several)}{more}", hint)
    return next(iter(found.values()))


def _named(store: Tracking, name: str, experiment: str) -> dict[str, Run]:
    """Look for a name, first where the project's runs are."""
    if "'" in name and '"' in name:
        raise CommandError(f"a name with both quotation marks cannot be searched for: {name}", "write the run's id")
    mark = '"' if "'" in name else "'"
    query = f"attributes.run_name = {mark}{name}{mark}"
    try:
        return _search(store, experiment, query, _NAMED) or _search(store, None, query, _NAMED)
    except NotFound:
        # The project's experiment comes to life with its first run.
        return _search(store, None, query, _NAMED)


def _search(store: Tracking, experiment: str | None, query: str, most: int = _SHOWN + 1) -> dict[str, Run]:
    return {run.run_id: run for run in store.find_runs(experiment, query, NEWEST_FIRST, most)}
