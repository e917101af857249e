"""Files that were written for another system."""

from __future__ import annotations

from html import escape

from ...records import Exported, ExportedFile
from .columns import CARD, FAINT, notes_html


def text(exported: Exported) -> str:
    """Return what was done with each file, and how they are used."""
    about = f" about {', '.join(exported.deployments)}" if exported.deployments else ""
    lines = [f"{exported.folder}: files for {exported.system}{about}"]
    lines += [f"  {file.outcome:7}  {file.path}{_edited(file)}" for file in exported.files]
    return "\n".join(lines + [f"  note: {note}" for note in exported.notes])


def html(exported: Exported) -> str:
    """Return the same as a card."""
    about = f" about {escape(', '.join(exported.deployments))}" if exported.deployments else ""
    files = "".join(
        f"<div><code>{escape(file.path)}</code> <b>{file.outcome}</b>"
        f'<span style="{FAINT}">{escape(_edited(file))}</span></div>'
        for file in exported.files
    )
    return (
        f'<div style="{CARD}"><code>{escape(exported.folder)}</code> '
        f'<span style="{FAINT}">files for {escape(exported.system)}{about}</span>{files}'
        f"{notes_html(exported.notes)}</div>"
    )


def _edited(file: ExportedFile) -> str:
    return ", your edits stay" if file.edited else ""
