"""What is wanted of an endpoint as its plan, and a plan's versions as others know them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...capabilities.endpoints import (
    EndpointPlan,
    Limits,
    MonitoringPlan,
    PlannedVersion,
    history,
    neutral_examples,
    runners,
)
from ...capabilities.endpoints.folder import EndpointFolder
from ...capabilities.private_files import write_private
from ...protocols import WantedDeployment
from ...records import ServedVersion, ServingLimits

_MB = 1_000_000
# The names of what the settings call otherwise.
_LIMITS = {"timeout_s": "deadline_s", "queue": "queued"}


def planned(old: EndpointPlan, wanted: WantedDeployment) -> EndpointPlan:
    """Return the plan of an endpoint that does what is wanted; what nobody has said stays as it was."""
    monitoring = old.monitoring if wanted.monitoring is None else MonitoringPlan(**wanted.monitoring)
    changes: dict[str, Any] = {
        "name": wanted.name,
        "versions": tuple(_planned_version(one, monitoring.redact) for one in wanted.versions),
        "monitoring": monitoring,
        "limits": old.limits if wanted.limits is None else _limits(wanted.limits),
        "follows": wanted.follows,
        "auto": wanted.auto,
    }
    if wanted.workers is not None:
        changes["workers"] = wanted.workers
    if wanted.verbose_errors is not None:
        changes["verbose_errors"] = wanted.verbose_errors
    if wanted.port is not None:
        changes |= {"port": wanted.port, "socket": None}
    if wanted.socket is not None:
        changes |= {"port": 0, "socket": wanted.socket}
    return replace(old, **changes)


def _limits(told: Mapping[str, Any]) -> Limits:
    """Return what a request may be, from the settings; what they do not say is as usual."""
    named = {_LIMITS.get(name, name): value for name, value in told.items()}
    if "body_mb" in named:
        named["body_bytes"] = round(named.pop("body_mb") * _MB)
    return Limits(**named)


def limits_of(plan: EndpointPlan) -> ServingLimits:
    """Return what a request may be, in the words of the settings."""
    limits = plan.limits
    return ServingLimits(
        body_mb=limits.body_bytes / _MB,
        rows=limits.rows,
        columns=limits.columns,
        timeout_s=limits.deadline_s,
        queue=limits.queued,
    )


def _planned_version(version: ServedVersion, redact: tuple[str, ...]) -> PlannedVersion:
    return PlannedVersion(
        version=version.version,
        source=version.source,
        path=version.path,
        runner=runners.choose(version.flavors, Path(version.path), version.signature),
        model=version.model,
        percent=version.percent,
        shadow=version.shadow,
        canary=version.canary,
        digest=version.digest,
        run_id=version.run_id,
        flavors=version.flavors,
        signature=version.signature,
        # Requests to paste, the description and the page for trying are made of it.
        example=neutral_examples.neutral(version.example, redact, version.signature),
        trusted=version.trusted,
        baseline=version.baseline,
    )


def with_baseline(folder: EndpointFolder, version: ServedVersion) -> ServedVersion:
    """Return a version whose baseline lies where it will stay: in the model's folder, or the endpoint's."""
    if version.baseline is None or Path(version.baseline).is_relative_to(version.path):
        return version
    place = folder.path / "baseline"
    if Path(version.baseline).parent == place:
        return version
    text = Path(version.baseline).read_text(encoding="utf-8")
    # Another baseline of the same version is another file: who has taken up the first keeps it, and can go back to it.
    kept = place / f"{quote(version.version, safe='')}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    place.mkdir(mode=0o700, exist_ok=True)
    write_private(kept, text)
    return replace(version, baseline=str(kept))


def drop_baselines(folder: EndpointFolder) -> None:
    """Remove the baselines of versions that an endpoint neither serves nor can go back to."""
    kept = {one.baseline for entry in history.entries(folder.history) for one in entry.versions}
    for file in (folder.path / "baseline").glob("*.json"):
        if str(file) not in kept:
            file.unlink(missing_ok=True)


def served(version: PlannedVersion) -> ServedVersion:
    """Return a version of a plan as others know it."""
    return ServedVersion(
        version=version.version,
        source=version.source,
        model=version.model,
        percent=version.percent,
        shadow=version.shadow,
        canary=version.canary,
        run_id=version.run_id,
        digest=version.digest,
        path=version.path,
        flavors=version.flavors,
        signature=version.signature,
        example=version.example,
        trusted=version.trusted,
        baseline=version.baseline,
    )
