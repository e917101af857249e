"""nbdime as the judge of which cells are alike."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, cast

from ..capabilities.notebooks.reading import joined

# nbformat's schema checker builds a grammar for this one at its import, a second that nobody here needs.
_SLOW = "rfc3987_syntax"
_missing = object()
_before = sys.modules.get(_SLOW, _missing)
sys.modules.setdefault(_SLOW, cast("ModuleType", None))
try:
    from nbdime.diffing.notebooks import notebook_predicates
    from nbdime.diffing.snakes import compute_snakes_multilevel
    from nbformat import from_dict
finally:
    if _before is _missing:
        del sys.modules[_SLOW]


# Longer texts nbdime takes for alike in an output's stream only if they are equal; so here in all outputs.
_LONGEST = 1000
# Private use, hence in no output.
_FIRST_LETTER, _LETTERS = 0xF0000, 0x1FFFD


class NbdimeDiffer:
    """Aligns cells as nbdime does: alike in source and outputs, first strictly, then less so."""

    def align(self, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
        """Return which of the first cells is which of the second, both rising."""
        short = _Shortened()
        old, new = ([_as_nbdime_has_it(cell, short) for cell in cells] for cells in (before, after))
        snakes = compute_snakes_multilevel(old, new, notebook_predicates["/cells"])
        return [(i + step, j + step) for i, j, count in snakes for step in range(count)]


class _Shortened:
    """Puts a short text in a long one's place: the same for the same, and like no other's."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        text = joined(value)
        if not isinstance(text, str) or len(text) <= _LONGEST:
            return text
        # nbdime takes texts of less than ten letters for alike.
        return self._known.setdefault(text, chr(_FIRST_LETTER + len(self._known) % _LETTERS) * 10)


def _as_nbdime_has_it(cell: Mapping[str, Any], short: _Shortened) -> Any:
    """Return a cell as nbformat reads it: attributes, and texts in one piece; long outputs as what stands for them."""
    told = {**cell, "source": joined(cell["source"])}
    if cell["cell_type"] == "code":
        told["outputs"] = [_output(one, short) for one in cell.get("outputs", [])]
    # Two cells of one id are told by what is in them.
    told.pop("id", None)
    return from_dict(told)


def _output(output: Mapping[str, Any], short: _Shortened) -> dict[str, Any]:
    told = dict(output)
    if "text" in told:
        told["text"] = short(told["text"])
    if isinstance(told.get("traceback"), list):
        told["traceback"] = [short(line) for line in told["traceback"]]
    if isinstance(told.get("data"), dict):
        told["data"] = {mime: short(value) for mime, value in told["data"].items()}
    return told
