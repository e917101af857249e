"""The target ``local``."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...capabilities import rollouts
from ...capabilities.canaries import log
from ...capabilities.endpoints import (
    EndpointPlan,
    MonitoringPlan,
    PlannedVersion,
    control,
    history,
    neutral_examples,
    processes,
    runners,
    scraping,
    snippets,
)
from ...capabilities.endpoints.folder import ENDPOINTS, EndpointFolder, all_endpoints, endpoint_folder
from ...capabilities.endpoints.state import EndpointState, current_state
from ...capabilities.models import folders
from ...capabilities.private_files import write_private
from ...errors import CommandError, ConfigurationError, Conflict, MlopsError, NotFound, Rejected, Unavailable
from ...protocols import Answer, Earlier, Waiting, WantedDeployment
from ...records import Deployment, ServedVersion
from . import asking, log_reading, starting

# So many of the last decisions about canaries are shown.
_DECISIONS = 5
_SWAP_S, _STOP_S, _END_S = 900.0, 45.0, 5.0


class LocalDeployments:
    """The endpoints of a project, on this machine.

    Parameters
    ----------
    state
        The project's state directory.
    worker
        The module of a worker's process, if it is not ours.
    """

    def __init__(self, state: Path, worker: str = "mlops_jupyter.serving.worker") -> None:
        self._state, self._worker = state, worker

    @contextmanager
    def changing(self, name: str) -> Iterator[None]:
        """Keep others from changing a deployment."""
        folder = endpoint_folder(self._state, name)
        with folder.changing():
            new = not folder.path.exists()
            try:
                yield
            except KeyboardInterrupt:
                # Of one that failed at its start the log stays until somebody has read it; of one given up, nothing.
                if new and folder.path.exists():
                    scraping.withdraw(folder)
                    folder.remove()
                raise

    def apply(self, wanted: WantedDeployment, waiting: Waiting) -> Deployment:
        """Make it so, and return when it answers; what is served already goes on until then."""
        folder = endpoint_folder(self._state, wanted.name)
        if wanted.config:
            raise CommandError("the target local takes no --config", "mlops deploy --help lists its options")
        folder.make()
        wanted = wanted._replace(versions=tuple(_with_baseline(folder, one) for one in wanted.versions))
        state = current_state(folder)
        if state is not None and state.alive:
            plan = self._change(folder, state, wanted, waiting)
        else:
            plan = self._begin(folder, state, wanted, waiting)
        if wanted.auto is None or not wanted.continues:
            # What was remembered of a canary is of another rollout.
            log.forget(folder.watch)
        _announce(folder)
        _leave_request(folder, plan)
        history.note(folder.history, plan, wanted.who, wanted.why, wanted.back_to)
        return self.get(wanted.name)

    def all(self) -> tuple[Deployment, ...]:
        """Return all deployments."""
        return tuple(map(_described, all_endpoints(self._state)))

    def get(self, name: str) -> Deployment:
        """Return one."""
        return _described(self._found(name))

    def before(self, name: str) -> Earlier:
        """Return what it served before."""
        entry = history.before(self._found(name).history)
        if entry is None:
            raise NotFound(f"{name} has served nothing before", f"mlops deployments {name}")
        versions = tuple(map(_served, entry.versions))
        return Earlier(entry.number, versions, entry.follows, entry.at, entry.why)

    def remove(self, name: str) -> Deployment:
        """End it and leave nothing; return how it was."""
        folder = self._found(name)
        with folder.changing():
            was = _described(folder)
            state = current_state(folder)
            if state is not None:
                _end(folder, state)
            unused = _digests(folder)
            scraping.withdraw(folder)
            folder.remove()
            self._forget(unused)
        return was

    def ask(self, name: str, body: bytes, content_type: str, timeout_s: float) -> Answer:
        """Send a scoring request."""
        folder = self._found(name)
        state = current_state(folder)
        if state is None or not state.alive:
            raise Unavailable("endpoint", f"{name} does not run", rollouts.again(_described(folder)))
        return asking.ask(folder, state, body, content_type, timeout_s)

    def log_lines(self, name: str, most: int, *, follow: bool) -> Iterator[tuple[str, ...]]:
        """Yield the last lines of its log, then those that come."""
        folder = self._found(name)
        if not follow:
            yield log_reading.last_lines(folder.log, most)
            return
        state = current_state(folder)
        following = log_reading.following(folder.log, lambda: state is not None and state.alive)
        # Opened before the last lines are read: what is written in between is shown twice rather than never.
        first = next(following)
        yield (*log_reading.last_lines(folder.log, most), *first)
        yield from following

    def _forget(self, digests: set[str]) -> None:
        """Remove the copies of models that no other endpoint serves or has served."""
        others = all_endpoints(self._state)
        if len(list((self._state / ENDPOINTS).glob(".*.lock"))) > 1:
            # Somebody may be about to serve one of them, and has not written it down yet.
            return
        store = self._state / "models"
        for digest in digests.difference(*map(_digests, others)):
            folders.forget(store, digest)

    def _found(self, name: str) -> EndpointFolder:
        folder = endpoint_folder(self._state, name)
        if not folder.path.is_dir():
            raise NotFound(f"there is no deployment {name}", "mlops deployments")
        folder.check()
        return folder

    def _begin(
        self, folder: EndpointFolder, state: EndpointState | None, wanted: WantedDeployment, waiting: Waiting
    ) -> EndpointPlan:
        """Start an endpoint that does not run."""
        if state is not None:
            _end_workers(state)
        try:
            old = folder.plan()
        except ConfigurationError:
            # Damaged, and nobody runs by it: the new one takes its place.
            old = None
        token, metrics = folder.digests()
        old = replace(old or EndpointPlan(wanted.name, ()), token_sha256=token, metrics_sha256=metrics)
        plan = _planned(old, wanted)
        _check_socket(plan.socket)
        folder.write_plan(plan)
        starting.start(folder, waiting, self._worker)
        return plan

    def _change(
        self, folder: EndpointFolder, state: EndpointState, wanted: WantedDeployment, waiting: Waiting
    ) -> EndpointPlan:
        """Tell an endpoint that runs what it serves from now on."""
        old = folder.plan()
        if old is None:
            raise ConfigurationError(f"{folder.name} runs without a plan", f"mlops undeploy {folder.name}")
        place = (wanted.port is not None and wanted.port != state.port) or (
            wanted.socket is not None and wanted.socket != state.socket
        )
        if place:
            raise Conflict(
                f"{folder.name} runs already, and listens at {state.socket or state.port}",
                f"mlops undeploy {folder.name}, then deploy it with the other address",
            )
        plan = _planned(old, wanted._replace(port=None, socket=None))
        folder.write_plan(plan)
        waiting("the version is loaded and asked for a first prediction", 0.0)
        try:
            answer = control.ask(folder.control, {"do": "plan"}, _SWAP_S)
            why = None if answer.get("swapped") else str(answer.get("error"))
            if why is None and plan.workers > old.workers:
                why = starting.added(folder, state, plan.workers, waiting)
        except BaseException:
            folder.write_plan(old)
            # Whoever has given up waiting does not wait for this either.
            with contextlib.suppress(Unavailable):
                control.ask(folder.control, {"do": "plan"}, _END_S)
            raise
        if why is not None:
            folder.write_plan(old)
            # Those that could take it up go back too, and those that were added end.
            control.ask(folder.control, {"do": "plan"}, _SWAP_S)
            raise Rejected(
                "endpoint",
                f"{folder.name} could not take the change up and serves what it did: {why}",
                f"mlops logs {folder.name}",
            )
        return plan


def _announce(folder: EndpointFolder) -> None:
    """Let whoever scrapes know where an endpoint listens; at a Unix socket nobody does."""
    state = current_state(folder)
    if state is None or state.socket is not None:
        scraping.withdraw(folder)
    else:
        scraping.announce(folder, state.host, state.port)


def _leave_request(folder: EndpointFolder, plan: EndpointPlan) -> None:
    """Write down the request that the snippets send, where it is too long to stand in them."""
    body = _body(plan)
    if body is not None and snippets.is_long(body):
        write_private(folder.request_file, body)
    else:
        folder.request_file.unlink(missing_ok=True)


def _body(plan: EndpointPlan | None) -> str | None:
    first = None if plan is None or not plan.versions else plan.versions[0]
    return None if first is None else snippets.body_of(first.example, first.signature)


def _planned(old: EndpointPlan, wanted: WantedDeployment) -> EndpointPlan:
    monitoring = old.monitoring if wanted.monitoring is None else MonitoringPlan(**wanted.monitoring)
    changes: dict[str, Any] = {
        "name": wanted.name,
        "versions": tuple(_planned_version(one, monitoring.redact) for one in wanted.versions),
        "monitoring": monitoring,
        "follows": wanted.follows,
        "auto": wanted.auto,
    }
    if wanted.workers is not None:
        changes["workers"] = wanted.workers
    if wanted.verbose_errors is not None:
        changes["verbose_errors"] = wanted.verbose_errors
    if wanted.port is not None:
        changes |= {"port": wanted.port, "socket": None}
    if wanted.socket is not None:
        changes |= {"port": 0, "socket": wanted.socket}
    return replace(old, **changes)


def _planned_version(version: ServedVersion, redact: tuple[str, ...]) -> PlannedVersion:
    return PlannedVersion(
        version=version.version,
        source=version.source,
        path=version.path,
        runner=runners.choose(version.flavors, Path(version.path), version.signature),
        model=version.model,
        percent=version.percent,
        shadow=version.shadow,
        digest=version.digest,
        run_id=version.run_id,
        flavors=version.flavors,
        signature=version.signature,
        # Requests to paste, the description and the page for trying are made of it.
        example=neutral_examples.neutral(version.example, redact, version.signature),
        trusted=version.trusted,
        baseline=version.baseline,
    )


def _with_baseline(folder: EndpointFolder, version: ServedVersion) -> ServedVersion:
    """Return a version whose baseline lies where it will stay: in the model's folder, or the endpoint's."""
    if version.baseline is None or Path(version.baseline).is_relative_to(version.path):
        return version
    kept = folder.path / "baseline" / f"{quote(version.version, safe='')}.json"
    if Path(version.baseline) != kept:
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(kept, Path(version.baseline).read_text(encoding="utf-8"))
    return replace(version, baseline=str(kept))


def _served(version: PlannedVersion) -> ServedVersion:
    return ServedVersion(
        version=version.version,
        source=version.source,
        model=version.model,
        percent=version.percent,
        shadow=version.shadow,
        run_id=version.run_id,
        digest=version.digest,
        path=version.path,
        flavors=version.flavors,
        signature=version.signature,
        example=version.example,
        trusted=version.trusted,
        baseline=version.baseline,
    )


def _digests(folder: EndpointFolder) -> set[str]:
    """Return the digests of all models that an endpoint serves or can go back to."""
    served = [version for entry in history.entries(folder.history) for version in entry.versions]
    with contextlib.suppress(ConfigurationError):
        plan = folder.plan()
        served += [] if plan is None else plan.versions
    return {version.digest for version in served if version.digest is not None}


def _check_socket(socket: str | None) -> None:
    if socket is not None and not Path(socket).parent.is_dir():
        raise CommandError(f"there is no folder for the socket {socket}", f"mkdir -p {Path(socket).parent}")


def _described(folder: EndpointFolder) -> Deployment:
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
        versions=() if plan is None else tuple(map(_served, plan.versions)),
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
    if status == "stopped":
        notes = (*notes, f"{rollouts.again(found)} starts it again")
    found = replace(
        found,
        status=status,
        notes=notes,
        restarts=state.restarts,
        error=reason,
        error_at=None if state.error_at is None else datetime.fromtimestamp(state.error_at, UTC),
        started=datetime.fromtimestamp(state.started_at, UTC),
        pid=state.pid if state.alive else None,
    )
    return _with_address(found, folder, state, plan) if state.alive else found


def _with_address(
    found: Deployment, folder: EndpointFolder, state: EndpointState, plan: EndpointPlan | None
) -> Deployment:
    url = asking.url_of(state)
    body = _body(plan)
    file = str(folder.request_file) if snippets.is_long(body) and folder.request_file.exists() else None
    ask = (url, state.socket, str(folder.token_file), None if snippets.is_long(body) else body, file)
    return replace(
        found,
        url=url,
        socket=state.socket,
        port=state.port if state.socket is None else None,
        curl=snippets.curl(*ask),
        python=snippets.python(*ask),
    )


def _end(folder: EndpointFolder, state: EndpointState) -> None:
    """End all processes of an endpoint, by asking first."""
    if state.alive:
        try:
            control.ask(folder.control, {"do": "stop"}, _END_S)
        except Unavailable:
            # Its guard first, which would start it again; it tells the supervisor.
            guarded = processes.lives(state.guard)
            _end_process(state.guard, _STOP_S)
            _end_process(state.supervisor, 0.0 if guarded else _STOP_S)
        if not processes.wait(state.supervisor, _STOP_S):
            _end_process(state.guard, 0.0)
            _end_process(state.supervisor, _END_S)
        _end_process(state.guard, _END_S)
    _end_workers(state)
    if state.socket is not None:
        left = Path(state.socket)
        if left.exists() and stat.S_ISSOCK(left.lstat().st_mode):
            left.unlink()


def _end_workers(state: EndpointState) -> None:
    """End workers that have outlived their supervisor, as one that hangs does."""
    for worker in state.workers:
        _end_process(worker.process, _END_S)


def _end_process(process: processes.ProcessId, patience_s: float) -> None:
    if process.pid:
        processes.end(process, patience_s)
