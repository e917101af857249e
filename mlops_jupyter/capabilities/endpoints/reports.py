"""The last report of each version's drift, as JSON in ``watch/drift/VERSION.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ...records import Distribution, DriftReport, FeatureDrift
from ..private_files import write_private

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
    folder = watch / _FOLDER
    found = {}
    for file in sorted(folder.glob("[!.]*.json")) if folder.is_dir() else ():
        try:
            found[unquote(file.stem)] = _report(json.loads(file.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return found


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a report holds a {type(value).__name__}")


def _report(told: Mapping[str, Any]) -> DriftReport:
    moments = {name: datetime.fromisoformat(told[name]) if told[name] else None for name in ("since", "until")}
    parts = {name: tuple(map(_drift, told[name])) for name in ("features", "predictions")}
    return DriftReport(**{**told, **moments, **parts, "notes": tuple(told["notes"])})


def _drift(told: Mapping[str, Any]) -> FeatureDrift:
    picture = told["distribution"]
    if picture is not None:
        picture = Distribution(**{name: tuple(values) for name, values in picture.items()})
    return FeatureDrift(**{**told, "distribution": picture})
