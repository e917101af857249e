"""Which states of a notebook are kept in snapshots, for a front end that says whether the one it has is."""

from __future__ import annotations

from pathlib import Path

from ..capabilities import sources
from ..capabilities.notebooks import reading
from ..protocols import Snapshots, StoredSnapshot
from ..records import KeptSources
from .overview import around
from .snapshot import store

# Of a notebook that was snapshotted more often, an older state counts as one that is not kept.
_LOOKED_AT = 20
# By a snapshot's hash and the notebook's path in it: what a snapshot holds does not change.
_known: dict[tuple[str, str], str] = {}
_MOST_KNOWN = 10_000


def kept_sources(notebook: Path) -> KeptSources:
    """Say which states of a notebook's cells its snapshots hold.

    Parameters
    ----------
    notebook
        Its absolute path; the file may be gone.

    Returns
    -------
    KeptSources
        The checksums of the newest ones.

    Raises
    ------
    ConfigurationError
        When the project's settings cannot be read, or git refuses the repository.
    """
    directory = next(one for one in notebook.parents if one.is_dir())
    keeper = store(around(directory), directory)
    found = keeper.taken(directory, notebook)
    if not found:
        return KeptSources()
    checksums = (_checksum(keeper, directory, one) for one in found[:_LOOKED_AT])
    return KeptSources(found[0].short, found[0].time, tuple(dict.fromkeys(checksums)))


def _checksum(keeper: Snapshots, directory: Path, one: StoredSnapshot) -> str:
    key = (one.commit, one.path)
    if key not in _known:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        notebook = reading.read(keeper.read(directory, one.commit, one.path), one.path)
        _known[key] = sources.checksum_of_cells(notebook)
    return _known[key]
