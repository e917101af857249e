"""What an endpoint does about its canary by itself; no verb, but what its attendant calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from .. import settings
from ..capabilities import rollouts
from ..capabilities.canaries import log
from ..capabilities.canaries.decisions import Outcome, begun, decide
from ..capabilities.canaries.seeing import seen
from ..capabilities.canaries.windows import Seen
from ..capabilities.endpoints import control
from ..capabilities.endpoints.folder import endpoint_folder
from ..capabilities.endpoints.reports import read_drift
from ..capabilities.quality.keeping import QualityOfTimes
from ..protocols import Silent, WantedDeployment
from ..records import Decision, Deployment, RolloutPolicy, ServedVersion
from . import targets

_ASK_S = 5.0
_ALL = 100.0
_AUTO = "auto"


class Rollout:
    """The rollout of one deployment's canary.

    Parameters
    ----------
    name
        The deployment.
    """

    def __init__(self, name: str) -> None:
        current = settings.current()
        self._name = name
        self._place = targets.target(current)
        self._folder = endpoint_folder(current.state, name)
        self._quality = QualityOfTimes(self._folder.watch)
        self._held = ""

    def look(self) -> tuple[float, Decision | None]:
        """Decide once, and do what was decided.

        Returns
        -------
        tuple
            After how many seconds to look again, and what was decided, if that is news; the seconds are 0 when there is
            no canary to decide about any more.

        Raises
        ------
        MlopsError
            When the endpoint cannot be asked, or does not take the change up; it is looked at again then.
        """
        found = self._place.get(self._name)
        policy = found.auto
        canary = None if policy is None else _canary(found, policy.version)
        if policy is None or canary is None:
            return 0.0, None
        now = datetime.now(UTC)
        remembered = log.read_state(self._folder.watch, policy.version, canary.percent)
        state = remembered or begun(policy, canary.percent, now.timestamp())
        main, other = self._seen(found, policy.version, state.starts)
        outcome = decide(policy, state, main, other, now.timestamp())
        decision = Decision(now, policy.version, outcome.verdict, outcome.reason, outcome.percent)
        if outcome.verdict == "hold":
            log.write_state(self._folder.watch, policy.version, canary.percent, outcome.state)
            return policy.window_s, self._hold(decision)
        if not self._act(found, policy, outcome):
            return policy.window_s, None
        log.write_state(self._folder.watch, policy.version, outcome.percent, outcome.state)
        log.note(self._folder.watch, decision)
        return policy.window_s, decision

    def _seen(self, found: Deployment, canary: str, starts: Sequence[float]) -> tuple[Seen, Seen]:
        """Return what the versions beside the canary have done, and what the canary has."""
        snapshot = control.ask(self._folder.control, {"do": "snapshot"}, _ASK_S)["snapshot"]
        drift, quality = read_drift(self._folder.watch), self._quality.turn(starts)
        beside = [one for one in found.versions if not one.shadow and one.version != canary]
        first = max(beside, key=lambda one: one.percent).version if beside else ""
        names = {one.version for one in beside}
        beside_it, its_own = (tuple(one.get(version) for one in quality) for version in (first, canary))
        main = seen(snapshot, names, drift.get(first), beside_it)
        return main, seen(snapshot, {canary}, drift.get(canary), its_own, watched=self._watched(canary))

    def _watched(self, version: str) -> bool:
        """Tell whether the drift of a version is going to be told."""
        plan = self._folder.plan()
        if plan is None or not plan.monitoring.enabled:
            return False
        return any(one.baseline is not None for one in plan.versions if one.version == version)

    def _hold(self, decision: Decision) -> Decision | None:
        """Note why it waits, once for each kind of reason."""
        kind = "".join(letter for letter in decision.reason if not letter.isdigit() and letter != ".")
        if kind == self._held:
            return None
        self._held = kind
        log.note(self._folder.watch, decision)
        return decision

    def _act(self, before: Deployment, policy: RolloutPolicy, outcome: Outcome) -> bool:
        """Share the traffic out as was decided, unless somebody has changed it meanwhile; tell which."""
        self._held = ""
        with self._place.changing(self._name):
            present = self._place.get(self._name)
            if (present.auto, present.versions) != (before.auto, before.versions):
                return False
            over = outcome.percent in {0.0, _ALL}
            wanted = WantedDeployment(
                name=self._name,
                versions=rollouts.with_share(present.versions, policy.version, outcome.percent),
                why=f"{outcome.verdict} version {policy.version} at {outcome.percent:g}%: {outcome.reason}",
                who=_AUTO,
                # A version that has taken all over is not what the alias points to.
                follows=present.follows if outcome.percent < _ALL else None,
                auto=None if over else policy,
                continues=True,
            )
            self._place.apply(wanted, targets.waiting(Silent(), self._name))
        return True


def _canary(found: Deployment, version: str) -> ServedVersion | None:
    return next((one for one in found.versions if one.version == version and not one.shadow), None)
