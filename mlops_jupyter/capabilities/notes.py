"""What a notebook says about a cell in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

# MLflow's limit of a tag's value.
LONGEST_NOTE = 8000
_CUT = " …"
# A picture that lies within the notebook cannot be shown elsewhere.
_INNER_PICTURE = re.compile(
    r"""!\[[^\]]*\]\(\s*<?(?:attachment|data):[^)]*\)|<img\b[^>]*\bsrc\s*=\s*["']?(?:attachment|data):[^>]*>""",
    re.IGNORECASE,
)
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")


def note_above(notebook: Mapping[str, object], cell_id: str) -> str | None:
    """Return the text of the Markdown cell directly above a cell.

    Pictures that are attached to the notebook or written into it are left out. A text that is too long for a tag
    is cut after a word and ends with …

    Parameters
    ----------
    notebook
        A notebook as its JSON says it, of any origin.
    cell_id
        The id of the cell below the text.

    Returns
    -------
    str or None
        ``None`` when there is no such cell, or no text directly above it.
    """
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        return None
    above: object = None
    for cell in cells:
        if isinstance(cell, dict) and cell.get("id") == cell_id:
            return _text(above)
        above = cell
    return None


def _text(cell: object) -> str | None:
    if not isinstance(cell, dict) or cell.get("cell_type") != "markdown":
        return None
    source = cell.get("source")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return None
    text = _EMPTY_LINES.sub("\n\n", _INNER_PICTURE.sub("", source)).strip()
    return _shortened(text) or None


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_NOTE:
        return text
    room = LONGEST_NOTE - len(_CUT)
    kept = text[:room]
    if not text[room].isspace():
        # Within a word; a word that fills everything is cut where the room ends.
        kept = re.sub(r"\s\S*\Z", "", kept) or kept
    return kept.rstrip() + _CUT
