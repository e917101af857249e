"""Which version of a deployment gets which share of the requests."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..errors import CommandError, Conflict, NotFound
from ..records import Deployment, ServedVersion

_ALL = 100.0
Versions = tuple[ServedVersion, ...]


def alone(new: ServedVersion) -> Versions:
    """Return the new version with all requests."""
    return (replace(new, percent=_ALL, shadow=False, canary=False),)


def check_share(percent: float) -> None:
    """Raise `CommandError` for a share that a canary cannot have."""
    if not 0 < percent < _ALL:
        raise CommandError(f"--canary takes a share above 0 and below 100, not {percent:g}", "--canary 10")


def with_canary(name: str, present: Versions, new: ServedVersion, percent: float) -> Versions:
    """Return what is served with a new version that gets some of the requests; the others keep their proportions.

    Raises
    ------
    CommandError
        When the share is none.
    Conflict
        When this version answers already, or one of another model with its number is served.
    """
    check_share(percent)
    _check_number(present, new)
    if any(one.version == new.version and not one.shadow for one in present):
        raise Conflict(f"version {new.version} answers already", f"mlops traffic {name} {new.version}={percent:g}")
    others = [one for one in present if one.version != new.version]
    rest = (_ALL - percent) / _ALL
    scaled = (one if one.shadow else replace(one, percent=one.percent * rest) for one in others)
    return _with_main((*scaled, replace(new, percent=percent, shadow=False, canary=True)))


def with_shadow(present: Versions, new: ServedVersion) -> Versions:
    """Return what is served with a new version that only sees requests.

    Raises
    ------
    Conflict
        As of `with_canary`.
    """
    _check_number(present, new)
    if any(one.version == new.version and not one.shadow for one in present):
        raise Conflict(f"version {new.version} answers already", "a shadow is another version")
    others = (one for one in present if one.version != new.version)
    return (*others, replace(new, percent=0.0, shadow=True, canary=False))


def _check_number(present: Versions, new: ServedVersion) -> None:
    """Raise `Conflict` for another model's version of the same number: by it they are told apart."""
    for one in present:
        if one.version == new.version and one.model != new.model:
            raise Conflict(
                f"version {one.version} of {one.model or one.source} is served, and version {new.version} of "
                f"{new.model or new.source} cannot stand beside it: versions are told apart by their numbers",
                f"mlops deploy {new.source} --name OTHER",
            )


def parsed_shares(present: Deployment, given: Iterable[str]) -> dict[str, float]:
    """Return the shares of a deployment's traffic that were given as ``3=90``.

    Raises
    ------
    CommandError
        When one is no share, or they do not sum to 100.
    """
    hint = _example(present)
    shares: dict[str, float] = {}
    for one in given:
        version, equals, text = one.rpartition("=")
        try:
            share = float(text.rstrip("%"))
        except ValueError:
            share = math.nan
        if not equals or not version or not 0 <= share <= _ALL:
            raise CommandError(f"{one} is no share of the traffic", hint)
        if version in shares:
            raise CommandError(f"version {version} is given twice", hint)
        shares[version] = share
    if not math.isclose(sum(shares.values()), _ALL, abs_tol=1e-6):
        raise CommandError(f"the shares sum to {sum(shares.values()):g}, not to 100", hint)
    return shares


def _example(present: Deployment) -> str:
    """Return a command that shares out the traffic of what is served: of more than two, as it is now."""
    answering = [one for one in present.versions if not one.shadow] or present.versions
    if len(answering) == 2:  # noqa: PLR2004 -- one and the other
        shares = [f"{answering[0].version}=90", f"{answering[1].version}=10"]
    else:
        shares = [f"{one.version}={one.percent:g}" for one in answering] or ["VERSION=100"]
    return shlex.join(["mlops", "traffic", present.name, *shares])


def with_share(present: Versions, version: str, percent: float) -> Versions:
    """Return what is served with another share for one version; the others keep their proportions.

    Parameters
    ----------
    present
        What is served.
    version
        One that answers.
    percent
        Its share from now on: at 0 it is let go, at 100 the others are, but for shadows.
    """
    others = sum(one.percent for one in present if not one.shadow and one.version != version)
    found = []
    for one in present:
        if one.shadow:
            found.append(one)
            continue
        share = percent if one.version == version else one.percent / others * (_ALL - percent)
        if share > 0:
            found.append(replace(one, percent=share))
    return _with_main(tuple(found))


def with_shares(name: str, present: Versions, shares: Mapping[str, float]) -> Versions:
    """Return what is served with other shares: a version that gets none is let go, a shadow that gets some answers.

    Raises
    ------
    NotFound
        When a version is not served.
    """
    known = {one.version: one for one in present}
    for version in shares:
        if version not in known:
            raise NotFound(
                f"{name} does not serve version {version}; it serves {', '.join(known)}",
                f"mlops deploy MODEL --name {name} --canary {shares[version]:g}",
            )
    answering = tuple(
        replace(known[version], percent=share, shadow=False, canary=known[version].canary or known[version].shadow)
        for version, share in shares.items()
        if share > 0
    )
    return _with_main((*answering, *(one for one in present if one.shadow and one.version not in shares)))


def _with_main(versions: Versions) -> Versions:
    """Return what is served with one that is no canary: where all are, the one with the most traffic is promoted."""
    answering = [one for one in versions if not one.shadow]
    if not answering or not all(one.canary for one in answering):
        return versions
    first = max(answering, key=lambda one: one.percent)
    return tuple(replace(one, canary=False) if one is first else one for one in versions)


def again(found: Deployment) -> str:
    """Return the command by which a deployment that has stopped serves what it did."""
    answering = [one for one in found.versions if not one.shadow]
    if found.follows is None and len(found.versions) > 1 and answering:
        return shlex.join(["mlops", "traffic", found.name, *(f"{one.version}={one.percent:g}" for one in answering)])
    source = found.follows or (answering[0].source if answering else "MODEL")
    return shlex.join(["mlops", "deploy", source, "--name", found.name])


def let_go(before: Deployment, after: Deployment) -> str:
    """Return in words which canaries and shadows a change has let go; empty for none.

    What had most of the traffic is no rollout: another version takes its place, and that is what was asked for.
    """
    stay = {one.version for one in after.versions}
    main = max(before.versions, key=lambda one: one.percent, default=None)
    return described([one for one in before.versions if one is not main and one.version not in stay])


def described(versions: Sequence[ServedVersion]) -> str:
    """Return the versions and their shares in words."""
    told = (f"{one.version} as a shadow" if one.shadow else f"{one.version} {one.percent:g}%" for one in versions)
    return ", ".join(told)
