"""The file of a CI system's pipeline."""

from __future__ import annotations

from html import escape

from ...records import PipelineFile
from .columns import CARD, FAINT, notes_html


def text(pipeline: PipelineFile) -> str:
    """Return what was done with the file, its jobs, and what is left to do."""
    lines = [f"{pipeline.path} {pipeline.outcome}, for {pipeline.system}", f"  jobs: {', '.join(pipeline.jobs)}"]
    if pipeline.edited:
        lines.append(f"  your edits stay in: {', '.join(pipeline.edited)}")
    return "\n".join(lines + [f"  note: {note}" for note in pipeline.notes])


def html(pipeline: PipelineFile) -> str:
    """Return the same as a card."""
    jobs = ", ".join(f"<code>{escape(job)}</code>" for job in pipeline.jobs)
    edited = f"<div>your edits stay in: {escape(', '.join(pipeline.edited))}</div>" if pipeline.edited else ""
    return (
        f'<div style="{CARD}"><code>{escape(pipeline.path)}</code> <b>{pipeline.outcome}</b> '
        f'<span style="{FAINT}">for {escape(pipeline.system)}</span><div>jobs: {jobs}</div>{edited}'
        f"{notes_html(pipeline.notes)}</div>"
    )
