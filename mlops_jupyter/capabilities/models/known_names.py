"""The names of registered models that this project has met, in one file: whoever presses the tab key waits for nobody.

A registry may be far away, and its client takes a second to import. So what verbs have learnt of it is written
down, and completion reads that. The file is a memory and no truth: it is missing, or old, without harm.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ...records import RegisteredVersion
from ..private_files import write_private

_FILE = "known_models.json"
# Of a model with more versions the oldest are left out.
_VERSIONS = 100


class KnownModel(NamedTuple):
    """What is known of a registered model.

    Attributes
    ----------
    versions
        The numbers of its versions, the newest first.
    aliases
        The version that each alias points to.
    """

    versions: tuple[str, ...]
    aliases: Mapping[str, str]


def read(state: Path, registry: str) -> dict[str, KnownModel]:
    """Return the known models of a registry by name, from a project's state directory."""
    try:
        told = json.loads((state / _FILE).read_bytes())
        if told["registry"] != _mark(registry):
            return {}
        return {
            name: KnownModel(tuple(map(str, one["versions"])), dict(one["aliases"]))
            for name, one in sorted(told["models"].items())
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def listed(state: Path, registry: str, versions: Iterable[RegisteredVersion], model: str | None = None) -> None:
    """Remember what a registry has listed: all there is, or of one model."""
    known = {} if model is None else read(state, registry)
    if model is not None:
        known.pop(model, None)
    found: dict[str, list[RegisteredVersion]] = {}
    for one in versions:
        found.setdefault(one.model, []).append(one)
    for name, some in found.items():
        aliases = {alias: one.version for one in some for alias in one.aliases}
        known[name] = KnownModel(tuple(one.version for one in some), aliases)
    _write(state, registry, known)


def met(state: Path, registry: str, model: str, version: str, aliases: Iterable[str] = ()) -> None:
    """Remember one version, and aliases that point to it now."""
    known = read(state, registry)
    before = known.get(model, KnownModel((), {}))
    versions = sorted({*before.versions, version}, key=_newest_first)
    after = KnownModel(tuple(versions), {**before.aliases, **dict.fromkeys(aliases, version)})
    if after != before:
        _write(state, registry, {**known, model: after})


def _write(state: Path, registry: str, known: Mapping[str, KnownModel]) -> None:
    models = {name: {"versions": one.versions[:_VERSIONS], "aliases": dict(one.aliases)} for name, one in known.items()}
    # No verb fails because a name will not be completed.
    with contextlib.suppress(OSError):
        write_private(state / _FILE, json.dumps({"registry": _mark(registry), "models": models}))


def _mark(registry: str) -> str:
    """Return what tells registries apart; an address may hold a password."""
    return sha256(registry.encode()).hexdigest()[:16]


def _newest_first(version: str) -> tuple[int, str]:
    return (-int(version), "") if version.isdecimal() else (0, version)
