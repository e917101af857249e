"""What a headless notebook's run learns of the runs within it, without asking the store.

Each run that knows its parent leaves a note in the parent's journal, when it begins and when it ends; the process that
holds the parent open reads them. A run that plain MLflow code opens leaves a mark instead: then only the store knows.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..records import MetricPoint, Run
from .journal import RunFolder, RunFolders, files_of

_FOLDER, _PLAIN = "children", "plain"


def begun(journal: Path, parent: str | None, run_id: str) -> None:
    """Note that a run within another has been opened.

    Parameters
    ----------
    journal
        The folder of the project's journals.
    parent, run_id
        The two runs' ids there. A parent that no process here holds open is told nothing.
    """
    if parent is not None:
        _write(journal / parent, run_id, "{}")


def ended(journal: Path, parent: str | None, run_id: str, run: Run) -> None:
    """Note how a run within another has ended."""
    if parent is not None:
        told = asdict(run) | {"started": run.started.isoformat() if run.started else None}
        _write(journal / parent, run_id, json.dumps(told))


def plain(journal: Path, parent: str) -> None:
    """Mark that plain MLflow code opens a run within another."""
    _write(journal / parent, _PLAIN, "")


def told(folder: RunFolder) -> tuple[Run, ...] | None:
    """Return the runs within a run, the oldest first; ``None`` when not all have told of themselves to the end."""
    found = []
    for file in files_of(folder.path / _FOLDER):
        data = json.loads(file.read_text(encoding="utf-8") or "{}")
        if not data:
            return None
        found.append(_run(data))
    return tuple(sorted(found, key=lambda run: (run.started is not None and run.started.timestamp(), run.run_id)))


def in_store(run: Run, folders: RunFolders) -> Run:
    """Return a run that was told by its id here as the store names it and its parent."""

    def name(run_id: str) -> str:
        return folders.of(run_id).shipped().run_id or run_id

    return replace(run, run_id=name(run.run_id), parent=None if run.parent is None else name(run.parent))


def _run(data: Mapping[str, Any]) -> Run:
    history = {name: tuple(MetricPoint(*point) for point in points) for name, points in data["history"].items()}
    started = None if data["started"] is None else datetime.fromisoformat(data["started"])
    return Run(**({**data} | {"history": history, "started": started, "notes": tuple(data["notes"])}))


def _write(folder: Path, name: str, text: str) -> None:
    # The parent may be a run of the store's, or one whose process has ended.
    with contextlib.suppress(FileNotFoundError):
        if not folder.is_dir():
            return
        notes = folder / _FOLDER
        notes.mkdir(exist_ok=True)
        new = folder / f"{name}.{os.getpid()}.new"
        new.write_text(text, encoding="utf-8")
        new.rename(notes / name)
