"""``history``: the versions of a notebook, in commits, snapshots and runs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from .. import settings
from ..capabilities import live_documents
from ..capabilities.honesty import verdict_of
from ..capabilities.references import run_version
from ..capabilities.run_query import NEWEST_FIRST
from ..capabilities.run_snapshot import SNAPSHOT_TAG
from ..capabilities.tracking import REPRODUCES_TAG
from ..errors import CommandError, Conflict, ServiceError
from ..protocols import Destroys, Short, Snapshots, StoredSnapshot, Tracking
from ..records import History, Run, Version
from . import project
from .arguments import notebook_file
from .snapshot import of_others
from .snapshot import store as snapshots_in
from .versions import directory_of, own_notebook

_REACH_TIMEOUT_S = 2.5
_WITH_SNAPSHOT = f"tags.`{SNAPSHOT_TAG}` LIKE '%'"
_PAGE = 1000


def history(
    notebook: Path | None = None, *, limit: Annotated[int, Short("-n")] = 20, prune: Destroys = False
) -> History:
    """List the versions of a notebook, newest first.

    Versions are the commits that changed it, the snapshots that hold it, with the runs that took them, the runs that
    alone keep it, outside git or from another clone, and the file as it is now. Renames are followed, committed or not.

    Parameters
    ----------
    notebook
        Which, also one that was deleted; else the one of this kernel, else every notebook's snapshots.
    limit
        How many versions at the most.
    prune
        First let go of the snapshots that no run names and that are older than ``snapshots.keep_days`` of mlops.toml
        (90 days unless it says otherwise).

    Returns
    -------
    History
        The versions; ``diff`` and ``restore`` take them by their ``ref``.

    Raises
    ------
    NotFound
        When there is no such notebook, and no version of it.
    Unavailable
        When snapshots are to be pruned and the store does not answer which of them runs name.
    """
    if limit < 1:
        raise CommandError(f"--limit must be at least 1, not {limit}", "mlops history --limit 20")
    current = settings.current()
    path = own_notebook(notebook)
    directory = directory_of(path)
    keeper = snapshots_in(current, directory)
    notes: tuple[str, ...] = ()
    if prune:
        runs = _all_runs_by_snapshot(current)
        notes = (_prune(current, keeper, directory, runs),)
    else:
        try:
            runs = _runs_by_snapshot(current)
        except ServiceError as away:
            runs, notes = {}, (f"which runs took the snapshots is not known: {away.message}",)
    stored = keeper.taken(directory, path)
    names: tuple[str, ...] = ()
    if path is not None:
        commits = keeper.commits_of(directory, path, limit)
        former = _former(keeper, directory, path, commits)
        stored += tuple(_under_former(keeper, directory, former, {one.commit for one in stored}))
        stored = tuple(one for one in stored if one.changed or not of_others(one.title, Path(one.path).name))
        stored += commits
        names = tuple(project.shown_path(current, one) for one in (path, *former))
    versions = [*_now(current, path), *(_version(one, names, runs) for one in stored)]
    versions += _kept_alone(current, {one.commit for one in keeper.taken(directory)}, names, runs)
    if not versions and notebook is not None:
        notebook_file(notebook)
    versions.sort(key=lambda one: one.time or datetime.max.replace(tzinfo=UTC), reverse=True)
    shown = "(all)" if path is None else project.shown_path(current, path)
    if len(versions) > limit:
        notes += (f"{len(versions) - limit} older ones are not shown: mlops history --limit {2 * limit}",)
    return History(shown, tuple(versions[:limit]), notes)


def _now(current: settings.Settings, path: Path | None) -> Iterable[Version]:
    if path is None:
        return
    name = project.shown_path(current, path)
    if live_documents.content_of(path) is not None:
        yield Version("live", name, name, None, "as it is open now, unsaved edits too")
    if path.is_file():
        saved = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        yield Version("file", name, name, saved, "as it is saved now")


def _former(keeper: Snapshots, directory: Path, path: Path, commits: Iterable[StoredSnapshot]) -> tuple[Path, ...]:
    """Return where a notebook lies in its commits, but for its own place, and for where another one lies now."""
    top, own = keeper.top(directory), path.parent.resolve() / path.name
    found = () if top is None else dict.fromkeys(top / one.path for one in commits)
    return tuple(one for one in found if one != own and not one.exists())


def _under_former(
    keeper: Snapshots, directory: Path, former: Iterable[Path], known: Container[str]
) -> Iterator[StoredSnapshot]:
    """Return the snapshots of before a rename: they hold the notebook under another name, and under its own none."""
    for place in former:
        yield from (one for one in keeper.taken(directory, place) if one.commit not in known)


def _version(one: StoredSnapshot, names: Sequence[str], runs: Mapping[str, list[Run]]) -> Version:
    its = [run for run in runs.get(one.commit, ()) if run.notebook is None or _is_of(run, names)]
    return Version(
        kind=one.kind,
        ref=one.short,
        notebook=one.path or names[0] if names else "",
        time=one.time,
        title=one.title,
        author=one.author,
        commit=one.commit,
        runs=tuple(run.run_id for run in its),
        honesty=verdict_of(run.tags for run in its),
    )


def _is_of(run: Run, names: Sequence[str]) -> bool:
    """Tell whether a run is of a notebook, or of any: with another's it was kept as well, but did not run."""
    return run.notebook is not None and (not names or run.notebook in names)


