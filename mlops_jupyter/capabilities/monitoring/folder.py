"""What an endpoint's own monitoring has left in its folder: reports of drift and quality, and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar, cast

from ...records import Decision, DriftReport, Quality
from ..stored_records import from_json

Record = TypeVar("Record")

_DECISIONS_SHOWN = 50


class WatchFolder:
    """The folder ``watch`` of one endpoint; a file is read again only when it has changed.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.series = path / "series.db"
        self._drift, self._quality = path / "drift", path / "quality"
        self._decisions = path / "decisions.jsonl"
        self._read: dict[Path, tuple[tuple[int, int], object]] = {}

    def reports(self, versions: Iterable[str], notes: list[str]) -> tuple[DriftReport, ...]:
        """Return the last report of each version; what cannot be read is noted."""
        return self._of_versions(DriftReport, self._drift, versions, notes)

    def qualities(self, versions: Iterable[str], notes: list[str]) -> tuple[Quality, ...]:
        """Return the last quality of each version that has labels; what cannot be read is noted."""
        return self._of_versions(Quality, self._quality, versions, notes)

    def decisions(self, notes: list[str]) -> tuple[Decision, ...]:
        """Return the last decisions about canaries, oldest first; a line that is not whole is passed over."""
        return self._once(self._decisions, _decisions, notes) or ()

    def _of_versions(
        self, kind: type[Record], folder: Path, versions: Iterable[str], notes: list[str]
    ) -> tuple[Record, ...]:
        found = (
            self._once(folder / f"{version}.json", lambda file: from_json(kind, file.read_bytes()), notes)
            for version in versions
        )
        return tuple(one for one in found if one is not None)

    def _once(self, file: Path, read: Callable[[Path], Record], notes: list[str]) -> Record | None:
        try:
            about = file.stat()
            stamp = (about.st_mtime_ns, about.st_size)
            known = self._read.get(file)
            if known is None or known[0] != stamp:
                known = self._read[file] = (stamp, read(file))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            notes.append(f"{file.parent.name}/{file.name} cannot be read: {error}")
            return None
        return cast("Record", known[1])


def _decisions(file: Path) -> tuple[Decision, ...]:
    found = []
    for line in file.read_text(encoding="utf-8").splitlines()[-_DECISIONS_SHOWN:]:
        try:
            found.append(from_json(Decision, line))
        except ValueError:
            continue
    return tuple(found)
