"""The reading side: what has been appended since the last look."""

from __future__ import annotations

import contextlib
import json
import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...records import Point, Subject
from . import slots
from .listing import files_of

Position = dict[str, tuple[int, int]]
"""Of each writing process, by its id: the segment it is read from, and how many of its slots are read."""

# MLflow's own limits of one batch call.
_ALL, _OTHERS = 1000, 100
# The end of what is written is looked for so many bytes at a time.
_LOOK_BYTES = 64 * 1024


@dataclass
class Batch:
    """What fits into one call to a store, in the order appended.

    Attributes
    ----------
    points
        Name, value, time in milliseconds of the epoch, step; and the `Subject`'s fields of those that are of one.
    params, tags
        As in MLflow.
    rest
        Other entries, in order: artifacts, inputs, the end.
    position
        How far the journal is read with this batch.
    finished
        Segments that nothing more will be read from.
    """

    points: list[Point] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    rest: list[dict[str, Any]] = field(default_factory=list)
    position: Position = field(default_factory=dict)
    finished: list[Path] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.points, self.params, self.tags, self.rest))

    def takes(self, entry: dict[str, Any]) -> bool:
        """Tell whether one more entry fits."""
        params, tags = entry.get("params", {}), entry.get("tags", {})
        fits = len(self.params) + len(params) <= _OTHERS and len(self.tags) + len(tags) <= _OTHERS
        return fits and self.room >= len(params) + len(tags)

    @property
    def room(self) -> int:
        """How many more values fit into the call."""
        return _ALL - len(self.points) - len(self.params) - len(self.tags)

    def add(self, entry: dict[str, Any]) -> None:
        """Take an entry."""
        self.params |= entry.pop("params", {})
        self.tags |= entry.pop("tags", {})
        if entry:
            self.rest.append(entry)


class SegmentReader:
    """Reads one segment, from its start or from a slot that was reached before.

    It is mapped while it is read: a mapping holds a file descriptor, and there may be more journals than a process can
    have of these.
    """

    def __init__(self, path: Path) -> None:
        self._mapped: Any = None
        self.path = path
        self.writer, _, number = path.stem.partition("-")
        self.number = int(number)
        self.slot = 0
        self.names: list[str] = []
        # Of each name what its points are of; empty where they are of no logged model and no dataset.
        self.subjects: list[Subject | tuple[()]] = []
        # How far names have been looked for: it may lie behind a slot that was gone to.
        self._named = 0
        self._slots = len(self._map) // slots.SIZE

    @property
    def _map(self) -> Any:
        if self._mapped is None:
            with self.path.open("rb") as file:
                self._mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._mapped

    @property
    def pending(self) -> bool:
        """Whether something is there that has not been read."""
        return self._is_whole(self.slot)

    def seek(self, slot: int) -> None:
        """Go to a slot that was reached before."""
        self.slot = slot

    def parts(self, at_most: int) -> Iterator[bytes | dict[str, Any]]:
        """Yield what follows: points as whole slots one after the other, entries as objects; ``names`` grows."""
        self._read_names()
        left = at_most
        while left > 0 and self.pending:
            start = self.slot
            self._skip_points(left)
            if self.slot > start:
                left -= self.slot - start
                self._named = max(self._named, self.slot)
                yield self._map[start * slots.SIZE : self.slot * slots.SIZE]
                continue
            length, _ = self._head(self.slot)
            entry = self._blob(self.slot)
            self.slot += 1 + slots.slots_of(length)
            self._named = max(self._named, self.slot)
            if entry is not None:
                yield entry

    def written(self) -> int:
        """Return the slot behind all that is written, also behind what is just being written."""
        data, at = self._map, self.slot * slots.SIZE
        while at < len(data):
            block = data[at : at + _LOOK_BYTES]
            used = len(block.rstrip(b"\0"))
            at += used
            # Nothing that is written holds as many zeros as an empty slot.
            if len(block) - used >= slots.SIZE:
                break
            at += len(block) - used
        return slots.slots_of(at)

    def close(self) -> None:
        """Give the memory back; whoever reads on gets it again."""
        if self._mapped is not None:
            self._mapped.close()
            self._mapped = None

    def _take_name(self, label: str) -> None:
        name, _, said = label.partition("\0")
        subject: Subject | tuple[()] = ()
        if said:
            try:
                subject = Subject(*json.loads(said))
            except (ValueError, TypeError):
                # After a loss of power it may be zeros, a name that no store takes.
                name = label
        self.names.append(name)
        self.subjects.append(subject)

    def _read_names(self) -> None:
        """Read the names on the way to where reading goes on; who only asks what is pending needs none of them."""
        while self._named < self.slot and self._is_whole(self._named):
            length, kind = self._head(self._named)
            if kind == slots.NAME:
                self._blob(self._named)
            self._named += 1 if kind == slots.POINT else 1 + slots.slots_of(length)

    def _is_whole(self, slot: int) -> bool:
        return slot < self._slots and bool(self._map[slot * slots.SIZE + slots.COMMITTED])

    def _skip_points(self, at_most: int) -> None:
        data, slot, end = self._map, self.slot, min(self.slot + at_most, self._slots)
        while slot < end:
            at = slot * slots.SIZE
            if not data[at + slots.COMMITTED] or data[at + slots.KIND] != slots.POINT:
                break
            slot += 1
        self.slot = slot

    def _head(self, slot: int) -> tuple[int, int]:
        """Return how many bytes a slot announces, and its kind."""
        length, _, _, _, kind, _ = slots.SLOT.unpack_from(self._map, slot * slots.SIZE)
        return length, kind

    def _blob(self, slot: int) -> dict[str, Any] | None:
        """Read what a slot announces: a name is kept, an entry returned."""
        length, _, _, key, kind, _ = slots.SLOT.unpack_from(self._map, slot * slots.SIZE)
        start = (slot + 1) * slots.SIZE
        blob = self._map[start : start + length]
        if kind == slots.NAME:
            if key == len(self.names):
                self._take_name(blob.decode(errors="replace"))
            return None
        try:
            entry: dict[str, Any] = json.loads(blob)
        except ValueError:
            # A machine that loses its power may have written the slot and not what it announces.
            return {"garbled": blob.hex()}
        return entry


