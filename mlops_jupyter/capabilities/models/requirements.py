"""What a model needs, beside what is installed here."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

_SHOWN = 6


def differences(lines: Iterable[str], python: str | None = None) -> str | None:
    """Say in one sentence which packages are other ones here than a model wants.

    Parameters
    ----------
    lines
        The lines of a requirements file.
    python
        The version of Python that it was made with.

    Returns
    -------
    str or None
        ``None`` when all is as it was.
    """
    found = []
    here = ".".join(map(str, sys.version_info[:3]))
    if python is not None and python.split(".")[:2] != here.split(".")[:2]:
        found.append(f"Python {python} (here {here})")
    for wanted in _wanted(lines):
        try:
            installed = version(wanted.name)
        except PackageNotFoundError:
            found.append(f"{wanted.name}{wanted.specifier} (not installed here)")
            continue
        try:
            if not wanted.specifier.contains(installed, prereleases=True):
                found.append(f"{wanted.name}{wanted.specifier} (here {installed})")
        except InvalidVersion:
            continue
    if not found:
        return None
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"it was made with other packages than are here: {', '.join(found[:_SHOWN])}{more}"


def installs(folder: Path, module: str) -> str | None:
    """Return the command that installs a module which a model's folder needs, ``None`` where nobody can tell.

    A package that is called as the module is installed alone, in the version that the model was made with.
    """
    file = folder / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    for wanted in _wanted(lines):
        if module and canonicalize_name(wanted.name) == canonicalize_name(module):
            return shlex.join(["pip", "install", f"{wanted.name}{wanted.specifier}"])
    return shlex.join(["pip", "install", "-r", str(file)]) if lines else None


def _wanted(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        try:
            wanted = Requirement(line.partition(" #")[0].strip())
        except InvalidRequirement:
            # An option, a path or an address: pip knows what it is.
            continue
        if wanted.marker is None or wanted.marker.evaluate():
            yield wanted
