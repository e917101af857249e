"""How an endpoint is, from the files in its folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from ...capabilities import rollouts
from ...capabilities.canaries import log
from ...capabilities.endpoints import EndpointPlan, snippets
from ...capabilities.endpoints.folder import EndpointFolder
from ...capabilities.endpoints.state import EndpointState, current_state
from ...errors import MlopsError
from ...records import Deployment
from . import asking
from .planning import served

# What went wrong with an endpoint that answers again is told for so long; after that it is in the log.
_OVER_S = 3600.0
# So many of the last decisions about canaries are shown.
_DECISIONS = 5


def body(plan: EndpointPlan | None) -> str | None:
    """Return the request that shows how to ask an endpoint."""
    first = None if plan is None or not plan.versions else plan.versions[0]
    return None if first is None else snippets.body_of(first.example, first.signature)


def described(folder: EndpointFolder) -> Deployment:
    """Describe an endpoint, whatever state its files are in."""
    notes: tuple[str, ...] = ()
    try:
        folder.check()
        plan = folder.plan()
    except MlopsError as error:
        plan, notes = None, (error.message,)
    state = current_state(folder)
    found = Deployment(
        name=folder.name,
        target="local",
        status="unknown" if state is None else "stopped",
        versions=() if plan is None else tuple(map(served, plan.versions)),
        workers=None if plan is None else plan.workers,
        follows=None if plan is None else plan.follows,
        auto=None if plan is None else plan.auto,
        decisions=log.decisions(folder.watch, _DECISIONS),
        token_file=str(folder.token_file),
        log=str(folder.log),
        notes=notes,
    )
    if state is None:
        return found
    status, reason = state.status, state.error
    if not state.alive and status not in {"failed", "stopped"}:
        status, reason = "stopped", f"its process {state.pid} was killed, or the machine was started anew"
    if status == "ready" and datetime.now(UTC).timestamp() - (state.error_at or 0.0) > _OVER_S:
        reason = None
    if status == "stopped" or (status == "failed" and folder.history.exists()):
        notes = (*notes, f"{rollouts.again(found)} starts it again")
    found = replace(
        found,
        status=status,
        notes=notes,
        restarts=state.restarts,
        error=reason,
        error_at=None if reason is None or state.error_at is None else datetime.fromtimestamp(state.error_at, UTC),
        started=datetime.fromtimestamp(state.started_at, UTC),
        pid=state.pid if state.alive else None,
    )
    return _with_address(found, folder, state, plan) if state.alive else found


def _with_address(
    found: Deployment, folder: EndpointFolder, state: EndpointState, plan: EndpointPlan | None
) -> Deployment:
    url = asking.url_of(state)
    asked = body(plan)
    file = str(folder.request_file) if snippets.is_long(asked) and folder.request_file.exists() else None
    ask = (url, state.socket, str(folder.token_file), None if snippets.is_long(asked) else asked, file)
    return replace(
        found,
        url=url,
        socket=state.socket,
        port=state.port if state.socket is None else None,
        curl=snippets.curl(*ask),
        python=snippets.python(*ask),
    )
