"""What words may become when somebody presses the tab key: names that are known here, without a question to anybody."""

from __future__ import annotations

from collections.abc import Iterator

from ..capabilities.models import known_names
from ..capabilities.models.known_names import KnownModel
from ..settings import Settings
from . import targets
from .models import registry_of

Completions = list[tuple[str, str]]
_URI = "models:/"
# So many of a model's versions are shown before the word says which model is meant.
_FIRST = 5


def model_names(current: Settings, _: str) -> Completions:
    """Return the names of registered models."""
    return [(name, _newest(one)) for name, one in _known(current).items()]


def new_deployment_names(current: Settings, begun: str) -> Completions:
    """Return what a deployment may be called: as one that there is, or as a registered model."""
    deployed = targets.deployment_names(current, begun)
    taken = {name for name, _ in deployed}
    return [*deployed, *(one for one in model_names(current, begun) if one[0] not in taken)]


def model_references(current: Settings, begun: str) -> Completions:
    """Return what names a version of a registered model: NAME@ALIAS and NAME/VERSION, also as a URI of MLflow's."""
    forms = ["", _URI] if begun and (begun.startswith(_URI) or _URI.startswith(begun)) else [""]
    return [
        (f"{form}{word}", about)
        for form in forms
        for name, one in _known(current).items()
        for word, about in _references(name, one, full=begun.startswith(f"{form}{name}/"))
    ]


def alias_names(current: Settings, _: str) -> Completions:
    """Return the aliases that registered models have."""
    found: dict[str, list[str]] = {}
    for name, one in _known(current).items():
        for alias, version in one.aliases.items():
            found.setdefault(alias, []).append(f"{name}/{version}")
    return [(alias, ", ".join(some[:_FIRST])) for alias, some in sorted(found.items())]


def _references(name: str, known: KnownModel, *, full: bool) -> Iterator[tuple[str, str]]:
    for alias, version in sorted(known.aliases.items()):
        yield f"{name}@{alias}", f"version {version}"
    for version in known.versions if full else known.versions[:_FIRST]:
        yield f"{name}/{version}", ", ".join(alias for alias, one in known.aliases.items() if one == version)


def _known(current: Settings) -> dict[str, KnownModel]:
    return known_names.read(current.state, registry_of(current))


def _newest(one: KnownModel) -> str:
    return f"version {one.versions[0]}" if one.versions else ""
