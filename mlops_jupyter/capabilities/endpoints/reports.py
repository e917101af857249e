"""The last report of each version's drift, as JSON in ``watch/drift/VERSION.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from ...records import DriftReport
from ..private_files import write_private
from ..stored_records import of_versions

_FOLDER = "drift"


def write_drift(watch: Path, report: DriftReport) -> None:
    """Keep a report, whole or not at all, in the place of the version's last.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    folder = watch / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    text = json.dumps(asdict(report), default=_moment, allow_nan=False)
    write_private(folder / f"{quote(report.version or '', safe='')}.json", text)


def read_drift(watch: Path) -> dict[str, DriftReport]:
    """Return the last report of each version; what is damaged is passed over."""
    return of_versions(DriftReport, watch / _FOLDER)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a report holds a {type(value).__name__}")
