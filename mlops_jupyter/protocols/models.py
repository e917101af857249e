"""Registries of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class ModelSource(NamedTuple):
    """A version of a registered model and the run that it comes from; ``None`` when it comes from none."""

    model: str
    version: str
    run_id: str | None


class ModelRegistry(Protocol):
    """A registry of models, read. Errors as of `Tracking`."""

    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Return all aliases, and of each the models that have it."""

    def aliased(self, model: str, alias: str) -> ModelSource:
        """Return the version that an alias of a model points to; raises `NotFound` for no such model or alias."""

    def version(self, model: str, version: str) -> ModelSource:
        """Return a version by its number; raises `NotFound` for no such one."""
