"""What a snapshot holds of a notebook: the live content, without outputs, the cell that runs as it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from . import live_documents
from .notebooks import reading
from .notebooks.stripping import dumps, strip
from .run_snapshot import Origin


class RunningCell(NamedTuple):
    """The cell that runs now: its id, and its source as it was sent to the kernel."""

    cell_id: str
    source: str


@dataclass(frozen=True)
class Document:
    """A notebook as it was found.

    Attributes
    ----------
    content
        Its JSON, as bytes.
    origin
        Whether a front end told it, or the disk.
    """

    content: bytes
    origin: Origin


def find(notebook: Path) -> Document:
    """Return a notebook as its front end has it, else as the disk has it.

    Raises
    ------
    OSError
        When it is not told and cannot be read.
    """
    told = live_documents.content_of(notebook)
    return Document(notebook.read_bytes(), "disk") if told is None else Document(told, "live")


def as_it_runs(document: Document, name: str, running: RunningCell | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the notebook, with the cell that runs now as the kernel got it, and what the user should know of that.

    Parameters
    ----------
    document
        The notebook as it was found.
    name
        What it is called in errors.
    running
        The cell that runs now. The file may hold an older text of it.

    Raises
    ------
    ConfigurationError
        When the content is no notebook.
    """
    notebook = reading.read(document.content, name)
    if running is None or document.origin == "live":
        return notebook, ()
    return notebook, _put(notebook, running, name)


def kept(notebook: dict[str, Any]) -> bytes:
    """Return what a snapshot holds of a notebook: all but its outputs."""
    return dumps(strip(notebook))


def _put(notebook: dict[str, Any], running: RunningCell, name: str) -> tuple[str, ...]:
    for cell, ident in zip(notebook["cells"], reading.ids(notebook), strict=True):
        if ident == running.cell_id:
            if reading.source(cell).strip() == running.source.strip():
                return ()
            cell["source"] = running.source
            return (f"{name} has edits that are not saved: its snapshot has this cell as it ran, the rest from disk",)
    return (f"{name} has no cell like this one on disk: its snapshot is the saved file, which is older",)
