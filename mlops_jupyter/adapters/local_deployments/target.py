"""The target ``local``."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...capabilities import rollouts
from ...capabilities.canaries import log
from ...capabilities.endpoints import EndpointPlan, control, history, scraping, snippets
from ...capabilities.endpoints.folder import ENDPOINTS, EndpointFolder, all_endpoints, endpoint_folder
from ...capabilities.endpoints.state import EndpointState, current_state
from ...capabilities.models import folders
from ...capabilities.private_files import write_private
from ...errors import CommandError, ConfigurationError, Conflict, NotFound, Rejected, Unavailable
from ...protocols import Answer, Earlier, ScoringBody, Waiting, WantedDeployment
from ...records import Deployment
from . import asking, log_reading, starting
from .describing import body, described, with_shadows
from .ending import end, end_workers
from .planning import drop_baselines, planned, served, with_baseline

_SWAP_S, _BACK_S = 900.0, 5.0
_PATIENCE_S = 15.0


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
        self._changing: set[str] = set()

    @contextmanager
    def changing(self, name: str, patience_s: float = 0.0) -> Iterator[None]:
        """Keep others from changing a deployment, once those that do have ended, if that is waited for."""
        folder = endpoint_folder(self._state, name)
        with folder.changing(patience_s):
            new = not folder.path.exists()
            self._changing.add(name)
            try:
                yield
            except KeyboardInterrupt:
                # Of one that failed at its start the log stays until somebody has read it; of one given up, nothing.
                if new and folder.path.exists():
                    scraping.withdraw(folder)
                    folder.remove()
                raise
            finally:
                self._changing.discard(name)

    def apply(self, wanted: WantedDeployment, waiting: Waiting) -> Deployment:
        """Make it so, and return when it answers; what is served already goes on until then."""
        folder = endpoint_folder(self._state, wanted.name)
        if wanted.config:
            raise CommandError("the target local takes no --config", "mlops deploy --help lists its options")
        if wanted.port is not None and current_state(folder) is None:
            # Before anything is left of it.
            _check_port(wanted.name, wanted.port)
        folder.make()
        wanted = wanted._replace(versions=tuple(with_baseline(folder, one) for one in wanted.versions))
        state = current_state(folder)
        if state is not None and state.alive:
            plan = self._change(folder, state, wanted, waiting)
        else:
            plan = self._begin(folder, state, wanted, waiting)
        known = _digests(folder)
        history.note(folder.history, plan, wanted.who, wanted.why, wanted.back_to)
        self.release(known)
        drop_baselines(folder)
        if wanted.auto is None or not wanted.continues:
            # What was remembered of a canary is of another rollout.
            log.forget(folder.watch)
        _announce(folder)
        _leave_request(folder, plan)
        return self.examine(wanted.name)

    def all(self) -> tuple[Deployment, ...]:
        """Return all deployments."""
        return tuple(map(described, all_endpoints(self._state)))

    def get(self, name: str) -> Deployment:
        """Return one."""
        return described(self._found(name))

    def examine(self, name: str) -> Deployment:
        """Return one, and how its shadows compare."""
        folder = self._found(name)
        return with_shadows(described(folder), folder)

    def before(self, name: str) -> Earlier:
        """Return what it served before."""
        entry = history.before(self._found(name).history)
        if entry is None:
            raise NotFound(f"{name} has served nothing before", f"mlops models; mlops deploy MODEL --name {name}")
        versions = tuple(map(served, entry.versions))
        return Earlier(entry.number, versions, entry.follows, entry.at, entry.why)

    def remove(self, name: str) -> Deployment:
        """End it and leave nothing; return how it was."""
        folder = self._found(name)
        # What judges a canary, or follows an alias, may be at it.
        with self.changing(name, _PATIENCE_S):
            was = described(folder)
            state = current_state(folder)
            if state is not None:
                end(folder, state)
            unused = _digests(folder)
            scraping.withdraw(folder)
            folder.remove()
            self.release(unused)
        return was

    def release(self, digests: Collection[str]) -> None:
        """Remove the copies of models that no endpoint serves or can go back to."""
        locks = {one.name for one in (self._state / ENDPOINTS).glob(".*.lock")}
        if locks - {f".{name}.lock" for name in self._changing}:
            # Somebody may be about to serve one of them, and has not written it down yet.
            return
        for digest in set(digests).difference(*map(_digests, all_endpoints(self._state))):
            folders.forget(self._state / "models", digest)

    def ask(self, name: str, body: ScoringBody, timeout_s: float) -> Answer:
        """Send a scoring request."""
        folder = self._found(name)
        state = current_state(folder)
        if state is None or not state.alive:
            raise Unavailable("endpoint", f"{name} does not run", rollouts.again(described(folder)))
        return asking.ask(folder, state, body, timeout_s)

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
            end_workers(state)
        try:
            old = folder.plan()
        except ConfigurationError:
            # Damaged, and nobody runs by it: the new one takes its place.
            old = None
        token, metrics = folder.digests()
        known = replace(old or EndpointPlan(wanted.name, ()), token_sha256=token, metrics_sha256=metrics)
        plan = planned(known, wanted)
        _check_socket(plan.socket)
        folder.write_plan(plan)
        try:
            starting.start(folder, waiting, self._worker)
        except BaseException:
            # Of one that has never served anything the plan stays, as its log does.
            if old is not None:
                folder.write_plan(old)
                self.release({one.digest for one in plan.versions if one.digest is not None})
            raise
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
        plan = planned(old, wanted._replace(port=None, socket=None))
        # Whom it is told may be gone, as the reader of a pipe: then nothing has changed yet.
        waiting("the version is loaded and asked for a first prediction", 0.0)
        folder.write_plan(plan)
        try:
            answer = control.ask(folder.control, {"do": "plan"}, _SWAP_S)
            why = None if answer.get("swapped") else str(answer.get("error"))
            if why is None and plan.workers > old.workers:
                why = starting.added(folder, state, plan.workers, waiting)
        except BaseException:
            folder.write_plan(old)
            # Whoever has given up waiting does not wait for this either.
            with contextlib.suppress(Unavailable):
                control.ask(folder.control, {"do": "plan"}, _BACK_S)
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
    asked = body(plan)
    if asked is not None and snippets.is_long(asked):
        write_private(folder.request_file, asked)
    else:
        folder.request_file.unlink(missing_ok=True)


def _digests(folder: EndpointFolder) -> set[str]:
    """Return the digests of all models that an endpoint serves or can go back to."""
    served = [version for entry in history.entries(folder.history) for version in entry.versions]
    with contextlib.suppress(ConfigurationError):
        plan = folder.plan()
        served += [] if plan is None else plan.versions
    return {version.digest for version in served if version.digest is not None}


def _check_port(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened at: {error.strerror}"
            hint = "leave --port out for a free one"
            raise Conflict(f"{name} cannot be deployed: port {port} of 127.0.0.1 {why}", hint) from error


def _check_socket(place: str | None) -> None:
    if place is not None and not Path(place).parent.is_dir():
        raise CommandError(f"there is no folder for the socket {place}", f"mkdir -p {Path(place).parent}")