def _kept_alone(
    current: settings.Settings, commits: Container[str], names: Sequence[str], runs: Mapping[str, list[Run]]
) -> Iterator[Version]:
    """Return the versions that runs alone keep: outside git, or taken in another clone."""
    for snapshot, its in runs.items():
        for run in its if snapshot not in commits else ():
            # Others may use the store, with notebooks of the same name; a reproduction has its original's.
            own = current.embedded or run.experiment == current.experiment
            if own and _is_of(run, names) and REPRODUCES_TAG not in run.tags:
                yield replace(run_version(run), honesty=verdict_of((run.tags,)))


def _runs_by_snapshot(current: settings.Settings) -> dict[str, list[Run]]:
    """Return the runs of each snapshot, by its full hash, of all experiments."""
    return _named_in(project.tracking(current, writes=False))


def _named_in(tracking: Tracking) -> dict[str, list[Run]]:
    tracking.reach(_REACH_TIMEOUT_S)
    found: dict[str, list[Run]] = {}
    page: str | None = None
    while True:
        table = tracking.find_runs(None, _WITH_SNAPSHOT, NEWEST_FIRST, _PAGE, page)
        for run in table:
            found.setdefault(run.tags[SNAPSHOT_TAG], []).append(run)
        page = table.next_page
        if page is None:
            return found


def _all_runs_by_snapshot(current: settings.Settings) -> dict[str, list[Run]]:
    """Return the same once it is certain that no run is missing; raises what the store says, or `Conflict`."""
    project.tracking(current, writes=False).reach(_REACH_TIMEOUT_S)
    if left := project.flush(current, answers=True):
        raise Conflict(f"nothing was pruned: {left[0]}, and they may name a snapshot", "mlops doctor --ship")
    named = _runs_by_snapshot(current)
    if not current.embedded and current.database.is_file():
        # The runs that the project had before it was given another store are to be reproduced too.
        named = _named_in(project.embedded_tracking(current)) | named
    return named


def _prune(current: settings.Settings, keeper: Snapshots, directory: Path, named: Mapping[str, list[Run]]) -> str:
    """Let go of old snapshots that no run names."""
    oldest = datetime.now(UTC) - timedelta(days=current.keep_days)
    unnamed = [
        one for one in keeper.taken(directory, project=current.root) if one.commit not in named and one.time < oldest
    ]
    keeper.forget(directory, unnamed)
    where = project.tracking(current, writes=False).shown_uri
    return (
        f"{len(unnamed)} snapshots were let go that no run in {where} names and that are older than "
        f"{current.keep_days} days"
    )
