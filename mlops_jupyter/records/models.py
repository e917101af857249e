"""Models as a store and a registry tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class ModelPackage:
    """A model's folder on this machine, complete, with what it says of itself.

    Attributes
    ----------
    source
        The URI by which the store knows it (``models:/churn/3``, ``runs:/ID/model``), or its directory.
    path
        The absolute path of the folder that holds its ``MLmodel``; what is in it never changes.
    digest
        The SHA-256 over the folder's files, in hexadecimal digits.
    model, version
        The registered model and the number of its version; ``None`` for a model that is not registered.
    alias
        The alias by which it was asked for, if it was.
    run_id
        The run that it comes from, if it says one.
    flavors
        The names of its MLflow flavours, ``python_function`` among them.
    signature
        MLflow's own dict of a signature (``inputs``, ``outputs``, ``params``, each JSON text), ``None`` without one.
    example
        The stored input example as the JSON of a scoring request, ``None`` without one.
    executes
        What of it runs code of its own when it is loaded, in words; ``None`` when nothing does.
    trusted
        Whether it may be loaded: nothing executes, or this project itself has logged exactly these files, or the user
        said so.
    baseline
        The absolute path of the baseline for drift, ``None`` without one.
    notes
        Sentences the user should read: what was inferred and from what, which packages differ from those here.
    """

    source: str
    path: str
    digest: str
    model: str | None = None
    version: str | None = None
    alias: str | None = None
    run_id: str | None = None
    flavors: tuple[str, ...] = ()
    signature: Mapping[str, str] | None = None
    example: str | None = None
    executes: str | None = None
    trusted: bool = False
    baseline: str | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class RegisteredVersion:
    """A version of a registered model.

    Attributes
    ----------
    model, version
        The model's name and the version's number.
    source
        Where its files are, as the registry says.
    created
        When it was registered (UTC).
    aliases
        The aliases that point to it.
    run_id, run, metrics
        The run that it comes from, that run's name and its last metrics, where they are known.
    description
        What was said about it.
    notes
        Sentences the user should read.
    """

    model: str
    version: str
    source: str
    created: datetime | None = None
    aliases: tuple[str, ...] = ()
    run_id: str | None = None
    run: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    notes: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """The address by which MLflow and our verbs know it."""
        return f"models:/{self.model}/{self.version}"


@dataclass(frozen=True)
class ModelTable:
    """Registered models and their versions, the newest first within each model.

    Attributes
    ----------
    versions
        Of one model all, of several the newest of each and those that an alias points to.
    model
        The model that was asked for, ``None`` for all.
    tracking_uri
        The store that holds the registry, without credentials.
    notes
        Sentences the user should read.
    """

    versions: tuple[RegisteredVersion, ...]
    model: str | None
    tracking_uri: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Promotion:
    """An alias that points to another version now.

    Attributes
    ----------
    model, alias, version
        The model, its alias, and the version that it points to.
    before
        The version that it pointed to, ``None`` for none.
    run_id
        The run that the version comes from, if it comes from one.
    notes
        Sentences the user should read.
    """

    model: str
    alias: str
    version: str
    before: str | None = None
    run_id: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the alias pointed elsewhere before."""
        return self.before != self.version
