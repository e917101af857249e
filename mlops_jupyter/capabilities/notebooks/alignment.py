"""Which cell of one notebook is which of another."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import orjson

from .reading import ids, source

Cell = Mapping[str, Any]
# Returns which of the first cells is which of the second, both rising.
Aligner = Callable[[Sequence[Cell], Sequence[Cell]], Sequence[tuple[int, int]]]

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
    tails: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for at, old in enumerate(olds):
        length = bisect_left(tails, pairs[old])
        before.append(last[length - 1] if length else None)
        if length == len(tails):
            tails.append(pairs[old])
            last.append(at)
        else:
            tails[length], last[length] = pairs[old], at
    staying: set[int] = set()
    step: int | None = last[-1] if last else None
    while step is not None:
        staying.add(olds[step])
        step = before[step]
    return set(olds) - staying


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
    if (end_old - first) * (end_new - first) <= _MOST_PAIRS:
        return pairs + _aligned(old, new, (first, end_old, first, end_new), aligner)
    # Of very many cells, those that are the same set the marks, and the rest is looked at between them.
    matcher = SequenceMatcher(None, keys_old[first:end_old], keys_new[first:end_new], autojunk=False)
    for kind, *part in matcher.get_opcodes():
        i, j, k, m = (place + first for place in part)
        if kind == "equal":
            pairs += zip(range(i, j), range(k, m), strict=True)
        elif (j - i) * (m - k) <= _MOST_PAIRS:
            pairs += _aligned(old, new, (i, j, k, m), aligner)
        else:
            pairs += zip(range(i, j), range(k, m), strict=False)
    return pairs


def _aligned(
    old: Sequence[Cell], new: Sequence[Cell], part: tuple[int, int, int, int], aligner: Aligner
) -> list[tuple[int, int]]:
    i, j, k, m = part
    if i == j or k == m:
        return []
    return [(one + i, other + k) for one, other in aligner(old[i:j], new[k:m])]


def _key(cell: Cell) -> bytes:
    """Return what two cells have to share to be the same: type, source and outputs, whatever ran when."""
    outputs = [{**one, "execution_count": None, "metadata": None} for one in cell.get("outputs", [])]
    return orjson.dumps([cell["cell_type"], source(cell), outputs], option=orjson.OPT_SORT_KEYS)
