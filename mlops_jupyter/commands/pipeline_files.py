"""The files of pipelines on disk: read with care, written at one stroke, and what was generated once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ..capabilities.pipelines import marking
from ..capabilities.pipelines.marking import NotWhole, Piece
from ..capabilities.pipelines.merging import Renewal
from ..capabilities.whole_files import replacing
from ..errors import ConfigurationError, Conflict
from ..protocols import PipelinePart, Pipelines

_NEW = ".new"


class WrittenFile(NamedTuple):
    """The file as it is: its text with plain line ends, taken apart, and what its line ends are."""

    path: Path
    text: str
    pieces: tuple[Piece, ...]
    newline: str


def read(path: Path, shown: str, pipelines: Pipelines, system: str) -> WrittenFile | None:
    """Read a pipeline's file, ``None`` where there is none.

    Raises
    ------
    Conflict
        When the file is not ours, or lines of ours are missing in it.
    ConfigurationError
        When it cannot be read.
    """
    try:
        raw = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {shown}: {error}", f"move {shown} away") from error
    text = raw.replace("\r\n", "\n")
    if not marking.ours(text):
        other, words = pipelines.elsewhere()
        raise Conflict(
            f"{shown} was not written by mlops ci, so it stays as it is",
            f"mlops ci {system} … --output {other}, {words}",
        )
    try:
        return WrittenFile(path, text, marking.pieces(text), "\r\n" if "\r\n" in raw else "\n")
    except NotWhole as error:
        mark = "<<<" if error.missing == "end" else ">>>"
        raise Conflict(
            f"{shown} cannot be renewed: the part {error.name} at line {error.line} has no {error.missing}",
            f"put its line back, {pipelines.comment} {mark} mlops: {error.name}, or delete both",
        ) from error


def bases(generated: Iterable[PipelinePart], folder: Path) -> Callable[[str], str | None]:
    """Return what finds a part as it was generated: made again from the file's own record, or kept here."""
    again = {marking.digest(part.text): part.text for part in generated}

    def base(digest: str) -> str | None:
        if digest in again:
            return again[digest]
        kept = folder / digest
        return kept.read_bytes().decode("utf-8") if kept.is_file() else None

    return base


def refuse_clashes(found: WrittenFile, shown: str, renewal: Renewal, command: str) -> None:
    """Raise `Conflict` where the user and the generated text contradict each other; the new text is set beside."""
    if not renewal.clashes:
        return
    new = found.path.with_name(found.path.name + _NEW)
    write(new, renewal.text, found.newline)
    lines = [str(one.first) if one.first == one.last else f"{one.first}–{one.last}" for one in renewal.clashes]
    several = len(lines) > 1 or renewal.clashes[0].first != renewal.clashes[0].last
    raise Conflict(
        f"{shown} was left as it is: {'lines' if several else 'line'} {', '.join(lines)} of it "
        f"{'hold' if several else 'holds'} edits of yours, and what is generated there has changed too",
        f"{new.name} beside it has the new text: put your edits into it, mv it over {shown}, then {command}",
    )


def write(path: Path, text: str, newline: str) -> None:
    """Write a file at one stroke."""
    try:
        with replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8", newline=newline)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}", f"make {path.parent} writable") from error


def forget_new(path: Path) -> None:
    """Remove what an earlier refusal left beside the file."""
    new = path.with_name(path.name + _NEW)
    if new.is_file() and marking.ours(new.read_text(encoding="utf-8", errors="replace")):
        new.unlink()


def keep(folder: Path, parts: Iterable[PipelinePart]) -> None:
    """Keep what was generated, for the day when a newer version writes it differently."""
    folder.mkdir(exist_ok=True)
    for part in parts:
        file = folder / marking.digest(part.text)
        if not file.exists():
            file.write_bytes(part.text.encode())
