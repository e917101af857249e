"""Where an endpoint keeps what it is: one folder that only its user can read, and the token in it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ...errors import CommandError, ConfigurationError, Conflict
from .. import own_places
from ..private_files import write_private
from .plan import EndpointPlan

ENDPOINTS = "endpoints"
# The rows of one part in the folder `watch` are of so many seconds at the most.
PART_S = 3_600.0
_LOOK_S = 0.05
METRICS_TOKEN = "metrics.token"  # noqa: S105 -- a file's name
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


class EndpointFolder:
    """The files of one endpoint, whether it runs or not.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan_file = path / "plan.json"
        self.state_file = path / "state.json"
        self.token_file = path / "token"
        self.control = path / "control.sock"
        self.log = path / "log"
        # A request to try, where it is too long to be pasted.
        self.request_file = path / "request.json"
        self.history = path / "history.jsonl"
        self.watch = path / "watch"
        self.rows_socket = self.watch / "rows.sock"

    @property
    def name(self) -> str:
        """The deployment's name."""
        return self.path.name

    @property
    def project_state(self) -> Path:
        """The project's state directory."""
        return self.path.parent.parent

    @property
    def metrics_token_file(self) -> Path:
        """The file of the project's metrics token."""
        return self.project_state / METRICS_TOKEN

    def make(self) -> None:
        """Make the folder, and the tokens where there are none yet.

        Raises
        ------
        ConfigurationError
            When others could write to it, or it cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)
            self.check()
            for file in (self.token_file, self.metrics_token_file):
                if not file.exists():
                    write_private(file, secrets.token_urlsafe(32))
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to {self.path}: {error.strerror or error}", "mlops doctor"
            ) from error

    def check(self) -> None:
        """Refuse a folder that others could have put something into, also by those around it: what is in it is run.

        Raises
        ------
        ConfigurationError
            When another user owns one of them or could write to it.
        """
        state = self.project_state
        own_places.check(state.parent, state, self.path.parent, self.path)

    def token(self) -> str:
        """Return the token that requests need."""
        return self.token_file.read_text(encoding="ascii").strip()

    def digests(self) -> tuple[str, str]:
        """Return the hex digests of the endpoint's token and of the project's metrics token."""
        files = (self.token_file, self.metrics_token_file)
        endpoint, metrics = (hashlib.sha256(file.read_bytes().strip()).hexdigest() for file in files)
        return endpoint, metrics

    def plan(self) -> EndpointPlan | None:
        """Read the plan; ``None`` without one.

        Raises
        ------
        ConfigurationError
            When the file is damaged.
        """
        try:
            return EndpointPlan.from_json(self.plan_file.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ConfigurationError(
                f"{self.plan_file} is damaged: {error}", f"mlops undeploy {self.name}, then deploy again"
            ) from error

    def write_plan(self, plan: EndpointPlan) -> None:
        """Write the plan, whole or not at all."""
        write_private(self.plan_file, plan.to_json())

    @contextlib.contextmanager
    def changing(self, patience_s: float = 0.0) -> Iterator[None]:
        """Keep others from changing the endpoint meanwhile.

        Parameters
        ----------
        patience_s
            How long to wait for whoever does already.

        Raises
        ------
        Conflict
            When somebody does still.
        """
        patient_until = time.monotonic() + patience_s
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.path.parent / f".{self.name}.lock"
        while True:
            lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                who = os.read(lock, 32).decode("ascii", "replace") or "another process"
                os.close(lock)
                if time.monotonic() < patient_until:
                    time.sleep(_LOOK_S)
                    continue
                raise Conflict(
                    f"{self.name} is being changed by {who}", f"wait for it, then: mlops deployments {self.name}"
                ) from None
            # Whoever held it last has removed the file: then this is a lock that nobody else sees.
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_ino == os.fstat(lock).st_ino:
                    break
            os.close(lock)
        try:
            os.truncate(lock, 0)
            os.pwrite(lock, f"process {os.getpid()}".encode(), 0)
            yield
        finally:
            file.unlink(missing_ok=True)
            os.close(lock)

    def remove(self) -> None:
        """Remove the endpoint's files, and with the last endpoint what all of them share."""
        shutil.rmtree(self.path, ignore_errors=False)
        if not any(one.is_dir() for one in self.path.parent.iterdir()):
            self.metrics_token_file.unlink(missing_ok=True)


def all_endpoints(project_state: Path) -> list[EndpointFolder]:
    """Return a project's endpoints by name."""
    folder = project_state / ENDPOINTS
    found = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    return [EndpointFolder(one) for one in found]


def endpoint_folder(project_state: Path, name: str) -> EndpointFolder:
    """Return the place of an endpoint, which need not be there.

    Raises
    ------
    CommandError
        When the name would be none for a folder.
    """
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"{name!r} cannot be the name of a deployment", "letters, digits, - _ and . are allowed, 63 at the most"
        )
    return EndpointFolder(project_state / ENDPOINTS / name)
