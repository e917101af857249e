"""Which of a notebook's cells one is that a front end names by an address of its own, as VS Code does."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import ConfigurationError
from .notebooks import reading

# nbformat's own, see https://nbformat.readthedocs.io/en/latest/format_description.html#cell-ids
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def id_in_file(told: str | None, source: str | None, notebook: Path | None) -> str | None:
    """Return the id that a cell has in its notebook.

    Parameters
    ----------
    told
        What the front end calls the cell. VS Code's name of it holds a host, a path, and the cell's place when the
        notebook was opened: it means nothing to anybody else, and another cell another day.
    source
        The cell's text.
    notebook
        The notebook's file.

    Returns
    -------
    str or None
        The id that was told, or that of the one cell of the file that has this text. ``None`` where that cannot be
        told: the text is not saved, or several cells have it.
    """
    if told is None or _ID.fullmatch(told):
        return told
    if source is None or notebook is None:
        return None
    try:
        content = reading.read(notebook.read_bytes(), notebook.name)
    except (OSError, ConfigurationError):
        # Whoever keeps the notebook says so.
        return None
    cells = zip(content["cells"], reading.ids(content), strict=True)
    same = [ident for cell, ident in cells if reading.source(cell).strip() == source.strip()]
    return same[0] if len(same) == 1 else None
