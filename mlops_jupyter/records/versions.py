"""Versions of notebooks, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

VersionKind = Literal["live", "file", "commit", "snapshot", "run"]


@dataclass(frozen=True)
class Version:
    """One version of a notebook, wherever it is kept.

    Attributes
    ----------
    kind
        Where it was found: in an open front end, in a file, in a commit, in a snapshot, or as a run's artifact.
    ref
        What names it to `diff` and `restore`: a path, the beginning of a commit's or snapshot's hash, a run's id.
    notebook
        The notebook's path, relative to the project where it lies in it.
    time
        When it was made, where that is known.
    title
        A commit's or snapshot's first line; a run's name.
    author
        Who made it, where that is known.
    commit
        The full hash of the commit or snapshot that holds it, if one does.
    runs
        The ids of the runs that it belongs to.
    honesty
        What these runs say of the cells that they depended on: ``clean``, or in which ways the notebook does not show
        them, with commas between; ``None`` where no run says anything.
    """

    kind: VersionKind
    ref: str
    notebook: str
    time: datetime | None = None
    title: str = ""
    author: str = ""
    commit: str | None = None
    runs: tuple[str, ...] = ()
    honesty: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of notebooks: a commit under a private ref, or outside git files of the project's own.

    Attributes
    ----------
    ref
        What names it to `diff` and `restore`: the beginning of its hash; outside git its folder's name.
    commit
        The full hash; ``None`` outside git.
    notebooks
        The notebooks in it, relative to the project.
    origin
        Where the notebooks' content came from: a front end's live document, or the disk.
    new
        Whether it was made now; an equal one is used again.
    taken
        When it was made.
    notes
        Sentences the user should read: that the content is from disk and maybe unsaved, what was left out.
    """

    ref: str
    commit: str | None
    notebooks: tuple[str, ...]
    origin: Literal["live", "disk"]
    new: bool
    taken: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeptSources:
    """Which states of a notebook's cells its newest snapshots hold.

    Attributes
    ----------
    ref, taken
        The newest snapshot's name and time; ``None`` without any.
    checksums
        Of each snapshot that was looked at, the newest first, the checksum of its cells' types and sources.
    """

    ref: str | None = None
    taken: datetime | None = None
    checksums: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """The versions of a notebook, newest first."""

    notebook: str
    versions: tuple[Version, ...]
    notes: tuple[str, ...] = ()


class Line(NamedTuple):
    """One line of two texts put side by side.

    ``mark`` is ``-`` or ``+`` for a line of the first or second alone, a space for one of both, and ``…`` for equal
    lines that are left out. ``words`` are the spans (from, to) of a changed line that the other one does not have.
    """

    mark: str
    text: str
    words: tuple[tuple[int, int], ...] = ()


class Picture(NamedTuple):
    """An image in an output: its type, the size of its file in bytes, and the beginning of the file's SHA-256."""

    mime: str
    size: int
    digest: str


@dataclass(frozen=True)
class OutputChange:
    """One output that differs.

    Attributes
    ----------
    kind
        Whether it is there only after, only before, or on both sides.
    name
        What it is: ``stdout``, ``ValueError``, ``text/html``.
    lines
        The text side by side, cut where it is long.
    before, after
        The images.
    data
        The images' content as base64 text, for a face that draws them.
    """

    kind: Literal["added", "removed", "changed"]
    name: str
    lines: tuple[Line, ...] = ()
    before: Picture | None = None
    after: Picture | None = None
    data: tuple[str | None, str | None] = field(default=(None, None), repr=False, metadata={"unsaid": True})


@dataclass(frozen=True)
class CellChange:
    """One cell that differs.

    Attributes
    ----------
    kind
        What happened to it; one that has moved may have changed too.
    type
        ``code``, ``markdown`` or ``raw``.
    ident
        Its id, if it has one that is its own.
    place_before, place_after
        Where it stands, from 0; ``None`` on the side where it is not.
    source
        Its source side by side.
    outputs
        The outputs that differ.
    metadata
        The names of what differs in its metadata, noise apart.
    """

    kind: Literal["added", "removed", "changed", "moved"]
    type: str
    ident: str | None
    place_before: int | None
    place_after: int | None
    source: tuple[Line, ...] = ()
    outputs: tuple[OutputChange, ...] = ()
    metadata: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotebookDiff:
    """Two versions of a notebook side by side.

    Attributes
    ----------
    before, after
        The versions.
    cells
        The cells that differ, in the order of ``after``, removed ones where they stood.
    equal
        How many cells are the same.
    noise
        In how many cells nothing but metadata that changes by itself differs: counts and times of execution.
    metadata
        The names of what differs in the notebook's own metadata, noise apart.
    """

    before: Version
    after: Version
    cells: tuple[CellChange, ...]
    equal: int
    noise: int = 0
    metadata: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything but noise differs."""
        return bool(self.cells or self.metadata)


@dataclass(frozen=True)
class Restored:
    """A version of a notebook that was brought back.

    Attributes
    ----------
    version
        What was brought back.
    path
        The file that holds it now.
    kept
        The snapshot that holds what was in that file before; ``None`` when nothing was replaced.
    """

    version: Version
    path: str
    kept: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """A branch that was pushed for others to look at.

    Attributes
    ----------
    remote
        The remote's address, without credentials.
    branch, target
        What was pushed, and what it is to be merged into.
    commit
        The full hash of what was pushed.
    forge
        Which kind of host the merge request is on; ``None`` where there is none to open it on.
    link
        The merge request's page, or the page on which it can be opened, where one is known.
    opened
        Whether a merge request was asked for: by the push itself, or by the host's API.
    notebooks
        The notebooks that differ from the target.
    """

    remote: str
    branch: str
    target: str
    commit: str
    forge: str | None
    link: str | None
    opened: bool
    notebooks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
