"""What an endpoint's own monitoring has left in its folder: the last reports of drift and quality."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar, cast
from urllib.parse import quote

from ...records import DriftReport, Quality
from ..stored_records import from_json

Record = TypeVar("Record")


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
        self._read: dict[Path, tuple[tuple[int, int], object]] = {}

    def reports(self, versions: Iterable[str], notes: list[str]) -> tuple[DriftReport, ...]:
        """Return the last report of each version; what cannot be read is noted."""
        return self._of_versions(DriftReport, self._drift, versions, notes)

    def qualities(self, versions: Iterable[str], notes: list[str]) -> tuple[Quality, ...]:
        """Return the last quality of each version that has labels; what cannot be read is noted."""
        return self._of_versions(Quality, self._quality, versions, notes)

    def _of_versions(
        self, kind: type[Record], folder: Path, versions: Iterable[str], notes: list[str]
    ) -> tuple[Record, ...]:
        found = (
            self._once(
                folder / f"{quote(version, safe='')}.json", lambda file: from_json(kind, file.read_bytes()), notes
            )
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
