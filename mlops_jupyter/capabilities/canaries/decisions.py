"""What is done about a canary at the end of a window: pure, by what is remembered and what is seen."""

from __future__ import annotations

from typing import NamedTuple

from ...records import RolloutPolicy, Verdict
from .reasons import against, compared, span
from .windows import RolloutState, Seen, cooled, fewest_rows, with_window

_ALL = 100.0


class Outcome(NamedTuple):
    """What is done.

    Attributes
    ----------
    verdict, reason
        What, and why in one line.
    percent
        The canary's share from now on.
    state
        What is to be remembered.
    """

    verdict: Verdict
    reason: str
    percent: float
    state: RolloutState


def begun(policy: RolloutPolicy, percent: float, at_s: float) -> RolloutState:
    """Return the state of a rollout that begins with a share."""
    step = next((at for at, share in enumerate(policy.steps) if share >= percent), len(policy.steps) - 1)
    return RolloutState(step=step, since_s=at_s, starts=(at_s,))


def decide(policy: RolloutPolicy, state: RolloutState, main: Seen, canary: Seen, at_s: float) -> Outcome:
    """Decide on a canary at the end of a window.

    It is rolled back when the evidence against it is such as a canary that is no worse would give in one of hundreds of
    rollouts, and what speaks against it is as large as a user would notice; no window alone suffices. It gets the next
    share when it has had its time and its requests, and nothing is suspicious; in the cool-down after a change of
    shares nothing is decided. See `rollout_evidence` for what the evidence is.

    Parameters
    ----------
    policy
        The rollout's policy.
    state
        What the last window's outcome had, or `begun`.
    main, canary
        What either has done until now.
    at_s
        Now, in seconds of the epoch.
    """
    share = policy.steps[state.step]
    if at_s - state.since_s < policy.cooldown_s:
        said = f"the cool-down of {policy.cooldown_s:g} s after the change of shares"
        return Outcome("hold", said, share, cooled(state, main, canary))
    state = with_window(policy, state, main, canary)
    reasons = list(against(policy, state, main, canary))
    certain = [said for sure, said in reasons if sure]
    if certain:
        return Outcome("roll back", "; ".join(certain), 0.0, state)
    waiting = _waiting(policy, state, [said for _, said in reasons], at_s) or _unseen(policy, state, canary)
    if waiting is not None:
        return Outcome("hold", waiting, share, state)
    following = policy.steps[state.step + 1] if state.step + 1 < len(policy.steps) else _ALL
    said = f"{compared(state, main.bounds)} after {span(at_s - state.since_s)} at {share:g}%"
    return Outcome("promote", said, following, state.following(at_s))


def _waiting(policy: RolloutPolicy, state: RolloutState, suspicious: list[str], at_s: float) -> str | None:
    """Say why the canary does not get the next share yet."""
    if suspicious:
        return "; ".join(suspicious)
    answered, beside = state.step_counts["canary"][0], state.step_counts["main"][0]
    if min(answered, beside) < policy.min_requests:
        whose = "" if answered < policy.min_requests else " beside it"
        return f"{min(answered, beside)} of {policy.min_requests} requests{whose} so far"
    if state.slow is None:
        return "too little was known before to tell what is slow"
    left = policy.step_s - (at_s - state.since_s)
    return f"nothing speaks against it; {span(left)} more at {policy.steps[state.step]:g}%" if left > 0 else None


def _unseen(policy: RolloutPolicy, state: RolloutState, canary: Seen) -> str | None:
    """Say what of the canary's drift has not been looked at: no share is given before it could be told."""
    answered, fewest = state.step_counts["canary"][0], fewest_rows(policy)
    if not canary.watched:
        return None
    if answered < fewest:
        return f"{answered} of {fewest} requests so far without which its drift cannot be told"
    if state.drift_told < policy.windows:
        return f"its drift has been looked at {state.drift_told} of {policy.windows} times"
    return None
