"""Which cell of one notebook is which of another."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any

import orjson

from .reading import ids, source

Cell = Mapping[str, Any]
# Returns which of the first cells is which of the second, both rising.
Aligner = Callable[[Sequence[Cell], Sequence[Cell]], Sequence[tuple[int, int]]]
# From where to where in the first cells, and in the second.
_Part = tuple[int, int, int, int]

# An aligner looks at each pair of cells.
_MOST_PAIRS = 40_000


def align(before: Mapping[str, Any], after: Mapping[str, Any], aligner: Aligner) -> dict[int, int]:
    """Tell which cell is which: by their ids, else by what is in them.

    Parameters
    ----------
    before, after
        Two notebooks.
    aligner
        Aligns cells by their likeness, where ids do not tell.

    Returns
    -------
    dict
        Of each cell of ``before`` that is in ``after`` too, by its place, the place there.
    """
    places = {ident: place for place, ident in enumerate(ids(after)) if ident is not None}
    pairs = {old: places[ident] for old, ident in enumerate(ids(before)) if ident is not None and ident in places}
    taken = set(pairs.values())
    left = [place for place in range(len(before["cells"])) if place not in pairs]
    right = [place for place in range(len(after["cells"])) if place not in taken]
    if left and right:
        old, new = [before["cells"][place] for place in left], [after["cells"][place] for place in right]
        pairs |= {left[one]: right[other] for one, other in _by_content(old, new, aligner)}
    return pairs


def moved(pairs: Mapping[int, int]) -> set[int]:
    """Return the cells of the first notebook that have changed their place among the others: the fewest that can."""
    olds = sorted(pairs)
    # The longest rising sequence of new places stays; the rest has moved.
    lengths = _rising([pairs[old] for old in olds])
    staying: set[int] = set()
    wanted = max(lengths, default=0)
    for old, length in zip(reversed(olds), reversed(lengths), strict=True):
        if length == wanted:
            staying.add(old)
            wanted -= 1
    return set(olds) - staying


def _steady(pairs: Mapping[int, int]) -> list[tuple[int, int]]:
    """Return the pairs that have not moved whichever are the fewest that have: of two that swapped places, neither."""
    olds = sorted(pairs)
    up = _rising([pairs[old] for old in olds])
    down = _rising([-pairs[old] for old in reversed(olds)])[::-1]
    longest = max(up, default=0)
    on = [place for place in range(len(olds)) if up[place] + down[place] == longest + 1]
    alone = Counter(up[place] for place in on)
    return [(olds[place], pairs[olds[place]]) for place in on if alone[up[place]] == 1]


def _rising(values: Sequence[int]) -> list[int]:
    """Return of each value how long the longest rising sequence is that ends with it."""
    tails: list[int] = []
    lengths = []
    for value in values:
        length = bisect_left(tails, value)
        tails[length : length + 1] = [value]
        lengths.append(length + 1)
    return lengths


def _by_content(old: Sequence[Cell], new: Sequence[Cell], aligner: Aligner) -> list[tuple[int, int]]:
    keys_old, keys_new = [_key(cell) for cell in old], [_key(cell) for cell in new]
    first = 0
    while first < min(len(old), len(new)) and keys_old[first] == keys_new[first]:
        first += 1
    end_old, end_new = len(old), len(new)
    while min(end_old, end_new) > first and keys_old[end_old - 1] == keys_new[end_new - 1]:
        end_old, end_new = end_old - 1, end_new - 1
    pairs = [(place, place) for place in range(first)]
    pairs += [(end_old + place, end_new + place) for place in range(len(old) - end_old)]
    sources_old, sources_new = ([(cell["cell_type"], source(cell)) for cell in cells] for cells in (old, new))
    for part in _between_landmarks(pairs, sources_old, sources_new, (first, end_old, first, end_new)):
        pairs += _aligned(old, new, part, aligner)
    return pairs


def _between_landmarks(
    pairs: list[tuple[int, int]], old: Sequence[Hashable], new: Sequence[Hashable], part: _Part
) -> Iterator[_Part]:
    """Pair the cells whose source no other has on either side, whatever came out, and yield what lies between them."""
    left = [part]
    while left:
        i, j, k, m = left.pop()
        if i == j or k == m:
            continue
        places = _alone(new, k, m)
        alone = {one: places[key] for key, one in _alone(old, i, j).items() if key in places}
        landmarks = _steady(alone)
        if not landmarks:
            yield i, j, k, m
            continue
        pairs += landmarks
        # Between two of them a source may be the only one of its kind again.
        ends = [(i - 1, k - 1), *landmarks, (j, m)]
        left += ((one + 1, end, other + 1, last) for (one, other), (end, last) in pairwise(ends))


def _alone(keys: Sequence[Hashable], begin: int, end: int) -> dict[Hashable, int]:
    counts = Counter(keys[begin:end])
    return {keys[place]: place for place in range(begin, end) if counts[keys[place]] == 1}


def _aligned(old: Sequence[Cell], new: Sequence[Cell], part: _Part, aligner: Aligner) -> Iterator[tuple[int, int]]:
    i, j, k, m = part
    if (j - i) * (m - k) <= _MOST_PAIRS:
        yield from ((one + i, other + k) for one, other in aligner(old[i:j], new[k:m]))
        return
    # Of very many cells, those that are the same set the marks, and the rest is looked at between them.
    keys_old, keys_new = ([_key(cell) for cell in cells] for cells in (old[i:j], new[k:m]))
    matcher = SequenceMatcher(None, keys_old, keys_new, autojunk=False)
    for kind, begin, end, first, last in matcher.get_opcodes():
        inner = (begin + i, end + i, first + k, last + k)
        if kind == "equal" or (end - begin) * (last - first) > _MOST_PAIRS:
            yield from zip(range(*inner[:2]), range(*inner[2:]), strict=False)
        elif kind == "replace":
            yield from _aligned(old, new, inner, aligner)


def _key(cell: Cell) -> bytes:
    """Return what two cells have to share to be the same: type, source and outputs, whatever ran when."""
    outputs = [{**one, "execution_count": None, "metadata": None} for one in cell.get("outputs", [])]
    return orjson.dumps([cell["cell_type"], source(cell), outputs], option=orjson.OPT_SORT_KEYS)
