"""A version of a registered model."""

from __future__ import annotations

from html import escape

from ...records import RegisteredVersion
from .columns import CARD, FAINT, badge, metric_names, notes_html, number, pairs


def text(one: RegisteredVersion) -> str:
    """Return a line, what it comes from, and what was inferred."""
    aliases = f" ({', '.join(one.aliases)})" if one.aliases else ""
    lines = [f"{one.model} version {one.version}{aliases}  {one.uri}"]
    lines += [f"  {name}  {value}" for name, value in _facts(one).items()]
    return "\n".join([*lines, *(f"note: {note}" for note in one.notes)])


def html(one: RegisteredVersion) -> str:
    """Return the same as a card."""
    aliases = " ".join(badge(alias) for alias in one.aliases)
    return (
        f'<div style="{CARD}"><b>{escape(one.model)}</b> version {escape(one.version)} {aliases}'
        f"{pairs(one.uri, _facts(one))}{notes_html(one.notes)}"
        f'<div style="{FAINT}"><code>%mlops promote {escape(one.model)}/{escape(one.version)} --to champion</code> · '
        f"<code>%mlops models {escape(one.model)}</code></div></div>"
    )


def _facts(one: RegisteredVersion) -> dict[str, str]:
    facts = {}
    if one.run_id is not None:
        facts["run"] = f"{one.run_id[:8]} {one.run or ''}".strip()
    if one.metrics:
        facts["metrics"] = ", ".join(f"{name} {number(one.metrics[name])}" for name in metric_names(one.metrics))
    if one.description:
        facts["description"] = one.description
    return facts
