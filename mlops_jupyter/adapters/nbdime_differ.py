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


class NbdimeDiffer:
    """Aligns cells as nbdime does: alike in source and outputs, first strictly, then less so."""

    def align(self, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
        """Return which of the first cells is which of the second, both rising."""
        old, new = [_as_nbdime_has_it(cell) for cell in before], [_as_nbdime_has_it(cell) for cell in after]
        snakes = compute_snakes_multilevel(old, new, notebook_predicates["/cells"])
        return [(i + step, j + step) for i, j, count in snakes for step in range(count)]


def _as_nbdime_has_it(cell: Mapping[str, Any]) -> Any:
    """Return a cell as nbformat reads it: attributes, and texts in one piece."""
    told = {**cell, "source": joined(cell["source"])}
    if cell["cell_type"] == "code":
        told["outputs"] = [_output(one) for one in cell.get("outputs", [])]
    # Two cells of one id are told by what is in them.
    told.pop("id", None)
    return from_dict(told)


def _output(output: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(output)
    if "text" in told:
        told["text"] = joined(told["text"])
    if isinstance(told.get("data"), dict):
        told["data"] = {mime: joined(value) for mime, value in told["data"].items()}
    return told
