"""A generated file is generated again: what the user has edited stays, the rest is renewed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from ...protocols import Clash, MergedText, PipelinePart
from .marking import Piece, digest, marked

# From the digest of what was generated once to its text, as far as that can still be had.
Bases = Callable[[str], str | None]
# (base, mine, theirs): a three-way merge.
Merge = Callable[[str, str, str], MergedText]


@dataclass(frozen=True)
class Renewal:
    """A file as it is after the renewal.

    Attributes
    ----------
    text
        The whole file; parts with clashes stand in it as they were generated.
    edited
        The parts that hold edits of the user's.
    left_out
        The parts that the user has deleted, and that stay so.
    freed
        Parts that are no longer generated; the user had edited them, so they stay, as the user's own text.
    clashes
        Where the user and the generated text have changed the same lines, by the file's own line numbers.
    """

    text: str
    edited: tuple[str, ...]
    left_out: tuple[str, ...]
    freed: tuple[str, ...]
    clashes: tuple[Clash, ...]


@dataclass
class _Renewing:
    comment: str
    bases: Bases
    merge: Merge
    out: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    freed: list[str] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)

    def write(self, name: str, text: str, generated: str) -> None:
        self.out.append(marked(name, text, digest(generated), self.comment))

    def renew(self, piece: Piece, new: str) -> None:
        """Bring one part up to date."""
        if not piece.edited or piece.text == new:
            self.write(piece.name, new, new)
            return
        self.edited.append(piece.name)
        if piece.digest == digest(new):
            self.write(piece.name, piece.text, new)
            return
        base = self.bases(piece.digest)
        if base is None:
            whole = Clash(piece.first, piece.first + max(0, piece.text.count("\n") - 1))
            merged = MergedText("", (whole,))
        else:
            found = self.merge(base, piece.text, new)
            shift = piece.first - 1
            merged = MergedText(found.text, tuple(Clash(one[0] + shift, one[1] + shift) for one in found.clashes))
        self.clashes += merged.clashes
        self.write(piece.name, new if merged.clashes else merged.text, new)

    def drop(self, piece: Piece) -> None:
        """Take a part away that is no longer generated, unless it holds edits."""
        if piece.edited:
            self.freed.append(piece.name)
            self.out.append(piece.text)


def renew(
    found: Sequence[Piece],
    parts: Sequence[PipelinePart],
    known: Collection[str],
    *,
    comment: str,
    bases: Bases,
    merge: Merge,
) -> Renewal:
    """Renew a file.

    Parameters
    ----------
    found
        The file as it is, taken apart.
    parts
        What is generated now, in order.
    known
        The names of the parts that the file was generated with: one that is gone was deleted by the user.
    comment
        What begins a comment.
    bases, merge
        What was generated once, and how texts are merged.
    """
    new = {part.name: part.text for part in parts}
    there = {piece.name for piece in found}
    left_out = tuple(name for name in new if name in known and name not in there)
    # A part that is new here follows the one that it is generated after.
    following: dict[str, list[str]] = {}
    last = ""
    for name in new:
        if name in there:
            last = name
        elif name not in known:
            following.setdefault(last, []).append(name)
    work = _Renewing(comment, bases, merge)

    def add(names: Sequence[str], before: str, after: str) -> None:
        for name in names:
            work.out.append(before)
            work.write(name, new[name], new[name])
            work.out.append(after)

    add(following.get("", ()), "", "\n")
    dropped = False
    for piece in found:
        if not piece.name:
            # Of the empty line that set a dropped part off, one is enough.
            work.out.append(piece.text.removeprefix("\n") if dropped else piece.text)
            dropped = False
        elif piece.name in new:
            work.renew(piece, new[piece.name])
            dropped = False
        else:
            work.drop(piece)
            dropped = not piece.edited
        add(following.get(piece.name, ()) if piece.name else (), "\n", "")
    return Renewal("".join(work.out), tuple(work.edited), left_out, tuple(work.freed), tuple(work.clashes))
