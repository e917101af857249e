"""Two texts side by side: which lines differ, and in a line that was changed, which words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from ...records import Line

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_CONTEXT = 3
# Beyond, lines are not searched for in one another: the cost grows with the product of both counts.
_MOST_COMPARED = 4_000_000
_LONGEST_LINE = 5_000
# Below this share of equal words, a line is another line, and marks in it would say nothing.
_ALIKE = 0.35


def line_edits(before: str, after: str, *, words: bool = True) -> tuple[Line, ...]:
    """Return the lines that differ, with three equal ones around them; empty for equal texts.

    Parameters
    ----------
    before, after
        The texts.
    words
        Whether the words that differ are marked, which costs far more than finding the lines.

    Examples
    --------
    >>> [(line.mark, line.text) for line in line_edits("x = 1", "x = 2")]
    [('-', 'x = 1'), ('+', 'x = 2')]
    """
    if before == after:
        return ()
    old, new = before.split("\n"), after.split("\n")
    first = _equal_at_start(old, new)
    last = _equal_at_start(old[first:][::-1], new[first:][::-1])
    middle_old, middle_new = old[first : len(old) - last], new[first : len(new) - last]
    edits: list[Line] = [*_context(old[:first], head=True)]
    edits += _edits(middle_old, middle_new, words=words)
    edits += _context(old[len(old) - last :], tail=True)
    return tuple(edits)


def _equal_at_start(old: Sequence[str], new: Sequence[str]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _edits(old: Sequence[str], new: Sequence[str], *, words: bool) -> Iterator[Line]:
    if len(old) * len(new) > _MOST_COMPARED:
        yield from (Line("-", line) for line in old)
        yield from (Line("+", line) for line in new)
        return
    for kind, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            yield from _context(old[i:j])
            continue
        removed, added = old[i:j], new[k:m]
        marks = [_words(one, other) for one, other in zip(removed, added, strict=False)] if words else []
        yield from (Line("-", line, marks[at][0] if at < len(marks) else ()) for at, line in enumerate(removed))
        yield from (Line("+", line, marks[at][1] if at < len(marks) else ()) for at, line in enumerate(added))


def _context(lines: Sequence[str], *, head: bool = False, tail: bool = False) -> Iterator[Line]:
    """Yield equal lines, of many of them those next to a change."""
    before = 0 if head else _CONTEXT
    after = 0 if tail else _CONTEXT
    if len(lines) <= before + after + 1:
        yield from (Line(" ", line) for line in lines)
        return
    yield from (Line(" ", line) for line in lines[:before])
    yield Line("…", f"{len(lines) - before - after} equal lines")
    yield from (Line(" ", line) for line in lines[len(lines) - after :])


Spans = tuple[tuple[int, int], ...]


def _words(old: str, new: str) -> tuple[Spans, Spans]:
    """Return in each line the spans of the words that the other does not have; none for lines of nothing in common."""
    if len(old) > _LONGEST_LINE or len(new) > _LONGEST_LINE:
        return (), ()
    words_old, words_new = _WORD.findall(old), _WORD.findall(new)
    matcher = SequenceMatcher(None, words_old, words_new, autojunk=False)
    if matcher.quick_ratio() < _ALIKE:
        return (), ()
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    starts = [_starts(words_old), _starts(words_new)]
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind != "equal":
            for side, begin, end in ((0, i, j), (1, k, m)):
                if end > begin:
                    spans[side].append((starts[side][begin], starts[side][end]))
    return tuple(spans[0]), tuple(spans[1])


def _starts(words: Sequence[str]) -> list[int]:
    found = [0]
    for word in words:
        found.append(found[-1] + len(word))
    return found
