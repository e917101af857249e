"""The alerts of an Alertmanager, by its API v2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ...protocols import ServerAccess
from ...records import Alert
from .http import Server

_LIMIT_S = 5.0
# What a summary is taken from, the first that there is.
_SUMMARIES = ("summary", "description", "message")


class AlertmanagerAlerts:
    """The alerts of an Alertmanager.

    Parameters
    ----------
    access
        Where it is, and how one gets in.
    limit_s
        Seconds that a request may take.
    """

    def __init__(self, access: ServerAccess, limit_s: float = _LIMIT_S) -> None:
        self._server = Server("Alertmanager", access, limit_s)

    def firing(self, labels: Mapping[str, str]) -> tuple[Alert, ...]:
        """Return the alerts that fire and carry these labels; those that others inhibit are left out."""
        filters = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items()]
        answer = self._server.request(
            "GET", "/api/v2/alerts", params={"filter": filters, "inhibited": "false", "active": "true"}
        )
        try:
            found = [_alert(one) for one in self._told(answer, list)]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self._server.stranger(answer) from error
        return tuple(sorted(found, key=lambda alert: (alert.since, alert.name)))

    def silence(self, alert: Alert, for_s: float, who: str, why: str) -> str:
        """Silence an alert for a time; return the silence's id."""
        now = datetime.now(UTC)
        wanted = {
            # All of its labels: nothing else is to be silenced with it.
            "matchers": [
                {"name": name, "value": value, "isRegex": False, "isEqual": True}
                for name, value in sorted(alert.labels.items())
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(seconds=for_s)).isoformat(),
            "createdBy": who,
            "comment": why,
        }
        answer = self._server.request("POST", "/api/v2/silences", json=wanted)
        return str(self._told(answer, dict).get("silenceID", ""))

    def close(self) -> None:
        """Let go of the connections."""
        self._server.close()

    def _told(self, answer: httpx.Response, kind: type) -> Any:
        try:
            told = answer.json()
        except ValueError as error:
            raise self._server.stranger(answer) from error
        if not answer.is_success:
            said = told.get("message") if isinstance(told, dict) else told
            raise self._server.error(answer, said if isinstance(said, str) else None)
        if not isinstance(told, kind):
            raise self._server.stranger(answer)
        return told


def _alert(told: Mapping[str, Any]) -> Alert:
    labels, notes = told["labels"], told.get("annotations", {})
    name = labels.get("alertname", "")
    return Alert(
        name=name,
        severity=labels.get("severity", ""),
        summary=next((notes[one] for one in _SUMMARIES if notes.get(one)), name),
        since=datetime.fromisoformat(told["startsAt"]),
        labels=labels,
        silenced=bool(told.get("status", {}).get("silencedBy")),
    )
