"""What differs between two versions of a notebook; the cost follows what changed."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...records import CellChange, NotebookDiff, OutputChange, Picture, Version
from .alignment import Aligner, align, moved
from .lines import line_edits
from .reading import ids, joined, source

# What changes in metadata without anybody having edited the notebook.
_CELL_NOISE = {
    "ExecuteTime",
    "collapsed",
    "execution",
    "heading_collapsed",
    "hidden",
    "papermill",
    "scrolled",
    "trusted",
}
# JupyterLab's own word in an open notebook, which no saved one has.
_UNSAVED = {"trusted"}
_NOTEBOOK_NOISE = {"kernelspec", "language_info", "papermill", "signature", "widgets", "orig_nbformat"}
_TEXT = ("text/plain", "text/markdown", "text/latex", "text/html", "application/json")
# Of a long output, so many letters of each side are put side by side.
_LONGEST_TEXT = 20_000
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def diff(
    before: Mapping[str, Any], after: Mapping[str, Any], versions: tuple[Version, Version], aligner: Aligner
) -> NotebookDiff:
    """Put two notebooks side by side.

    Parameters
    ----------
    before, after
        The notebooks, as `reading.read` returns them.
    versions
        What they are called.
    aligner
        Aligns cells by their likeness, where ids do not tell which is which.
    """
    pairs = align(before, after, aligner)
    idents = list(ids(before)), list(ids(after))
    wandering = moved(pairs)
    olds = {new: old for old, new in pairs.items()}
    changes: list[CellChange] = []
    equal = noise = 0
    gone = _removed(before, pairs, wandering)
    for place, cell in enumerate(after["cells"]):
        changes += (_removal(before, old, idents[0][old]) for old in gone.pop(place, ()))
        old = olds.get(place)
        if old is None:
            changes.append(_addition(cell, place, idents[1][place]))
            continue
        change = _change(before["cells"][old], cell, (old, place), idents[1][place], has_moved=old in wandering)
        if change is not None:
            changes.append(change)
        elif _is_noisy(before["cells"][old], cell):
            noise += 1
        else:
            equal += 1
    changes += (_removal(before, old, idents[0][old]) for places in gone.values() for old in places)
    metadata = _differing(_mapping(before.get("metadata")), _mapping(after.get("metadata")), _NOTEBOOK_NOISE)
    return NotebookDiff(*versions, tuple(changes), equal, noise, metadata)


def _removed(before: Mapping[str, Any], pairs: Mapping[int, int], wandering: set[int]) -> dict[int, list[int]]:
    """Return the removed cells by the place in the new notebook that they stood before."""
    found: dict[int, list[int]] = {}
    place = 0
    for old in range(len(before["cells"])):
        if old not in pairs:
            found.setdefault(place, []).append(old)
        elif old not in wandering:
            place = pairs[old] + 1
    return found


def _removal(before: Mapping[str, Any], place: int, ident: str | None) -> CellChange:
    cell = before["cells"][place]
    outputs = tuple(_outputs(cell.get("outputs", ()), ()))
    return CellChange("removed", cell["cell_type"], ident, place, None, line_edits(source(cell), "")[:-1], outputs)


def _addition(cell: Mapping[str, Any], place: int, ident: str | None) -> CellChange:
    outputs = tuple(_outputs((), cell.get("outputs", ())))
    return CellChange("added", cell["cell_type"], ident, None, place, line_edits("", source(cell))[1:], outputs)


def _change(
    old: Mapping[str, Any], new: Mapping[str, Any], places: tuple[int, int], ident: str | None, *, has_moved: bool
) -> CellChange | None:
    edits = line_edits(source(old), source(new))
    outputs = tuple(_outputs(old.get("outputs", ()), new.get("outputs", ())))
    metadata = _differing(_mapping(old.get("metadata")), _mapping(new.get("metadata")), _CELL_NOISE)
    metadata += tuple(name for name in ("cell_type", "attachments") if old.get(name) != new.get(name))
    if not (edits or outputs or metadata or has_moved):
        return None
    kind = "moved" if has_moved else "changed"
    return CellChange(kind, new["cell_type"], ident, *places, edits, outputs, metadata)  # type: ignore[arg-type]


def _is_noisy(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if old.get("execution_count") != new.get("execution_count"):
        return True
    if _differing(_mapping(old.get("metadata")), _mapping(new.get("metadata")), _UNSAVED):
        return True
    return bool(old.get("outputs") != new.get("outputs"))


def _differing(old: Mapping[str, Any], new: Mapping[str, Any], noise: set[str]) -> tuple[str, ...]:
    names = dict.fromkeys((*old, *new))
    return tuple(name for name in names if name not in noise and old.get(name) != new.get(name))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# --- outputs --------------------------------------------------------------------------------------------------------


def _outputs(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> Iterator[OutputChange]:
    """Compare outputs in their order; of two that differ, all forms but the telling ones are passed over."""
    if old == new:
        return
    first = 0
    while first < min(len(old), len(new)) and _same(old[first], new[first]):
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and _same(old[-1 - last], new[-1 - last]):
        last += 1
    olds, news = old[first : len(old) - last], new[first : len(new) - last]
    for place in range(max(len(olds), len(news))):
        one = olds[place] if place < len(olds) else None
        other = news[place] if place < len(news) else None
        if one is not None and other is not None and _name(one) != _name(other):
            yield _output_change(one, None)
            yield _output_change(None, other)
        elif one is None or other is None or not _same(one, other):
            yield _output_change(one, other)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one == other or _content(one) == _content(other)


def _content(output: Mapping[str, Any]) -> Any:
    """Return what an output says, apart from when it was made and how its text is cut into pieces."""
    kind = output["output_type"]
    if kind == "stream":
        return kind, output.get("name"), joined(output.get("text", ""))
    if kind == "error":
        return kind, output.get("ename"), output.get("evalue"), output.get("traceback")
    return kind, {mime: joined(value) for mime, value in _mapping(output.get("data")).items()}


def _name(output: Mapping[str, Any]) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return str(output.get("name", "stream"))
    if kind == "error":
        return str(output.get("ename", "error"))
    return _telling(_mapping(output.get("data")))


def _telling(data: Mapping[str, Any]) -> str:
    """Return the form of an output that a person looks at."""
    pictures = [mime for mime in data if mime.startswith("image/")]
    rest = [mime for mime in _TEXT if mime in data]
    return next(iter((*pictures, *rest, *data)), "display_data")


def _output_change(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> OutputChange:
    told = new if new is not None else old
    name = "" if told is None else _name(told)
    kind: Any = "changed" if old is not None and new is not None else "added" if old is None else "removed"
    if name.startswith("image/"):
        pictures = [None if one is None else joined(_mapping(one.get("data")).get(name)) for one in (old, new)]
        before, after = (None if one is None else _picture(name, one) for one in pictures)
        data = tuple(one if isinstance(one, str) else None for one in pictures)
        return OutputChange(kind, name, (), before, after, data)  # type: ignore[arg-type]
    texts = ["" if one is None else _text(one, name) for one in (old, new)]
    edits = line_edits(*map(_cut, texts), words=False) or line_edits("", "(differs after its first letters)")[1:]
    if kind != "changed":
        edits = edits[1:] if kind == "added" else edits[:-1]
    return OutputChange(kind, name, edits)


def _text(output: Mapping[str, Any], name: str) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return str(joined(output.get("text", ""))).rstrip("\n")
    if kind == "error":
        trace = output.get("traceback") or [f"{output.get('ename')}: {output.get('evalue')}"]
        return _COLOURS.sub("", "\n".join(map(str, trace)))
    value = joined(_mapping(output.get("data")).get(name, ""))
    return value if isinstance(value, str) else str(value)


def _cut(text: str) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    return f"{text[:_LONGEST_TEXT]}\n… {len(text) - _LONGEST_TEXT:,} more letters"


def _picture(mime: str, content: Any) -> Picture:
    text = content if isinstance(content, str) else str(content)
    try:
        raw = text.encode() if mime == "image/svg+xml" else b64decode(text)
    except (NoBase64, ValueError):
        raw = text.encode(errors="replace")
    return Picture(mime, len(raw), hashlib.sha256(raw).hexdigest()[:12])
