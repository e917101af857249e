"""A project, what it stands on, and where the user is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .deployments import DeploymentStatus
from .runs import Run

CheckLevel = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Check:
    """One thing that doctor looked at; ``fix`` is a command."""

    name: str
    level: CheckLevel
    detail: str
    fix: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All that doctor looked at."""

    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that stop something from working."""
        return tuple(check for check in self.checks if check.level == "failed")


SecretPlace = Literal["source", "output", "metadata"]
StepOutcome = Literal["created", "updated", "kept"]


@dataclass(frozen=True)
class SetupStep:
    """One file that init looked after."""

    path: str
    outcome: StepOutcome
    detail: str


@dataclass(frozen=True)
class SecretFinding:
    """Something in a notebook that looks like a secret; what it is, is never told.

    ``cell`` counts from 0, and is ``None`` in the notebook's own metadata; ``line`` counts from 1 within the source or
    the output. ``fingerprint`` allows this secret, of this kind, in this project.
    """

    cell: int | None
    cell_id: str | None
    where: SecretPlace
    kind: str
    line: int | None
    fingerprint: str


@dataclass(frozen=True)
class Setup:
    """What init did, file by file."""

    root: str
    steps: tuple[SetupStep, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """Where the user stands: project, store, notebook, open run."""

    root: str
    settings_file: str | None
    tracking_uri: str
    tracking_uri_from: str
    experiment: str
    notebook: str | None
    git_commit: str | None
    git_branch: str | None
    git_dirty: bool | None
    open_run: Run | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class OpenRunSeen:
    """A run that some process has open now.

    Attributes
    ----------
    run_id, name, notebook, started, parent
        As of `Run`; the notebook's path is absolute.
    cell_id
        The id of the notebook's cell that is the run's body, if one is.
    """

    run_id: str
    name: str
    notebook: str | None
    started: datetime
    cell_id: str | None = None
    parent: str | None = None


@dataclass(frozen=True)
class EndpointHealth:
    """How an endpoint is: its status and restarts as of `Deployment`, and why it is not well."""

    name: str
    status: DeploymentStatus
    restarts: int
    error: str | None = None


@dataclass(frozen=True)
class Overview:
    """What goes on in a project now, as its files say: nothing is asked that could be slow."""

    root: str
    open_runs: tuple[OpenRunSeen, ...] = ()
    endpoints: tuple[EndpointHealth, ...] = ()


@dataclass(frozen=True)
class WebPage:
    """A web page that the user can open now.

    Attributes
    ----------
    title
        What it shows.
    url
        Its address on this machine.
    jupyter_url
        The same page as a path below the Jupyter server that runs this kernel (right under JupyterHub and
        Binder too), if there is one.
    detail
        What serves it and how long it stays.
    """

    title: str
    url: str
    jupyter_url: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class WarmImports:
    """One set of imports that a warm process holds.

    Attributes
    ----------
    modules
        What is imported; nothing but the kernel itself when it is empty.
    pid, memory_bytes
        The process that holds them, and what it takes, with its share of what is common (PSS); ``None`` when there is
        no such process.
    children
        How many kernels and other processes forked from it run now.
    left_out
        Of the imports, those that a forked kernel makes itself, and why.
    refused
        Why nothing can be forked from it, ``None`` when all is well.
    """

    modules: tuple[str, ...]
    pid: int | None
    memory_bytes: int | None
    children: int
    left_out: Mapping[str, str]
    refused: str | None = None


@dataclass(frozen=True)
class WarmProcess:
    """A project's warm process, from which kernels are forked.

    Attributes
    ----------
    root
        The project.
    pid
        The process, ``None`` when there is none any more.
    imports
        What it holds.
    log
        What it writes to.
    kernelspec
        The folder of the kernelspec ``mlops-warm``, when it was installed now.
    notes
        Sentences the user should read.
    """

    root: str
    pid: int | None
    imports: tuple[WarmImports, ...] = ()
    log: str | None = None
    kernelspec: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checkout:
    """The state of the git repository around a project.

    ``remote`` carries no credentials. ``dirty`` counts changes of tracked files, and the notebook itself if
    git does not know it.
    """

    root: str
    commit: str | None
    branch: str | None
    dirty: bool
    remote: str | None
