"""The Markdown above a cell becomes the run's note, whatever the notebook looks like."""

from __future__ import annotations

import json

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_jupyter.capabilities.notes import LONGEST_NOTE, note_above


def notebook(*cells) -> dict:
    """A real notebook as it lies on disk; the last cell is the tracked one."""
    made = nbformat.v4.new_notebook(cells=[*cells, nbformat.v4.new_code_cell("%%mlops track", id="tracked")])
    return json.loads(nbformat.writes(made))


def markdown(text: str):
    return nbformat.v4.new_markdown_cell(text)


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ("# Forest\n\nWith *six* levels.", "# Forest\n\nWith *six* levels."),
        ("\n  words \n", "words"),
        ("before ![plot](attachment:plot.png) after", "before  after"),
        ("a\n\n![](attachment:a.png)\n\n![](attachment:b.png)\n\nb", "a\n\nb"),
        ('a <img src="attachment:x.png" width="10"/> b', "a  b"),
        ("a ![](data:image/png;base64,AAAA) b", "a  b"),
        ("a ![logo](https://example.org/logo.png) b", "a ![logo](https://example.org/logo.png) b"),
        ("![](attachment:only.png)", None),
        ("", None),
    ],
)
def test_the_text_directly_above(written, note):
    assert note_above(notebook(markdown("# Title"), markdown(written)), "tracked") == note


def test_only_what_stands_directly_above_counts():
    between = nbformat.v4.new_code_cell("x = 1")
    assert note_above(notebook(markdown("far away"), between), "tracked") is None
    assert note_above(notebook(nbformat.v4.new_raw_cell("raw")), "tracked") is None
    assert note_above(notebook(), "tracked") is None
    assert note_above(notebook(markdown("text")), "another") is None


def test_a_long_text_is_cut_after_a_word():
    note = note_above(notebook(markdown("wörd " * 5000)), "tracked")
    assert len(note) <= LONGEST_NOTE
    assert note.endswith("wörd …")
    assert note_above(notebook(markdown("w" * 8000)), "tracked") == "w" * 8000
    assert note_above(notebook(markdown("w" * 8001)), "tracked") == "w" * 7998 + " …"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"cells": None},
        {"cells": {"id": "tracked"}},
        {"cells": ["text", None, {"id": "tracked"}]},
        {"cells": [{"cell_type": "markdown"}, {"id": "tracked"}]},
        {"cells": [{"cell_type": "markdown", "source": 5}, {"id": "tracked"}]},
        {"cells": [{"cell_type": "markdown", "source": [1, None]}, {"id": "tracked"}]},
    ],
)
def test_a_broken_notebook_has_no_note(broken):
    assert note_above(broken, "tracked") is None


@given(st.text())
def test_any_text_fits_a_tag(text):
    cells = [{"cell_type": "markdown", "source": text * 40}, {"id": "tracked"}]
    note = note_above({"cells": cells}, "tracked")
    assert note is None or 0 < len(note) <= LONGEST_NOTE
