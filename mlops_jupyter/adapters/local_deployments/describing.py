"""How an endpoint is, from the files in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ...capabilities import rollouts
from ...capabilities.canaries import log
from ...capabilities.endpoints import EndpointPlan, control, following, snippets
from ...capabilities.endpoints.folder import EndpointFolder
from ...capabilities.endpoints.state import EndpointState, current_state
from ...errors import MlopsError, Unavailable
from ...records import Deployment
from . import asking
from .planning import limits_of, served

# What went wrong with an endpoint that answers again is told for so long; after that it is in the log.
_OVER_S = 3600.0
# So many of the last decisions about canaries are shown.
_DECISIONS = 5
_COUNTED_S = 2.0


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
    behind = None if plan is None else _not_followed(folder, plan)
    if behind is not None:
        notes = (*notes, behind)
    found = Deployment(
        name=folder.name,
        target="local",
        status="unknown" if state is None else "stopped",
        versions=() if plan is None else tuple(map(served, plan.versions)),
        workers=None if plan is None else plan.workers,
        follows=None if plan is None else plan.follows,
        auto=None if plan is None else plan.auto,
        limits=None if plan is None else limits_of(plan),
        decisions=log.decisions(folder.watch, _DECISIONS),
        token_file=str(folder.token_file),
        log=str(folder.log),
        notes=notes,
        not_followed=behind,
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


def _not_followed(folder: EndpointFolder, plan: EndpointPlan) -> str | None:
    """Return why what is followed is not served; what was left of another alias, or of a version that is, is over."""
    told = None if plan.follows is None else following.read(folder.path)
    answering = [one.version for one in plan.versions if not one.shadow]
    if told is None or told.follows != plan.follows or told.version in answering:
        return None
    return told.words(" and ".join(answering) or "nothing")


def with_shadows(found: Deployment, folder: EndpointFolder) -> Deployment:
    """Say how the answers of versions in the shadow compare with those that were given, as the endpoint counts them."""
    shadows = [one.version for one in found.versions if one.shadow]
    if not shadows or found.status != "ready":
        return found
    try:
        counted = control.ask(folder.control, {"do": "snapshot"}, _COUNTED_S)["snapshot"]["counters"].get("shadows", [])
    except Unavailable as error:
        return replace(found, notes=(*found.notes, f"how the shadow compares is not known: {error.message}"))
    rows: dict[tuple[str, str], int] = {}
    for (_, version, result), count in counted:
        rows[version, result] = rows.get((version, result), 0) + count
    return replace(found, notes=(*found.notes, *(_compared(version, rows) for version in shadows)))


def _compared(version: str, rows: Mapping[tuple[str, str], int]) -> str:
    equal, different, failed, skipped = (
        rows.get((version, result), 0) for result in ("equal", "different", "failed", "skipped")
    )
    seen = equal + different + failed
    if not seen + skipped:
        return f"the shadow {version} has seen no rows since the endpoint started"
    said = f"the shadow {version} answered {equal:,} of {seen:,} rows alike"
    more = [f"failed at {failed:,}"] if failed else []
    more += [f"{skipped:,} more were not shown to it, as it had enough to do"] if skipped else []
    return ", ".join([said, *more])


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
