"""``monitor``: what a deployed model does now, and did in the time before."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from .. import settings
from ..capabilities.endpoints.folder import endpoint_folder
from ..capabilities.endpoints.series import SeriesFile
from ..capabilities.monitoring import stretches
from ..capabilities.monitoring.folder import WatchFolder
from ..capabilities.monitoring.sources import AskedServer, OwnHistory
from ..errors import CommandError
from ..protocols import DeploymentName, Reporter, Silent
from ..records import Monitored
from . import monitoring_servers, pages, project, targets
from .watched import NOTHING_YET, WatchedDeployment

# A history begins within that time after an endpoint has.
_FIRST_S, _LOOK_S = 15.0, 0.5


def monitor(
    name: DeploymentName,
    *,
    since: str = "1h",
    source: Literal["endpoint", "prometheus"] | None = None,
    html: Path | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Monitored:
    """Show what a deployment does: throughput, latency, errors, drift, quality, alerts.

    In a notebook that somebody looks at, a live dashboard stands below the cell, in which traffic can be shared out,
    a change rolled back and an alert acknowledged. Elsewhere, and in a saved notebook, a picture shows how it was.

    Parameters
    ----------
    name
        The deployment.
    since
        How far back: 15m, 1h, 6h, 7d.
    source
        Where the series come from: the endpoint's own history, or Prometheus, which is asked where the settings name
        one unless told otherwise.
    html
        Write the picture as an HTML file, too, in a folder that is made when it is missing.
    reporter
        Where the live dashboard is shown.

    Returns
    -------
    Monitored
        How it is now, with the series so far. What could not be had is told in its notes.

    Raises
    ------
    NotFound
        When there is no such deployment.
    CommandError
        When --since is no time, or --source names a Prometheus that the settings do not.
    ConfigurationError
        When the HTML file cannot be written.
    """
    since_s = stretches.seconds(since, "--since")
    watched = watch(settings.current(), name, since_s, source)
    if project.notebook_host().shows_widgets():
        reporter.watch(watched)
        found = watched.read(since_s)
    else:
        found = _recorded(watched, since_s, reporter)
    if html is None:
        return found
    return replace(found, notes=(*found.notes, pages.write(html, reporter.page(found))))


def _recorded(watched: WatchedDeployment, since_s: float, reporter: Reporter) -> Monitored:
    """Return how it was once there is anything to show, for a picture that nobody draws anew."""
    end = time.monotonic() + _FIRST_S
    while True:
        found = watched.read(since_s)
        if NOTHING_YET not in found.notes or found.status != "ready" or time.monotonic() > end:
            return found
        reporter.progress(f"{watched.name}: what it does is recorded in some seconds", 0, 1)
        time.sleep(_LOOK_S)


def watch(
    current: settings.Settings, name: str, since_s: float, source: Literal["endpoint", "prometheus"] | None = None
) -> WatchedDeployment:
    """Return a deployment of a project to be looked at; raises as `monitor` does."""
    place = targets.target(current)
    place.get(name)
    folder = WatchFolder(endpoint_folder(current.state, name).watch)
    metrics = None if source == "endpoint" else monitoring_servers.metrics(current)
    if metrics is None and source == "prometheus":
        raise CommandError(
            "no Prometheus is named in the settings", 'write url = "http://HOST:9090" under [prometheus]'
        )
    return WatchedDeployment(
        name,
        since_s,
        place=place,
        folder=folder,
        source=OwnHistory(SeriesFile(folder.series)) if metrics is None else AskedServer(metrics, name),
        source_name="endpoint" if metrics is None else "prometheus",
        alerts=monitoring_servers.alerts(current),
    )
