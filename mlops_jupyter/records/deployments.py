"""Deployments, and what their endpoints answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .runs import UNSAID

DeploymentStatus = Literal["starting", "ready", "failed", "stopping", "stopped", "unknown"]
Verdict = Literal["promote", "hold", "roll back"]


@dataclass(frozen=True)
class Decision:
    """What was decided about a canary, and why.

    Attributes
    ----------
    at
        When.
    version
        The canary's version.
    verdict
        What was decided.
    reason
        Why, in one line.
    percent
        Its share of the traffic from then on.
    """

    at: datetime
    version: str
    verdict: Verdict
    reason: str
    percent: float


@dataclass(frozen=True)
class RolloutPolicy:
    """How a canary is promoted or rolled back by itself.

    Attributes
    ----------
    version
        The canary's version.
    steps
        The shares of the traffic that it gets one after the other, in percent.
    window_s
        How often it is looked at, in seconds.
    step_s
        How long a share is kept at the least, in seconds.
    min_requests
        How many requests the canary must have answered with a share before it gets the next.
    windows
        In so many windows something must speak against it before it is rolled back.
    cooldown_s
        For so long after a change of shares nothing is decided, in seconds.
    """

    version: str
    steps: tuple[float, ...] = (10.0, 25.0, 50.0, 100.0)
    window_s: float = 10.0
    step_s: float = 600.0
    min_requests: int = 200
    windows: int = 3
    cooldown_s: float = 30.0


@dataclass(frozen=True)
class ServedVersion:
    """One version of a model behind an endpoint.

    Attributes
    ----------
    version
        What answers name it: the registered version's number, else the beginning of the files' digest.
    source
        The model's URI or directory.
    model
        The registered model's name, ``None`` for a model that is not registered.
    percent
        The share of requests that it answers.
    shadow
        Whether it only sees requests whose answers come from others.
    canary
        Whether it was put beside what is served, whatever its share is; when nothing else answers it is no canary any
        more.
    run_id
        The MLflow run that it comes from.
    digest
        The SHA-256 over the files.
    path
        Where the files are on this machine.
    flavors, signature, example, trusted, baseline
        As of a `ModelPackage`.
    """

    version: str
    source: str
    model: str | None = None
    percent: float = 100.0
    shadow: bool = False
    canary: bool = False
    run_id: str | None = None
    digest: str | None = None
    path: str = field(default="", metadata=UNSAID)
    flavors: tuple[str, ...] = field(default=(), metadata=UNSAID)
    signature: Mapping[str, str] | None = field(default=None, metadata=UNSAID)
    example: str | None = field(default=None, metadata=UNSAID)
    trusted: bool = field(default=False, metadata=UNSAID)
    baseline: str | None = field(default=None, metadata=UNSAID)


@dataclass(frozen=True)
class ServingLimits:
    """What an endpoint takes of a request, as ``[serving]`` of the settings says it; beyond that it refuses.

    Attributes
    ----------
    body_mb
        The size of a body, in MB of 1,000,000 bytes.
    rows, columns
        Of one request's table.
    timeout_s
        Seconds until a request that has no answer yet is given up.
    queue
        Requests that may wait at one worker.
    """

    body_mb: float
    rows: int
    columns: int
    timeout_s: float
    queue: int


@dataclass(frozen=True)
class Deployment:
    """What is served under a name, and how it is.

    Attributes
    ----------
    name
        The deployment's name.
    target
        Where it runs.
    status
        ``ready`` when it answers; ``stopped`` when its processes are gone.
    versions
        What it serves.
    url
        Its address on this machine; of a Unix socket the one to use with it.
    socket
        The Unix socket that it listens at, ``None`` for a port.
    port
        The port.
    jupyter_url
        The same as a path below the Jupyter server that runs this kernel, right under JupyterHub and Binder too.
    workers
        How many processes answer.
    restarts
        How often one of them had to be started again.
    error, error_at
        Why the last one had to be, or why it is not ready; and when.
    started
        When its processes were started.
    pid
        The process that keeps the others.
    follows
        The alias whose moves it follows.
    token_file
        The file of the token that requests need.
    log
        The file that its processes write to.
    curl, python
        How to ask it for a prediction, in a shell and in Python.
    jupyter_curl, jupyter_python
        The same through the Jupyter server at ``$JUPYTER_URL``, as ``https://hub.example.org``, for who has a token of
        its in ``$JUPYTER_TOKEN`` or ``$JUPYTERHUB_API_TOKEN``.
    notes
        Sentences the user should read.
    auto
        How its canary is promoted or rolled back by itself; ``None`` where that is left to people.
    decisions
        What was decided last about canaries, oldest first.
    not_followed
        Why it does not serve what `follows` points to, and the next command; ``None`` when it does.
    limits
        What it takes of a request; ``None`` where that is not known.
    """

    name: str
    target: str
    status: DeploymentStatus
    versions: tuple[ServedVersion, ...] = ()
    url: str | None = None
    socket: str | None = None
    port: int | None = None
    jupyter_url: str | None = None
    workers: int | None = None
    restarts: int = 0
    error: str | None = None
    error_at: datetime | None = None
    started: datetime | None = None
    pid: int | None = None
    follows: str | None = None
    token_file: str | None = None
    log: str | None = None
    curl: str | None = None
    python: str | None = None
    notes: tuple[str, ...] = ()
    auto: RolloutPolicy | None = None
    decisions: tuple[Decision, ...] = ()
    not_followed: str | None = None
    jupyter_curl: str | None = None
    jupyter_python: str | None = None
    limits: ServingLimits | None = None


@dataclass(frozen=True)
class Deployments:
    """All deployments that a project knows of."""

    deployments: tuple[Deployment, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.deployments)

    def __getitem__(self, index: int) -> Deployment:
        return self.deployments[index]


@dataclass(frozen=True)
class Undeployed:
    """An endpoint that is no more."""

    name: str
    target: str
    was: DeploymentStatus
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What an endpoint has answered.

    Attributes
    ----------
    name
        The deployment.
    predictions
        The predictions as JSON has them, one a row.
    result
        The same in the kind that the data had: a DataFrame, an array, a Series, a dict, else a list.
    request_ids
        The ids of the requests, by which labels that come later are joined; several where the data was sent in parts.
    versions
        The versions that answered.
    duration_s
        How long it took.
    rows
        How many rows each request had: labels name a row by its request and its number within it, from 0.
    output
        The file that the answers were written to.
    """

    name: str
    predictions: tuple[object, ...]
    request_ids: tuple[str, ...]
    versions: tuple[str, ...]
    duration_s: float
    rows: tuple[int, ...] = ()
    output: str | None = None
    result: Any = field(default=None, compare=False, repr=False, metadata=UNSAID)


@dataclass(frozen=True)
class LogLines:
    """The last lines of an endpoint's log."""

    name: str
    lines: tuple[str, ...]
    path: str
