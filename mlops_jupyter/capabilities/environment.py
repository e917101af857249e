"""The environment of a run: Python, the machine, and every installed distribution with its version."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from email.parser import HeaderParser
from functools import cache, lru_cache
from importlib.metadata import Distribution
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import ConfigurationError
from ..protocols import SourceControl
from .redaction import without_credentials

_TIMEOUT_S = 5.0
_UNKNOWN = "unknown"
_VCS = re.compile(r"(?P<kind>git|hg|svn|bzr) (?P<url>\S+) at (?P<commit>\w+)\)")
# The name's end and the version of a metadata directory: `scikit_learn-1.5.0.dist-info`, `x-1.0-py3.11.egg-info`.
_DIRECTORY = re.compile(r"(?P<name>.+?)(?:-(?P<version>[^-]+)(?:-py[\d.]+)?)?\.(?:dist|egg)-info")


def describe(search_path: Sequence[str] | None = None, source_control: SourceControl | None = None) -> dict[str, Any]:
    """Describe Python, the machine and the installed distributions.

    Meant for another process than the one described: that one's search path is given, while Python and the machine
    are taken to be the same.

    Parameters
    ----------
    search_path
        The `sys.path` of the process that is described [this process's own]; relative entries are seen from here.
    source_control
        Asked for the commit of distributions that were installed as editable; without it they are only marked so.

    Returns
    -------
    dict
        What JSON can hold: ``python``, ``implementation``, ``platform``, ``hardware`` and ``distributions``, by
        normalised name, sorted. A version is followed by where it came from if that was not an index, without
        credentials.
    """
    directories = [Path(entry).absolute() for entry in (sys.path if search_path is None else search_path)]
    versions, editables = _distributions(tuple((directory, _changed(directory)) for directory in directories))
    marked = dict(versions)
    for name, directory in editables:
        marked[name] += _editable(directory, source_control)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "hardware": _hardware(),
        "distributions": marked,
    }


def editables() -> dict[str, Path]:
    """Return where the distributions lie that are installed here as editable, by their names."""
    directories = [Path(entry).absolute() for entry in sys.path]
    return dict(_distributions(tuple((directory, _changed(directory)) for directory in directories))[1])


class Requirements(NamedTuple):
    """What makes an environment again: the version of Python, and lines as ``pip install -r`` takes them."""

    python: str
    lines: tuple[str, ...]


def requirements(described: Mapping[str, Any], sources: Mapping[str, Path]) -> Requirements:
    """Return what makes a described environment again.

    Parameters
    ----------
    described
        What `describe` returned.
    sources
        Where distributions lie that were installed as editable; they are taken from there, as they are now.

    Raises
    ------
    ConfigurationError
        When the description is none, or one of its distributions lies nowhere.
    """
    found = described.get("distributions")
    if not isinstance(found, dict) or not isinstance(described.get("python"), str):
        raise ConfigurationError("the recorded environment cannot be read", "leave out --env")
    lines = []
    for name, told in found.items():
        version, _, mark = str(told).partition(" (")
        if mark.startswith("editable"):
            if name not in sources:
                raise ConfigurationError(f"{name} was an editable installation, which is not here", "leave out --env")
            lines.append(f"-e {sources[name]}")
        elif (origin := _VCS.fullmatch(mark)) is not None:
            lines.append(f"{name} @ {origin['kind']}+{origin['url']}@{origin['commit']}")
        else:
            lines.append(name if version == _UNKNOWN else f"{name}=={version}")
    return Requirements(described["python"], tuple(lines))


def _changed(directory: Path) -> int:
    try:
        return directory.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=8)
def _distributions(
    directories: tuple[tuple[Path, int], ...],
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, Path], ...]]:
    """Return name and version of each distribution, sorted, and the places of those installed as editable.

    The directories come with their instants of change: whatever pip does changes them.
    """
    versions: dict[str, str] = {}
    editables: dict[str, Path] = {}
    for directory, _ in directories:
        here = {}
        for place in _metadata_directories(directory):
            name, version = _name_and_version(place)
            here[name] = (version, place)
        for name, (version, place) in here.items():
            # What stands first on the path is what Python imports.
            if name not in versions:
                origin = _origin(place)
                versions[name] = version + _mark(origin)
                if (source := _editable_source(origin)) is not None:
                    editables[name] = source
    return tuple(sorted(versions.items())), tuple(sorted(editables.items()))


def _metadata_directories(directory: Path) -> Iterator[Path]:
    """Yield them the newest last: an upgrade that broke off leaves the older one behind."""
    try:
        found = [
            (entry.stat().st_mtime_ns, entry.path)
            for entry in os.scandir(directory)
            if entry.name.endswith((".dist-info", ".egg-info"))
        ]
    except (OSError, ValueError):
        # No directory, gone, or not ours to read.
        return
    yield from (Path(path) for _, path in sorted(found))


def _name_and_version(place: Path) -> tuple[str, str]:
    """Read the metadata's head; what is missing or broken there, the directory's own name tells."""
    told = _DIRECTORY.fullmatch(place.name)
    headers = HeaderParser().parsestr(_read(place, "METADATA") or _read(place, "PKG-INFO") or _read(place, ""))
    name, version = (str(headers.get(key) or "").strip() for key in ("Name", "Version"))
    name = name or (told["name"] if told else place.stem)
    version = version or (told["version"] if told else None) or _UNKNOWN
    return re.sub(r"[-_.]+", "-", name).lower(), version


def _read(place: Path, file: str) -> str:
    try:
        # An .egg-info may be a file itself.
        return Distribution.at(place).read_text(file) or ""
    except (OSError, ValueError):
        return ""


def _origin(place: Path) -> dict[str, Any]:
    """Return what pip wrote down of a distribution that came from elsewhere than an index."""
    try:
        origin = json.loads(_read(place, "direct_url.json") or "{}")
    except (ValueError, RecursionError):
        return {}
    return origin if isinstance(origin, dict) else {}


def _mark(origin: dict[str, Any]) -> str:
    vcs, archive = origin.get("vcs_info"), origin.get("archive_info")
    if isinstance(vcs, dict):
        url = without_credentials(str(origin.get("url", _UNKNOWN)))
        return f" ({vcs.get('vcs', 'vcs')} {url} at {vcs.get('commit_id', _UNKNOWN)})"
    if isinstance(archive, dict):
        digest = archive.get("hash") or next((f"{k}={v}" for k, v in _mapping(archive.get("hashes")).items()), "")
        return f" (archive {digest})" if digest else " (archive)"
    return ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _editable_source(origin: dict[str, Any]) -> Path | None:
    url = str(origin.get("url", ""))
    if _mapping(origin.get("dir_info")).get("editable") is not True or not url.startswith("file://"):
        return None
    return Path(url2pathname(urlsplit(url).path))


def _editable(directory: Path, source_control: SourceControl | None) -> str:
    checkout = None if source_control is None else source_control.checkout(directory, None)
    if checkout is None or checkout.commit is None:
        return " (editable)"
    return f" (editable at {checkout.commit}{', changed since' if checkout.dirty else ''})"


@cache
def _hardware() -> dict[str, Any]:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        memory = 0
    return {"cpu": _cpu(), "cores": os.cpu_count() or 0, "memory_bytes": memory, "gpus": _gpus()}


def _cpu() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    found = re.search(r"^model name\s*:\s*(.+)$", told, re.MULTILINE)
    name = found[1] if found else _said("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor()
    return name.strip() or platform.machine()


def _gpus() -> list[dict[str, Any]]:
    """Return what NVIDIA's own tool lists; without it, nothing."""
    rows = _said("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
    gpus = []
    for row in csv.reader(rows.splitlines(), skipinitialspace=True):
        match row:
            case [name, memory, driver]:
                mebibytes = int(memory) if memory.isdigit() else 0
                gpus.append({"name": name, "memory_bytes": mebibytes * 2**20, "driver": driver})
    return gpus


def _said(*command: str) -> str:
    """Return what a program says, nothing when there is none, it fails, or it takes too long."""
    with TemporaryFile() as out:
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        except OSError:
            return ""
        try:
            code = process.wait(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # Not waited for any longer: with a broken driver it cannot even be killed.
            process.kill()
            return ""
        out.seek(0)
        return out.read().decode(errors="replace") if code == 0 else ""
