"""Where journals lie: one folder a run, and what is known about the run beside its points."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import Unavailable
from ...records import RunStart
from .listing import entries_of, files_of
from .locks import Hold, held
from .reading import Position

_START, _OWNER, _SHIPPED, _FILES, _REFUSED = "run.json", "owner.alive", "shipped.json", "files", "refused.jsonl"
# Where folders go whose runs are in their stores, and what is left of them then.
_ARRIVED, _LEFT = "arrived", {_START, _SHIPPED, _REFUSED}
_ENDED = "ended"
# How much room all that waits may take before a word is said of it, and what a block of the disk's is.
_LOUD_BYTES, _BLOCK = 256 * 1024 * 1024, 512


@dataclass(frozen=True)
class Shipped:
    """How far a run has been shipped.

    Attributes
    ----------
    run_id
        The id that the store gave the run; ``None`` before it was created there.
    link
        The run's page in the store's web pages.
    creating
        Whether it was about to be created there: if that was cut short, it has to be looked for.
    local
        Whether it was created in the project's own sqlite file first, its store being away.
    position, local_position
        How far the journal is read for the store, and for the sqlite file.
    last_ms
        The instant of the last point that is shipped.
    status, end_ms
        How and when the run ended (milliseconds of the epoch), once that is read.
    end_told
        Whether the store that it is in now has been told so.
    done
        Whether all is in the store, the end too.
    aside
        Artifacts that could not be stored though the store answers; the run goes on without them, and they are tried
        again.
    refused
        How many entries the store refused for good; they are kept in ``refused.jsonl``.
    error
        Why nothing goes on, in a sentence.
    """

    run_id: str | None = None
    link: str | None = None
    creating: bool = False
    local: bool = False
    position: Position = field(default_factory=dict)
    local_position: Position = field(default_factory=dict)
    last_ms: int = 0
    status: str | None = None
    end_ms: int = 0
    end_told: bool = False
    done: bool = False
    aside: tuple[str, ...] = ()
    refused: int = 0
    error: str | None = None


class RunFolder:
    """A run's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._alive: Hold | None = None

    @property
    def name(self) -> str:
        """The run's id in this journal."""
        return self.path.name

    @property
    def files(self) -> Path:
        """Where artifacts wait."""
        return self.path / _FILES

    @property
    def refusals(self) -> Path:
        """The file that keeps what the store refused for good; without any it is not there."""
        return (self.path if self.path.exists() else self.path.parent / _ARRIVED / self.name) / _REFUSED

    def begin(self, start: RunStart) -> None:
        """Make the folder, say in it what the run is, and that this process is alive.

        Raises
        ------
        Unavailable
            When the disk is full or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, mode=0o700)
            self._alive = Hold(self.path / _OWNER)
            _write(self.path / _START, asdict(start))
        except OSError as error:
            raise Unavailable("journal", f"cannot write to {self.path}: {error.strerror}", "mlops doctor") from error

    def let_go(self) -> None:
        """Give the lock back: nobody of this process writes any more."""
        if self._alive is not None:
            self._alive.give_back()
            self._alive = None

    def note_end(self) -> None:
        """Say that the run's body has come to its end, for who only looks: the journal has more to say of it."""
        # A full disk, or a folder that is gone, keeps no run from ending.
        with contextlib.suppress(OSError):
            (self.path / _ENDED).touch()

    def has_ended(self) -> bool:
        """Tell whether the run's body has come to its end, though not all may be shipped, or its snapshot taken."""
        return (self.path / _ENDED).exists()

    def owner_lives(self) -> bool:
        """Tell whether the process that opened the run is there still."""
        return held(self.path / _OWNER)

    def anyone_writes(self) -> bool:
        """Tell whether the owner, or a process that it forked, may still write."""
        return any(held(file) for file in files_of(self.path, ".alive"))

    def start(self) -> RunStart | None:
        """Read what the run is; ``None`` while the folder is being made."""
        found = _read(self.path / _START)
        return None if found is None else RunStart(**found)

    def shipped(self) -> Shipped:
        """Read how far the run has been shipped."""
        found = _read(self.path / _SHIPPED) or _read(self.path.parent / _ARRIVED / self.name / _SHIPPED)
        if found is None:
            return Shipped()
        for key in ("position", "local_position"):
            found[key] = {writer: (at[0], at[1]) for writer, at in found[key].items()}
        found["aside"] = tuple(found.get("aside", ()))
        return Shipped(**found)

    def note(self, shipped: Shipped, **changes: Any) -> Shipped:
        """Write how far the run has been shipped."""
        changed = replace(shipped, **changes)
        if changed != shipped or not (self.path / _SHIPPED).exists():
            _write(self.path / _SHIPPED, asdict(changed))
        return changed

    def refuse(self, what: dict[str, Any], reason: str) -> None:
        """Keep what the store refused for good."""
        with self.refusals.open("a", encoding="utf-8", errors="replace") as file:
            file.write(json.dumps({"refused": what, "reason": reason}, ensure_ascii=False) + "\n")

    def changed_ns(self) -> int:
        """Return when a file was last made in the folder or removed."""
        return self.path.stat().st_mtime_ns

    def arrive(self) -> None:
        """Leave of a run that is all in its store only what says so, out of the way of those that are shipped.

        What the store refused is kept, with the files that it may be about.
        """
        left = _LEFT | {_FILES} if self.refusals.exists() else _LEFT
        for found in self.path.iterdir():
            if found.name not in left:
                shutil.rmtree(found) if found.is_dir() else found.unlink()
        arrived = self.path.parent / _ARRIVED
        arrived.mkdir(mode=0o700, exist_ok=True)
        self.path.rename(arrived / self.name)

    def remove(self) -> None:
        """Remove the folder: everything is in the store."""
        # First: half a folder whose run is still told would look like a run that has died.
        (self.path / _START).unlink(missing_ok=True)
        shutil.rmtree(self.path)