class Follower:
    """Reads all of a run's journal, from a position on.

    Parameters
    ----------
    folder
        The run's folder.
    position
        Where to begin; ``None`` means at the start.
    without
        A writing process that is not read.
    """

    def __init__(self, folder: Path, position: Position | None = None, *, without: str = "") -> None:
        self.position: Position = dict(position or {})
        self._without = without
        self._folder = folder
        self._readers: dict[str, SegmentReader] = {}

    def pending(self) -> bool:
        """Tell whether anything has not been read."""
        return any(reader.pending for reader in self._current())

    def end(self) -> Position:
        """Return how far the journal is written now."""
        found: Position = {}
        for writer, number in self._writers(max).items():
            segment, slot = self.position.get(writer, (-1, 0))
            # One that is shipped meanwhile has been read.
            with contextlib.suppress(FileNotFoundError):
                reader = SegmentReader(self._segment(writer, number))
                reader.seek(slot if number == segment else 0)
                found[writer] = (number, reader.written())
                reader.close()
        return found

    def batch(self) -> Batch:
        """Read what fits into one call; it is empty when everything has been read."""
        batch = Batch()
        for reader in self._current():
            while reader.pending and batch.room > 0:
                before = reader.slot
                if not self._fill(batch, reader):
                    reader.slot = before
                    break
            self._note(reader, batch.finished)
        batch.position = dict(self.position)
        return batch

    def slots(self, at_most: int) -> Iterator[tuple[list[str], bytes]]:
        """Yield points as they lie in the journal, with the names that their keys mean; entries are skipped."""
        for reader in self._current():
            for part in reader.parts(at_most):
                if isinstance(part, bytes):
                    yield reader.names, part
            self._note(reader, [])

    def unread(self) -> int:
        """Return how many bytes have not been read; what is set aside for more counts too."""
        total = 0
        for file in files_of(self._folder, ".seg"):
            writer, _, number = file.stem.partition("-")
            segment, slot = self.position.get(writer, (0, 0))
            # What is shipped meanwhile is gone.
            with contextlib.suppress(FileNotFoundError):
                if int(number) < segment:
                    continue
                total += file.stat().st_size - (slot * slots.SIZE if int(number) == segment else 0)
        return total

    def rest(self) -> None:
        """Give the memory back until the next look, which goes on where this one ended."""
        for reader in self._readers.values():
            reader.close()

    def close(self) -> None:
        """Give the memory back."""
        for reader in self._readers.values():
            reader.close()
        self._readers.clear()

    @staticmethod
    def _fill(batch: Batch, reader: SegmentReader) -> bool:
        """Read one stretch of points, or one entry; tell whether it was taken."""
        part = next(reader.parts(batch.room), None)
        if isinstance(part, bytes):
            names, subjects = reader.names, reader.subjects
            found = slots.SLOT.iter_unpack(part)
            if any(subjects):
                batch.points += [(names[key], value, ms, step, *subjects[key]) for step, ms, value, key, _, _ in found]
            else:
                batch.points += [(names[key], value, ms, step) for step, ms, value, key, _, _ in found]
        elif part is not None:
            if batch and not batch.takes(part):
                return False
            batch.add(part)
        return True

    def _note(self, reader: SegmentReader, finished: list[Path]) -> None:
        """Note how far a segment is read; at its end the position is the start of the next."""
        if self._is_done(reader):
            finished.append(reader.path)
            self.position[reader.writer] = (reader.number + 1, 0)
        else:
            self.position[reader.writer] = (reader.number, reader.slot)

    def _is_done(self, reader: SegmentReader) -> bool:
        # Asked in this order: a writer that begins a segment adds nothing to the one before.
        return self._segment(reader.writer, reader.number + 1).exists() and not reader.pending

    def _current(self) -> Iterator[SegmentReader]:
        """Yield of each writer the segment that is read now, and those that follow once it has been read."""
        for writer, first in self._writers().items():
            number, slot = self.position.get(writer, (first, 0))
            reader = self._reader(writer, max(number, first), slot if number >= first else 0)
            while reader is not None:
                yield reader
                reader = self._reader(writer, reader.number + 1, 0) if self._is_done(reader) else None

    def _reader(self, writer: str, number: int, slot: int) -> SegmentReader | None:
        old = self._readers.get(writer)
        if old is not None and old.number == number:
            return old
        try:
            reader = SegmentReader(self._segment(writer, number))
        except FileNotFoundError:
            # Somebody else reads too, and has removed what is shipped.
            left = self._writers().get(writer)
            return None if left is None or left <= number else self._reader(writer, left, 0)
        if old is not None:
            old.close()
        reader.seek(slot)
        self._readers[writer] = reader
        return reader

    def _segment(self, writer: str, number: int) -> Path:
        return self._folder / f"{writer}-{number}.seg"

    def _writers(self, which: Callable[[int, int], int] = min) -> dict[str, int]:
        """Return each process that has written, with its first segment that is left, or its last."""
        found: dict[str, int] = {}
        for file in files_of(self._folder, ".seg"):
            writer, _, number = file.stem.partition("-")
            if writer == self._without:
                continue
            found[writer] = which(int(number), found.get(writer, int(number)))
        return found
