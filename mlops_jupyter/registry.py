"""Adapters by kind and name, through entry points; nothing else loads one.

A kind is an entry-point group ``mlops_jupyter.<kind>``; a name is the product. Ours are registered exactly as
a stranger's.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import ConfigurationError, MissingDependency

_PREFIX = "mlops_jupyter."
_PACKAGE = "mlops-jupyter"


@cache
def _everything() -> Any:
    # One look through all installed distributions, which takes milliseconds, serves every kind.
    return entry_points()


@cache
def _installed(kind: str) -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in _everything().select(group=_PREFIX + kind):
        known = found.get(point.name, ())
        # An editable install may list the same distribution twice: the same target is no second provider.
        if point.value not in {other.value for other in known}:
            found[point.name] = (*known, point)
    return found


def names(kind: str) -> tuple[str, ...]:
    """List the adapters of a kind, without loading any."""
    return tuple(sorted(_installed(kind)))


@cache
def load(kind: str, name: str) -> Any:
    """Load an adapter's class.

    Raises
    ------
    ConfigurationError
        When no adapter, or more than one, has this name.
    MissingDependency
        When the adapter's product is not installed.
    """
    points = _installed(kind).get(name, ())
    if not points:
        known = ", ".join(names(kind)) or "none"
        raise ConfigurationError(f"no {kind} adapter is called {name}", f"installed: {known}")
    if len(points) > 1:
        targets = " and ".join(point.value for point in points)
        raise ConfigurationError(f"two {kind} adapters are called {name}: {targets}", "uninstall one of them")
    (point,) = points
    try:
        return point.load()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(_PACKAGE.replace("-", "_")):
            raise
        package = _PACKAGE if point.dist is None else point.dist.name
        extra = f"{package}[{point.extras[0]}]" if point.extras else error.name
        raise MissingDependency(f"the {kind} adapter {name}", extra) from error
