"""Shipping, as the shipper process does it: everything that a project's journals hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import cast
from urllib.parse import urlsplit

from .. import registry
from ..capabilities.environment import describe
from ..capabilities.journal import RunFolders
from ..capabilities.notes import note_above
from ..capabilities.rendering import Renderings
from ..capabilities.shipping import Place, Shipper, Stores
from ..protocols import MetricMirror, NotebookPages, RunSink, SourceControl
from ..records import RunStart
from ..settings import Settings, embedded_uri
from . import store_variables

# MLflow imports them wherever they are installed, which takes a fifth of its import and 70 MB.
_NOT_NEEDED = ("pandas", "polars")
_MLFLOWS_OWN = {"", "file", "http", "https", "sqlite", "postgresql", "mysql", "mssql"}


def load() -> None:
    """Import what speaks to stores, without what it would import to describe tables: none comes this way."""
    for name in _NOT_NEEDED:
        sys.modules.setdefault(name, cast("ModuleType", None))
    registry.load("run_sink", "mlflow")


def shipper(settings: Settings) -> Shipper:
    """Return what ships a project's journals."""
    local = embedded_uri(settings.root)

    def sink(place: Place) -> RunSink:
        uri = place.uri
        if urlsplit(uri).scheme.partition("+")[0] not in _MLFLOWS_OWN:
            # A plugin's may want what MLflow's own do not.
            for name in _NOT_NEEDED:
                if sys.modules.get(name, ...) is None:
                    del sys.modules[name]
        artifacts: Path | None = settings.artifacts if uri == local else None
        return cast("RunSink", registry.load("run_sink", "mlflow")(uri, artifacts))

    @cache
    def mirror(tool: str) -> MetricMirror:
        return cast("MetricMirror", registry.load("metric_mirror", tool)(settings.event_files))

    pages = cast("NotebookPages", registry.load("notebook_pages", "nbconvert")())
    stores = Stores(sink, local, store_variables.environment(settings))
    return Shipper(RunFolders(settings.journal), stores, _environment, _note, Renderings(pages.start), mirror)


def _note(start: RunStart) -> str | None:
    if start.notebook is None or start.cell_id is None:
        return None
    try:
        notebook = json.loads(Path(start.notebook).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Moved, or just being written: the note is a courtesy.
        return None
    return note_above(notebook, start.cell_id) if isinstance(notebook, dict) else None


def _environment(search_path: Sequence[str]) -> str:
    return json.dumps(
        describe(search_path, cast("SourceControl", registry.load("source_control", "git")())),
        indent=1,
        ensure_ascii=False,
    )
