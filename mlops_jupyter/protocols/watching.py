"""A deployment that somebody looks at, as a face shows it live."""

from __future__ import annotations

from typing import Protocol

from ..records import Alert, Deployment, Monitored


class Watched(Protocol):
    """A deployment, what it does, and what can be done about it.

    Attributes
    ----------
    name
        The deployment.
    since_s
        How far back was asked for, in seconds.
    """

    name: str
    since_s: float

    def read(self, range_s: float, after_s: float | None = None) -> Monitored:
        """Return how the deployment is, and its series.

        Whatever is the matter with it, or with a server that is asked, is told in the notes.

        Parameters
        ----------
        range_s
            How far back from now.
        after_s
            Leave out the instants up to this one.
        """

    def share(self, *shares: str) -> Deployment:
        """Share its traffic out, as the verb ``traffic`` does."""

    def roll_back(self) -> Deployment:
        """Let it serve what it served before, as the verb ``rollback`` does."""

    def acknowledge(self, alert: Alert, for_s: float) -> str:
        """Silence an alert for a time, in the user's name; return what names the silence."""
