"""Registries of models, and the models themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from ..records import ModelPackage, RegisteredVersion


class ModelSource(NamedTuple):
    """A version of a registered model and the run that it comes from; ``None`` when it comes from none."""

    model: str
    version: str
    run_id: str | None


class ModelRegistry(Protocol):
    """A registry of models. Errors as of `Tracking`."""

    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Return all aliases, and of each the models that have it."""

    def aliased(self, model: str, alias: str) -> ModelSource:
        """Return the version that an alias of a model points to; raises `NotFound` for no such model or alias."""

    def version(self, model: str, version: str) -> ModelSource:
        """Return a version by its number; raises `NotFound` for no such one."""

    def versions(self, model: str | None = None) -> tuple[RegisteredVersion, ...]:
        """Return the versions of a model, or of all models by name; the newest first within each.

        What is known of a version's run is its id. Raises `NotFound` for no such model.
        """

    def register(self, model: str, source: str, description: str | None) -> RegisteredVersion:
        """Make a version of a model, and the model at need; the one that a source has already is returned as it is.

        ``source`` is ``runs:/ID/PATH`` or ``models:/…``. Raises `CommandError` for a name that cannot be one.
        """

    def point(self, model: str, alias: str, version: str) -> str | None:
        """Let an alias point to a version; return the one that it pointed to before.

        Raises `NotFound` for no such version, `CommandError` for an alias that cannot be one.
        """


class ModelPackages(Protocol):
    """Brings models onto this machine, and takes live ones into the store. Errors as of `Tracking`.

    In ``folder`` each model lies in a folder of its own that is called by its digest; one that is there already is
    used as it is.
    """

    def resolve(self, reference: str, folder: Path) -> ModelPackage:
        """Return the model that is meant.

        ``reference`` is ``models:/name/version``, ``models:/name@alias``, ``runs:/id/path``, ``runs:/id`` of a run
        with one model, or a directory. Raises `NotFound` for no such model, `Conflict` for a run with several, and
        `ConfigurationError` for one that is damaged.
        """

    def log(
        self,
        model: object,
        *,
        run_id: str,
        folder: Path,
        data: object | None = None,
        name: str = "model",
        near: Mapping[str, object] | None = None,
        without: Sequence[str] = (),
    ) -> ModelPackage:
        """Log a live model to a run, with signature, example, baseline and requirements, and trust it from now on.

        ``data`` is what it was made with: a table, an array, or a pair or dict of it and the answers; ``without`` names
        columns of it that the baseline leaves out. ``near`` is data by its names that it may have been made with; the
        first that fits is taken. Raises `CommandError` for what is no model or for data that does not fit it, and
        `ConfigurationError` where it cannot be saved or holds a secret.
        """

    def baseline(self, package: ModelPackage, data: object, without: Sequence[str] = ()) -> tuple[str, tuple[str, ...]]:
        """Return the baseline that data gives a model, as JSON, and sentences that the user should read.

        The model is loaded for its answers. Raises `CommandError` for data that does not fit it.
        """

    def log_folder(self, package: ModelPackage, *, run_id: str, name: str = "model") -> ModelPackage:
        """Log a model that is a folder on this machine to a run; who trusts it does not change."""
