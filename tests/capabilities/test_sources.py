"""Checksums of sources: what the front end computes, too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.sources import checksum, checksum_of_cells

# labextension/tests/cells.test.ts has the same.
KNOWN = [("", "00000000"), ("x = 1", "475ba176"), ("größe = '😀'\n", "9e87d3c1"), ("\ud800", "8b7233c9")]


def test_what_the_front_end_computes_too():
    assert [(text, checksum(text)) for text, _ in KNOWN] == KNOWN
    cells = [{"cell_type": "code", "source": ["x = 1\n", "y"]}, {"cell_type": "markdown", "source": "# größe"}]
    assert checksum_of_cells({"cells": cells}) == "3692799a"


@given(st.text(), st.text())
def test_cells_are_told_apart_by_type_and_place(one, other):
    def of(*cells: tuple[str, str]) -> str:
        return checksum_of_cells({"cells": [{"cell_type": kind, "source": text} for kind, text in cells]})

    assert of(("code", one)) == of(("code", one))
    assert of(("code", one)) != of(("markdown", one))
    assert of(("code", one)) != of(("code", one), ("code", other))
    assert of(("code", one), ("code", "x" + one)) != of(("code", "x" + one), ("code", one))
