"""Which environment variables a process has changed since it began, told by digests: values may be secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

# Variables that say of which run and server a process is.
_OF_A_RUN = ("JPY_", "JUPYTER_", "MLFLOW_", "MLOPS_")
_DIGITS = 16


def digests(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a short digest of each variable's value."""
    return {name: _digest(value) for name, value in environment.items()}


def changed(environment: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are new or have another value than their digests say; those of a run are left out."""
    return {
        name: value
        for name, value in environment.items()
        if before.get(name) != _digest(value) and not name.startswith(_OF_A_RUN)
    }


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