class RunFolders:
    """All journals of a project.

    Parameters
    ----------
    root
        The folder that holds them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __iter__(self) -> Iterator[RunFolder]:
        """Yield the runs that are not all in their stores yet, the oldest first."""
        return _folders(self.root)

    def arrived(self) -> Iterator[RunFolder]:
        """Yield the runs that are in their stores and of which something is kept here, the oldest first."""
        return _folders(self.root / _ARRIVED)

    def of(self, name: str) -> RunFolder:
        """Return the folder of a run, which may not be there."""
        return RunFolder(self.root / name)


def _folders(root: Path) -> Iterator[RunFolder]:
    found = []
    for entry in entries_of(root):
        if entry.is_dir():
            with contextlib.suppress(FileNotFoundError):
                # No Path: there may be thousands, at each turn of the shipper's.
                found.append((os.stat(f"{entry.path}/{_START}").st_mtime_ns, entry.path))  # noqa: PTH116
    for _, path in sorted(found):
        yield RunFolder(Path(path))


def _write(path: Path, data: dict[str, Any]) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    # Half a surrogate pair, as in the name of a file that is no UTF-8, is text to no store.
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        json.dump(data, file, ensure_ascii=False)
    new.rename(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _blocks(folder: str) -> int:
    blocks = 0
    for entry in entries_of(folder):
        # What is shipped meanwhile is gone.
        with contextlib.suppress(FileNotFoundError):
            inner = entry.is_dir(follow_symlinks=False)
            blocks += _blocks(entry.path) if inner else entry.stat(follow_symlinks=False).st_blocks
    return blocks


def room_taken(root: Path) -> str | None:
    """Say how much of the disk journals take, artifacts that wait included, where that is worth a word."""
    taken = _blocks(str(root)) * _BLOCK
    return f"{taken >> 20:,} MB wait in {root} for stores that do not take them" if taken >= _LOUD_BYTES else None
