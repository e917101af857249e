"""Which of a notebook's cells one is that a front end names by an address of its own, as VS Code does."""

from __future__ import annotations

from pathlib import Path

from ..errors import ConfigurationError
from .notebooks import reading
from .vscode import own_id


def id_in_file(told: str | None, source: str | None, notebook: Path | None) -> str | None:
    """Return the id that a cell has in its notebook.

    Parameters
    ----------
    told
        What the front end calls the cell.
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
    own = own_id(told)
    if told is None or own is not None or source is None or notebook is None:
        return own
    try:
        content = reading.read(notebook.read_bytes(), notebook.name)
    except (OSError, ConfigurationError):
        # Whoever keeps the notebook says so.
        return None
    cells = zip(content["cells"], reading.ids(content), strict=True)
    same = [ident for cell, ident in cells if reading.source(cell).strip() == source.strip()]
    return same[0] if len(same) == 1 else None
