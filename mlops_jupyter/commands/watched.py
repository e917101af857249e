"""A deployment that is looked at: its series, how it is, and what can be done about it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ..capabilities.endpoints.series_rates import Numbers
from ..capabilities.monitoring.curves import CurveKey, Curves, by_name, grain, told, variants, version_series
from ..capabilities.monitoring.folder import WatchFolder
from ..capabilities.monitoring.sources import CurveSource, Seen
from ..errors import CommandError, MlopsError, NotFound
from ..protocols import Alerts, DeploymentTarget
from ..records import Alert, Deployment, Monitored
from . import targets
from .rollback import rollback
from .traffic import traffic

# Alerts change no faster than rules are evaluated; a server that fails is left alone as long.
_ALERTS_EVERY_S = 5.0
_ENDPOINT = "endpoint"
NOTHING_YET = "nothing has been recorded in this time; what is asked is seen some seconds later"
_GONE = frozenset({"stopped", "failed", "unknown"})


class WatchedDeployment:
    """A deployment of this project. To read it raises nothing: what is the matter is told in the notes.

    Parameters
    ----------
    name
        The deployment.
    since_s
        How far back was asked for, in seconds.
    place
        Where it runs.
    folder
        What its own monitoring leaves.
    source, source_name
        Where its series come from, and what that is called.
    alerts
        What tells of alerts, ``None`` without one.
    """

    def __init__(
        self,
        name: str,
        since_s: float,
        *,
        place: DeploymentTarget,
        folder: WatchFolder,
        source: CurveSource,
        source_name: str,
        alerts: Alerts | None,
    ) -> None:
        self.name, self.since_s = name, since_s
        self._place, self._folder, self._source, self._source_name = place, folder, source, source_name
        self._alerts = alerts
        self._fired: tuple[float, tuple[Alert, ...], tuple[str, ...]] = (float("-inf"), (), ())

    def read(self, range_s: float, after_s: float | None = None) -> Monitored:
        """Return how the deployment is, and its series."""
        notes: list[str] = []
        deployment = self._deployment(notes)
        known = variants(deployment)
        seen = self._seen(range_s, after_s, notes)
        curves = seen.curves
        if after_s is None and not curves.values:
            if not notes:
                notes.append(NOTHING_YET)
            if self._source_name != _ENDPOINT:
                notes.append("the endpoint's own history is shown by --source endpoint")
        return Monitored(
            name=self.name,
            status=deployment.status,
            source=self._source_name,
            step_s=seen.grain.step_s,
            times=tuple(curves.times.tolist()),
            range_s=range_s,
            versions=version_series(curves, known),
            in_flight=_of_all(curves, "in_flight"),
            queued=_of_all(curves, "queued"),
            drift={**by_name(curves, "drift"), **by_name(curves, "prediction_drift", prefix="→ ")},
            quality=by_name(curves, "performance", "model_errors"),
            reports=self._folder.reports(known, notes),
            qualities=self._folder.qualities(known, notes),
            alerts=self._firing(notes),
            decisions=deployment.decisions,
            served=deployment.versions,
            notes=tuple(dict.fromkeys((*_remarks(deployment), *notes))),
        )

    def share(self, *shares: str) -> Deployment:
        """Share its traffic out, as the verb ``traffic`` does."""
        return traffic(self.name, *shares)

    def roll_back(self) -> Deployment:
        """Let it serve what it served before, as the verb ``rollback`` does."""
        return rollback(self.name)

    def acknowledge(self, alert: Alert, for_s: float) -> str:
        """Silence an alert for a time, in the user's name; return what names the silence."""
        if self._alerts is None:
            raise CommandError("no server of alerts is named", 'write url = "http://HOST:9093" under [alertmanager]')
        named = self._alerts.silence(alert, for_s, targets.who(), f"acknowledged in mlops monitor {self.name}")
        self._fired = (float("-inf"), (), ())
        return named

    def _deployment(self, notes: list[str]) -> Deployment:
        try:
            return self._place.get(self.name)
        except NotFound:
            notes.append(f"{self.name} is not deployed any more")
        except MlopsError as error:
            notes.append(error.message)
        return Deployment(name=self.name, target=targets.LOCAL, status="unknown", versions=())

    def _seen(self, range_s: float, after_s: float | None, notes: list[str]) -> Seen:
        try:
            seen = self._source.curves(range_s, after_s)
        except MlopsError as error:
            notes.append(error.message if error.hint is None else f"{error.message}; {error.hint}")
            return Seen(grain(range_s), Curves(np.empty(0), {}))
        notes.extend(seen.notes)
        return seen

    def _firing(self, notes: list[str]) -> tuple[Alert, ...]:
        if self._alerts is None:
            return ()
        if time.monotonic() - self._fired[0] > _ALERTS_EVERY_S:
            try:
                self._fired = (time.monotonic(), self._alerts.firing({"endpoint": self.name}), ())
            except MlopsError as error:
                self._fired = (time.monotonic(), (), (error.message,))
        notes.extend(self._fired[2])
        return self._fired[1]


def _of_all(curves: Curves, what: str) -> tuple[float | None, ...]:
    nothing: Numbers = np.full(len(curves.times), np.nan)
    return told(curves.values.get(CurveKey(what), nothing))


def _remarks(deployment: Deployment) -> Sequence[str]:
    if deployment.status in _GONE and deployment.error is not None:
        return (*deployment.notes, f"{deployment.status}: {deployment.error}")
    return deployment.notes
