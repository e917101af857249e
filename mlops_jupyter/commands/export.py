"""``export``: files that tell other systems of what is deployed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

from .. import registry, settings
from ..capabilities.endpoints import bounds, scraping
from ..capabilities.endpoints.folder import METRICS_TOKEN
from ..capabilities.redaction import without_credentials
from ..errors import CommandError
from ..protocols import MonitoringFiles, WatchPlan
from ..records import Deployment, Exported
from ..settings import MonitoringServer, Settings
from . import exported_endpoints, exported_files, project, targets

_WHOLE = 100.0


def export(
    system: Literal["prometheus", "grafana"],
    name: str = "",
    *,
    output: Path | None = None,
    slow: float = 0.25,
    objective: float = 99.5,
    require: Sequence[str] = (),
) -> Exported:
    """Write files that let other systems watch deployments.

    For Prometheus that is its configuration, which follows what is deployed, and for each deployment recording and
    alert rules by its model's signature and baseline, with unit tests of them. For Grafana it is a dashboard and what
    provisions it. Called again it renews the files: your edits stay, and a change that contradicts one is refused.

    Parameters
    ----------
    system
        For whom.
    name
        The deployment; else all.
    output
        The folder for the files; else one called like the system, in the project.
    slow
        From how many seconds on an answer is slow.
    objective
        The share of requests that are to be answered, and in time, in percent.
    require
        What the quality has to be once labels come, such as "accuracy >= 0.9"; may be repeated.

    Returns
    -------
    Exported
        The files, and how they are checked and used.

    Raises
    ------
    NotFound
        When there is no such deployment.
    CommandError
        When a bound cannot be exported_endpoints.
    Conflict
        When a file was not written by this verb, or your edits and the new text change the same lines.
    ConfigurationError
        When a file cannot be read or written.
    """
    if not 0 < objective < _WHOLE:
        raise CommandError(f"--objective is a share in percent, not {objective:g}", "--objective 99.5")
    if not 0 < slow <= bounds.DURATION_BOUNDS[-1]:
        raise CommandError(f"--slow takes up to {bounds.DURATION_BOUNDS[-1]:g} seconds, not {slow:g}", "--slow 0.25")
    current = settings.current()
    required = exported_endpoints.quality(require)
    place = targets.target(current)
    found = (place.get(name),) if name else place.all()
    watched = [exported_endpoints.endpoint(one, required) for one in found]
    folder = (current.root / system if output is None else output.expanduser()).resolve()
    plan = WatchPlan(
        endpoints=tuple(one for one, _ in watched),
        folder=folder,
        targets=_written(scraping.targets(current.prepare_state()), folder, current.root),
        metrics_token=_written(current.state / METRICS_TOKEN, folder, current.root),
        slow_s=bounds.bound_for(slow),
        objective=objective / _WHOLE,
        metrics_url=_url(current.prometheus),
        alerts_url=_url(current.alertmanager),
        batches_url=_url(current.pushgateway),
    )
    files = cast("MonitoringFiles", registry.load("monitoring_files", system)())
    command = shlex.join(
        ["mlops", "export", system, *([name] if name else []), *_options(output, slow, objective, require)]
    )
    written = exported_files.write(folder, files.files(plan), command, current.state, whole=not name)
    notes = [note for _, told in watched for note in told]
    return Exported(
        files.title,
        project.shown_path(current, folder),
        tuple(one.name for one in found),
        written.files,
        (*_notes(found, slow, current), *notes, *written.notes, *files.notes(plan)),
    )


def _options(output: Path | None, slow: float, objective: float, require: Sequence[str]) -> list[str]:
    told = [] if output is None else ["--output", str(output)]
    gates = [word for gate in require for word in ("--require", gate)]
    return [*told, "--slow", f"{slow:g}", "--objective", f"{objective:g}", *gates]


def _written(path: Path, folder: Path, root: Path) -> str:
    """Return a path as a file in the folder names it: relative where both lie in the project, and move with it."""
    return Path(os.path.relpath(path, folder)).as_posix() if folder.is_relative_to(root) else str(path)


def _url(server: MonitoringServer | None) -> str | None:
    return None if server is None else without_credentials(server.url).rstrip("/")


def _notes(found: Sequence[Deployment], slow: float, current: Settings) -> list[str]:
    notes = []
    if not found:
        notes.append("nothing is deployed yet; call it again after mlops deploy")
    if (bound := bounds.bound_for(slow)) != slow:
        notes.append(
            f"answers count as slow beyond {bound:g} s: durations are counted in buckets, and none ends at {slow:g}"
        )
    notes += [
        f"{one.name} listens at a Unix socket, where nothing can scrape it: mlops deploy … --port PORT"
        for one in found
        if one.socket is not None
    ]
    if current.prometheus is None:
        notes.append(
            "when Prometheus runs, say where: [prometheus] url in mlops.toml; mlops monitor then reads from it, and "
            "mlops export grafana, called again, tells Grafana"
        )
    return notes
