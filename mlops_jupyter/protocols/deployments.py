"""Targets of deployments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from ..records import Deployment, RolloutPolicy, ServedVersion


class WantedDeployment(NamedTuple):
    """What is to be served under a name.

    Attributes
    ----------
    name
        The deployment's name.
    versions
        What it serves; the shares of those that are no shadows sum to 100.
    why
        What led to it, in a few words, for its history.
    who
        Who wants it.
    workers
        How many processes answer; ``None`` leaves it as it is.
    port, socket
        Where it listens; ``None`` of both means where it does, else any free port.
    follows
        The URI with an alias that it follows.
    verbose_errors
        Whether an error's message may hold values of the request; ``None`` leaves it as it is.
    monitoring
        How its traffic is watched, as of the settings' ``[monitoring]``; what they do not say is as usual. ``None``
        leaves all as it is.
    limits
        What it takes of a request, as of the settings' ``[serving]``, in the same way.
    config
        What a target of others is told.
    back_to
        The number of the earlier state that this is a return to, as of `Earlier`.
    auto
        How a canary among the versions is promoted or rolled back by itself; ``None`` leaves that to people.
    continues
        Whether it goes on with what is known of the canary so far.
    """

    name: str
    versions: tuple[ServedVersion, ...]
    why: str
    who: str
    workers: int | None = None
    port: int | None = None
    socket: str | None = None
    follows: str | None = None
    verbose_errors: bool | None = None
    monitoring: Mapping[str, Any] | None = None
    limits: Mapping[str, Any] | None = None
    config: Mapping[str, str] | None = None
    back_to: int | None = None
    auto: RolloutPolicy | None = None
    continues: bool = False


class Earlier(NamedTuple):
    """What a deployment served before.

    Attributes
    ----------
    number
        Names it in the deployment's history.
    versions, follows
        What was served, and the alias that was followed.
    at, why
        When it came into force, and what led to it.
    """

    number: int
    versions: tuple[ServedVersion, ...]
    follows: str | None
    at: datetime
    why: str


class ScoringBody(NamedTuple):
    """One request for predictions, which may be a part of what was asked.

    Attributes
    ----------
    content, content_type
        What is sent, in MLflow's scoring protocol.
    first_row
        The number of its first row among all that were asked.
    done
        Which part of all is sent with it and those before it.
    """

    content: bytes
    content_type: str
    first_row: int = 0
    done: float = 1.0


class Answer(NamedTuple):
    """What an endpoint answered to one request."""

    body: bytes
    request_id: str
    version: str


# Told what is going on, and the seconds so far.
Waiting = Callable[[str, float], None]


class DeploymentTarget(Protocol):
    """Where deployments run. Errors are ours: NotFound, Conflict, Unavailable, Rejected, ConfigurationError."""

    def changing(self, name: str) -> AbstractContextManager[None]:
        """Keep others from changing a deployment, which need not be there yet.

        Raises `Conflict` when somebody changes it already, and `CommandError` for a name that cannot be one.
        """

    def apply(self, wanted: WantedDeployment, waiting: Waiting) -> Deployment:
        """Make it so, within `changing`, and return when it answers; what is served already goes on until then.

        Raises `Conflict` when the address is taken, `Unavailable` when it does not become ready, and `Rejected` when
        what runs could not take the change up; it then serves what it did.
        """

    def all(self) -> tuple[Deployment, ...]:
        """Return all deployments."""

    def get(self, name: str) -> Deployment:
        """Return one; raises `NotFound` for no such one."""

    def examine(self, name: str) -> Deployment:
        """Return one with what it takes a question to it to know, such as how a shadow compares; raises as `get`."""

    def before(self, name: str) -> Earlier:
        """Return what it served before; raises `NotFound` when there was nothing."""

    def remove(self, name: str) -> Deployment:
        """End it and leave nothing; return how it was."""

    def release(self, digests: Collection[str]) -> None:
        """Remove the copies, on this machine, of those of these models that none serves or can go back to."""

    def ask(self, name: str, body: ScoringBody, timeout_s: float) -> Answer:
        """Send a scoring request; raises `Rejected` with the endpoint's words when it refuses.

        A row that these name is counted among all that were asked.
        """

    def log_lines(self, name: str, most: int, *, follow: bool) -> Iterator[tuple[str, ...]]:
        """Yield the last lines of its log, then, when it is followed, those that come, until the endpoint ends.

        While nothing comes an empty tuple is yielded now and then, so that whoever reads can stop.
        """
