"""Sketches of stretches of an endpoint's traffic, one file each: ``watch/profiles/VERSION/START-END-PID.sketch``.

The newest are as fine as they were made; older ones are merged into longer stretches, and the oldest go. Names begin
with the start of the stretch in milliseconds, so that the order of names is that of time.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..drift import Profile

_NAME = re.compile(r"(\d{13})-(\d{13})-(\d+)\.sketch")
_LENGTH = struct.Struct("<Q")
# Age in seconds from which stretches are merged, and how long they then are: a minute, ten, an hour, and gone.
_STEPS_S = ((3_600.0, 60), (86_400.0, 600), (7 * 86_400.0, 3_600))
_GONE_S = 30 * 86_400.0
_MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Window:
    """A stretch of one version's traffic.

    Attributes
    ----------
    start_ms, end_ms
        From when to when, in milliseconds of the epoch.
    features, predictions
        What was asked and answered.
    """

    start_ms: int
    end_ms: int
    features: Profile
    predictions: Profile


@dataclass(frozen=True)
class WindowFile:
    """The file of a window."""

    path: Path
    start_ms: int
    end_ms: int

    def read(self) -> Window:
        """Return what it holds.

        Raises
        ------
        OSError
            When it cannot be read.
        ValueError
            When it is damaged, or of another release.
        """
        data = self.path.read_bytes()
        if len(data) < _LENGTH.size:
            raise ValueError(f"{self.path.name} is not whole")
        (length,) = _LENGTH.unpack_from(data)
        end = _LENGTH.size + length
        features, predictions = data[_LENGTH.size : end], data[end:]
        return Window(self.start_ms, self.end_ms, Profile.from_bytes(features), Profile.from_bytes(predictions))


def folder_of(watch: Path, version: str) -> Path:
    """Return where a version's windows are."""
    return watch / "profiles" / quote(version, safe="")


def folders(watch: Path) -> list[Path]:
    """Return the folders of all versions that were ever watched."""
    try:
        return sorted(one for one in (watch / "profiles").iterdir() if one.is_dir())
    except FileNotFoundError:
        return []


def write(folder: Path, window: Window) -> WindowFile:
    """Keep a window, whole or not at all.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{window.start_ms:013d}-{window.end_ms:013d}-{os.getpid()}.sketch"
    features = window.features.to_bytes()
    draft = folder / f".{path.name}"
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as out:  # noqa: PTH123
            out.write(_LENGTH.pack(len(features)) + features + window.predictions.to_bytes())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return WindowFile(path, window.start_ms, window.end_ms)


def files(folder: Path) -> list[WindowFile]:
    """Return the windows of a folder, oldest first."""
    try:
        names = sorted(one.name for one in folder.iterdir())
    except FileNotFoundError:
        return []
    found = [(name, _NAME.fullmatch(name)) for name in names]
    return [WindowFile(folder / name, int(match[1]), int(match[2])) for name, match in found if match is not None]


def read(folder: Path, since_ms: int, until_ms: int) -> list[Window]:
    """Return the windows that begin within a stretch, oldest first; what is gone or damaged is passed over."""
    found = []
    for file in files(folder):
        if since_ms <= file.start_ms < until_ms:
            with contextlib.suppress(OSError, ValueError):
                found.append(file.read())
    return found


def merged(windows: Iterable[Window]) -> Window | None:
    """Return windows as one; ``None`` of none. They themselves stay as they are."""
    told = list(windows)
    if not told:
        return None
    features, predictions = told[0].features.like(), told[0].predictions.like()
    for one in told:
        features.merge(one.features)
        predictions.merge(one.predictions)
    return Window(min(one.start_ms for one in told), max(one.end_ms for one in told), features, predictions)


def tidy(folder: Path, now_ms: int, keep_ms: int) -> None:
    """Merge old windows into longer ones, and remove the oldest and what is of no use.

    Parameters
    ----------
    folder
        A version's windows.
    now_ms
        The time, in milliseconds of the epoch.
    keep_ms
        Windows that are younger are left as they are.
    """
    _remove_drafts(folder)
    found = files(folder)
    for file in list(found):
        # Of a time that has not come: the clock was wrong then.
        if now_ms - file.end_ms > _GONE_S * 1_000 or file.start_ms > now_ms + keep_ms:
            file.path.unlink(missing_ok=True)
            found.remove(file)
    for group in _groups(found, now_ms, keep_ms):
        _merge_files(folder, group)
    _bound(files(folder))


def _groups(found: Sequence[WindowFile], now_ms: int, keep_ms: int) -> list[list[WindowFile]]:
    """Return the windows that belong to one longer stretch each."""
    groups: dict[tuple[int, int], list[WindowFile]] = {}
    for file in found:
        age_ms = now_ms - file.end_ms
        if age_ms <= keep_ms:
            continue
        step_s = next((step for age_s, step in _STEPS_S if age_ms <= age_s * 1_000), _STEPS_S[-1][1])
        if file.end_ms - file.start_ms < step_s * 1_000:
            groups.setdefault((step_s, file.start_ms // (step_s * 1_000)), []).append(file)
    return [group for group in groups.values() if len(group) > 1]


def _merge_files(folder: Path, group: Sequence[WindowFile]) -> None:
    windows = []
    for file in group:
        with contextlib.suppress(ValueError):
            windows.append(file.read())
    whole = merged(windows)
    made = None if whole is None else write(folder, whole)
    for file in group:
        if made is None or file.path != made.path:
            file.path.unlink(missing_ok=True)


def _bound(found: Sequence[WindowFile]) -> None:
    sizes = [file.path.stat().st_size for file in found]
    total = sum(sizes)
    for file, size in zip(found, sizes, strict=True):
        if total <= _MOST_BYTES:
            return
        file.path.unlink(missing_ok=True)
        total -= size


def _remove_drafts(folder: Path) -> None:
    """Remove what a process that was killed had begun."""
    with contextlib.suppress(FileNotFoundError):
        for one in folder.iterdir():
            if one.name.startswith("."):
                one.unlink(missing_ok=True)
