"""Models as a store and a registry tell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    notes: tuple[str, ...] = field(default=())
