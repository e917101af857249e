"""What goes on in a project now, for a page that asks every few seconds: read from files, without MLflow."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from .. import settings
from ..capabilities.journal.folder import RunFolder, RunFolders
from ..capabilities.tracking import CELL_ID_TAG, PARENT_TAG
from ..records import Deployments, EndpointHealth, OpenRunSeen, Overview
from . import targets


def overview(folder: Path) -> Overview:
    """Say which runs are open and how the endpoints are, in the project around a folder.

    Parameters
    ----------
    folder
        A directory; one that is not there counts as the nearest above it.

    Returns
    -------
    Overview
        The runs, the newest first, and the endpoints by name.

    Raises
    ------
    ConfigurationError
        When the project's settings cannot be read.
    """
    current = around(folder)
    runs = [_seen(one) for one in RunFolders(current.journal)]
    return Overview(
        root=str(current.root),
        open_runs=tuple(sorted(filter(None, runs), key=lambda run: run.started, reverse=True)),
        endpoints=tuple(
            EndpointHealth(one.name, one.status, one.restarts, one.error or one.not_followed)
            for one in targets.target(current).all()
        ),
    )


def deployed(folder: Path) -> Deployments:
    """Return the endpoints on this machine of the project around a folder.

    Parameters
    ----------
    folder
        A directory; one that is not there counts as the nearest above it.

    Raises
    ------
    ConfigurationError
        When the project's settings cannot be read.
    """
    current = around(folder)
    return Deployments(tuple(targets.with_jupyter(one, current.root) for one in targets.target(current).all()))


def around(folder: Path) -> settings.Settings:
    """Return the settings of the project around a folder, which may be gone; raises `ConfigurationError`."""
    start = next(one for one in (folder, *folder.parents) if one.is_dir())
    return settings.load(settings.find_root(start, os.environ), os.environ)


def _seen(folder: RunFolder) -> OpenRunSeen | None:
    if folder.has_ended() or not folder.owner_lives() or folder.shipped().status is not None:
        return None
    start = folder.start()
    if start is None:
        return None
    started = datetime.fromtimestamp(start.started_ms / 1000, UTC)
    return OpenRunSeen(
        start.run_id, start.name, start.notebook, started, start.tags.get(CELL_ID_TAG), start.tags.get(PARENT_TAG)
    )
