"""Which version of a model a request goes to, and how one plan takes another's place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..capabilities.endpoints import EndpointPlan, Limits, PlannedVersion
from . import probing
from .batching import Batcher, Runner, Whole, Work
from .comparing import shadow
from .telemetry import Telemetry, variant_of

_LOG = logging.getLogger(__name__)
_SLOW_S = 0.002


class Version:
    """One version that answers.

    Parameters
    ----------
    planned
        What the plan says of it.
    runner, probe
        What calls its model, and what was found out about that.
    limits, telemetry
        The endpoint's.
    """

    def __init__(
        self, planned: PlannedVersion, runner: Runner, probe: probing.Probe, limits: Limits, telemetry: Telemetry
    ) -> None:
        self.schema = probe.schema
        slow = planned.shadow or probe.call_s is None or probe.call_s > _SLOW_S
        self.batcher = Batcher(
            runner, limits, telemetry, (planned.model or "", planned.version), joins=probe.joins, slow=slow
        )
        self.behind = 0.0
        self.play(planned)

    def play(self, planned: PlannedVersion) -> None:
        """Take the part that a plan has for it."""
        self.planned = planned
        self.labels = (planned.model or "", planned.version, variant_of(planned))
        self.answer_labels = {protocol: (*self.labels, protocol) for protocol in ("scoring", "inference")}
        self.name = planned.version.encode("ascii", "replace")


# What the requests of a batch, the answers and the version are told to, once the answers have been sent.
Observer = Callable[[Version, Sequence[Work], Sequence[Any], Whole], None]


class Table:
    """The versions of one plan, and whose turn it is.

    Parameters
    ----------
    plan
        The endpoint's plan.
    versions
        Its versions, loaded.
    """

    def __init__(self, plan: EndpointPlan, versions: Sequence[Version]) -> None:
        self.plan = plan
        self.versions = versions
        self.answering = [version for version in versions if not version.planned.shadow]
        self.shadows = [version for version in versions if version.planned.shadow]
        self.shared = [version for version in self.answering if version.planned.percent > 0]
        self.only = self.shared[0] if len(self.shared) == 1 else None
        self.names = {plan.name, *(version.planned.model for version in self.answering if version.planned.model)}

    def pick(self) -> Version:
        """Return the version whose turn it is: shares are met as evenly as can be, not by chance."""
        if self.only is not None:
            return self.only
        total = 0.0
        for version in self.shared:
            share = version.planned.percent
            version.behind += share
            total += share
        chosen = max(self.shared, key=lambda version: version.behind)
        chosen.behind -= total
        return chosen

    def named(self, name: str) -> Version | None:
        """Return the version of a name, if it answers here."""
        return next((version for version in self.answering if version.planned.version == name), None)


class Router:
    """The table in force.

    Parameters
    ----------
    telemetry
        Where everything is counted.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.table: Table | None = None
        self.observers: tuple[Observer, ...] = ()
        # Who is told that a model has not come back from a call, and will not.
        self.on_hung: Callable[[], None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def follow(self, plan: EndpointPlan) -> None:
        """Load what a plan asks for and put it in force; what is served now is served until then.

        Raises
        ------
        ConfigurationError
            When a version cannot be loaded, or does not answer its example; then nothing has changed.
        """
        before = self.table.versions if self.table is not None else ()
        same_limits = self.table is not None and self.table.plan.limits == plan.limits
        kept = {_identity(version.planned): version for version in before} if same_limits else {}
        versions = []
        for planned in plan.versions:
            version = kept.get(_identity(planned))
            if version is None:
                runner, probe = await asyncio.to_thread(probing.load, planned, plan.limits)
                version = Version(planned, runner, probe, plan.limits, self.telemetry)
                version.batcher.on_hung = self.on_hung
            versions.append(version)
        for version, planned in zip(versions, plan.versions, strict=True):
            version.play(planned)
        self.table = Table(plan, versions)
        self.telemetry.serving(plan.versions)
        self._attach()
        for version in before:
            if version not in versions:
                task = asyncio.create_task(version.batcher.drained())
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)

    def observe(self, *observers: Observer) -> None:
        """Have answers told to these from now on, and to nobody else, off the path of requests."""
        self.observers = observers
        self._attach()

    async def drained(self) -> None:
        """Wait until no model has anything to do any more."""
        if self.table is not None:
            await asyncio.gather(*(version.batcher.drained() for version in self.table.versions))
        await asyncio.gather(*self._leaving)

    def _attach(self) -> None:
        if self.table is None:
            return
        for version in self.table.answering:
            told = bool(self.table.shadows or self.observers)
            version.batcher.observer = partial(self._tell, version) if told else None

    def _tell(self, version: Version, batch: Sequence[Work], found: Sequence[Any], whole: Whole) -> None:
        for other in self.table.shadows if self.table is not None else ():
            shadow(batch, found, other.batcher, self.telemetry, other.labels[:2])
        for observer in self.observers:
            try:
                observer(version, batch, found, whole)
            except Exception:  # noqa: BLE001 -- who looks on does not disturb who serves
                _LOG.exception("an observer of version %s failed", version.planned.version)


def _identity(planned: PlannedVersion) -> tuple[object, ...]:
    """Return what two plans must agree on for a loaded version to stay as it is."""
    signature = tuple(sorted((planned.signature or {}).items()))
    return (planned.version, planned.model, planned.path, planned.digest, planned.runner, planned.shadow, signature)
