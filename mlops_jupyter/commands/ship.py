"""Shipping, as the shipper process does it: everything that a project's journals hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import cast

from .. import registry
from ..capabilities.environment import describe
from ..capabilities.journal import RunFolders
from ..capabilities.shipping import Shipper
from ..protocols import RunSink
from ..settings import Settings, embedded_uri


def shipper(settings: Settings) -> Shipper:
    """Return what ships a project's journals."""
    local = embedded_uri(settings.root)

    @cache
    def sink(uri: str) -> RunSink:
        artifacts: Path | None = settings.artifacts if uri == local else None
        return cast("RunSink", registry.load("run_sink", "mlflow")(uri, artifacts))

    return Shipper(RunFolders(settings.journal), sink, local, _environment)


def _environment(search_path: Sequence[str]) -> str:
    return json.dumps(describe(search_path), indent=1, ensure_ascii=False)
