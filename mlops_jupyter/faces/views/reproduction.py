"""A run that was executed once more: what is the same, what is not, and the verdict."""

from __future__ import annotations

from html import escape

from ...capabilities.reproducing import changed_data
from ...records import Reproduction, Section
from .columns import CARD, FAINT, badge, html_table, notes_html, number, shortened, text_table

_VALUE, _LISTED = 40, 12
_HEAD = ("run", "metric", "before", "now", "")
_SECTION_HEAD = ("before", "now")


def text(found: Reproduction) -> str:
    """Return what was compared, and in the last line the verdict."""
    parts = []
    if found.metrics:
        parts.append(text_table(_HEAD, _metrics(found)))
    parts += [_section_text(section) for section in (found.data, found.params, found.environment)]
    parts += [f"note: {note}" for note in found.notes]
    parts.append(f"executed notebook: {found.execution.output}")
    if found.folder is not None:
        parts.append(f"executed in: {found.folder}")
    parts.append(_verdict(found))
    return "\n".join(parts)


def html(found: Reproduction) -> str:
    """Return the same as tables."""
    like = "ok" if found.verdict == "reproduced" else "failed"
    name = f"<b>{escape(found.run.name or 'run')}</b> <code>{escape(found.run.run_id[:8])}</code>"
    parts = [f"<div>{badge(found.verdict, like)} {name} {_more(found)}</div>"]
    if found.metrics:
        parts.append(html_table(_HEAD, [tuple(map(escape, row)) for row in _metrics(found)]))
    for section in (found.data, found.params, found.environment):
        if section.differences:
            rows = [tuple(map(escape, row)) for row in _differences(section)]
            parts.append(html_table((section.name, *_SECTION_HEAD), rows))
        else:
            parts.append(f'<div style="{FAINT}">{escape(_section_text(section))}</div>')
    foot = f'<div style="{FAINT}">executed notebook: <code>{escape(found.execution.output)}</code></div>'
    return f'<div style="{CARD}">{"".join(parts)}{notes_html(found.notes)}{foot}</div>'


def _metrics(found: Reproduction) -> list[tuple[str, str, str, str, str]]:
    def said(value: float | None, *, exact: bool) -> str:
        return "–" if value is None else repr(value) if exact else number(value)

    return [
        (
            one.run,
            one.name,
            # Of values that differ, all digits are told.
            said(one.before, exact=not one.same),
            said(one.after, exact=not one.same),
            "same" if one.same else "differs",
        )
        for one in found.metrics
    ]


def _section_text(section: Section) -> str:
    if section.differences:
        shown = _differences(section)
        more = len(section.differences) - len(shown)
        table = text_table((section.name, *_SECTION_HEAD), shown)
        return f"{table}\n… and {more} more" if more else table
    if section.same:
        return f"{section.name}: {section.same} the same"
    return f"{section.name}: none recorded"


def _differences(section: Section) -> list[tuple[str, str, str]]:
    return [
        (one.name, *(shortened("–" if value is None else value, _VALUE) for value in one.values[:2]))  # type: ignore[misc]
        for one in section.differences[:_LISTED]
    ]


def _more(found: Reproduction) -> str:
    names = ", ".join(changed_data(found.data))
    return escape(names) if found.verdict == "data changed" else ""


def _verdict(found: Reproduction) -> str:
    name = f"{found.run.name or 'run'} {found.run.run_id[:8]}"
    if found.verdict == "data changed":
        return f"{name}: not reproduced, the data has changed: {', '.join(changed_data(found.data))}"
    if found.verdict == "reproduced":
        same = sum(one.same for one in found.metrics)
        return f"{name}: {same} metrics within {found.tolerance:g}: reproduced"
    if found.verdict == "not compared":
        return f"{name}: executed as it was; no metric to compare: not compared"
    return f"{name}: not {'the same' if found.verdict == 'differs' else 'executed as it was'}"
