"""What an endpoint is told to serve, as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...records import RolloutPolicy


@dataclass(frozen=True)
class Limits:
    """Beyond these a request is refused.

    Attributes
    ----------
    body_bytes, rows, columns, depth
        Of one request: the size of its body, the rows and columns of its table, the nesting of its JSON.
    queued
        Requests that wait at one worker.
    deadline_s
        Seconds until a request that has no answer yet is given up.
    silent_s
        Seconds without a sign of life after which a worker is killed, if a request may not take longer.
    batch_rows
        Rows that a model is given at once, at the most; a larger request is not cut.
    """

    body_bytes: int = 16 * 1024 * 1024
    rows: int = 100_000
    columns: int = 10_000
    depth: int = 64
    queued: int = 1_024
    deadline_s: float = 60.0
    silent_s: float = 60.0
    batch_rows: int = 1_024


@dataclass(frozen=True)
class MonitoringPlan:
    """How what is asked and answered is looked at.

    Attributes
    ----------
    enabled
        Whether it is at all; what is counted for `/metrics` is counted in any case.
    window_s
        The seconds of traffic that are compared with the baseline.
    base_window_s
        The seconds that are sketched together; a worker that is killed loses so much.
    tumbling
        Whether windows follow one another, instead of each reaching back from now.
    sample
        The share of answered rows whose values are kept, 0 for none.
    sample_rows_per_s
        At the most so many of them a second and worker.
    payload_mb, answers_mb
        How much room, in MB of 1,000,000 bytes, kept rows take, and the list of what every row was answered.
    keep_days
        How long either is kept.
    redact
        Columns whose values are never written to a file.
    """

    enabled: bool = True
    window_s: float = 600.0
    base_window_s: float = 10.0
    tumbling: bool = False
    sample: float = 1.0
    sample_rows_per_s: float = 100.0
    payload_mb: float = 256.0
    answers_mb: float = 256.0
    keep_days: float = 30.0
    redact: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedVersion:
    """One version of a model behind an endpoint.

    Attributes
    ----------
    version
        What answers name it: the registered version's number, or what the deployment called it.
    model
        The registered model's name, ``None`` for a model that is not registered.
    source
        The model's URI, as the user or the registry said it.
    path
        The absolute path of the MLflow model's folder on this machine.
    runner
        What calls the model, as ``module:class``; it is made from this object.
    percent
        The share of requests that it answers.
    shadow
        Whether it sees requests whose answers come from others, and its own are compared and not returned.
    canary
        Whether it was put beside what is served, and has not been promoted.
    digest
        The SHA-256 over the folder's files, as it was when the deployment was made.
    run_id
        The MLflow run that it comes from.
    flavors
        The names of its MLflow flavours.
    signature
        MLflow's own dict of a signature (``inputs``, ``outputs``, ``params``, each JSON text), ``None`` without one.
    example
        The stored input example in MLflow's JSON form of a scoring request; readiness needs one answer to it.
    trusted
        Whether what executes code when it is loaded may be loaded.
    baseline
        The absolute path of the baseline that its traffic is compared with, ``None`` without one.
    """

    version: str
    source: str
    path: str
    runner: str
    model: str | None = None
    percent: float = 100.0
    shadow: bool = False
    canary: bool = False
    digest: str | None = None
    run_id: str | None = None
    flavors: tuple[str, ...] = ()
    signature: Mapping[str, str] | None = None
    example: str | None = None
    trusted: bool = False
    baseline: str | None = None


@dataclass(frozen=True)
class EndpointPlan:
    """All that an endpoint's processes are told.

    Attributes
    ----------
    name
        The deployment's name.
    versions
        What it serves; the shares of those that are no shadows sum to 100.
    workers
        How many processes answer.
    token_sha256, metrics_sha256
        Hex digests of the token that requests need, and of the one with which `/metrics` may be read too.
    limits
        What is refused.
    verbose_errors
        Whether an error's message may hold values of the request.
    follows
        The URI with an alias that the endpoint follows, ``None`` for none.
    host, port, socket
        Where it listens: an address and a port, or a Unix socket's path.
    monitoring
        How its traffic is looked at.
    auto
        How a canary is promoted or rolled back by itself, ``None`` where that is left to people.
    """

    name: str
    versions: tuple[PlannedVersion, ...]
    workers: int = 1
    token_sha256: str = ""
    metrics_sha256: str = ""
    limits: Limits = field(default=Limits())
    verbose_errors: bool = False
    follows: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    socket: str | None = None
    monitoring: MonitoringPlan = field(default=MonitoringPlan())
    auto: RolloutPolicy | None = None

    @property
    def shares(self) -> str:
        """Who answers, in words."""
        said = []
        for one in self.versions:
            share = "as a shadow" if one.shadow else f"{one.percent:g}%"
            said.append(f"version {one.version} {share}{' as a canary' if one.canary else ''}")
        return ", ".join(said)

    def to_json(self) -> str:
        """Return the plan as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> EndpointPlan:
        """Return the plan that a JSON text holds.

        Raises
        ------
        ValueError
            When the text is no plan, as of a file that was written in part.
        """
        try:
            told: dict[str, Any] = json.loads(text)
            versions = tuple(
                PlannedVersion(**{**one, "flavors": tuple(one.get("flavors", ()))}) for one in told.pop("versions")
            )
            # A plan of an older version says nothing of monitoring.
            watched = told.pop("monitoring", {})
            monitoring = MonitoringPlan(**{**watched, "redact": tuple(watched.get("redact", ()))})
            auto = told.pop("auto", None)
            policy = None if auto is None else RolloutPolicy(**{**auto, "steps": tuple(auto["steps"])})
            limits = Limits(**told.pop("limits"))
            return cls(versions=versions, limits=limits, monitoring=monitoring, auto=policy, **told)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no endpoint's plan: {error}") from error
