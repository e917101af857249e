"""A headless run: the notebook's run, its tracked cells, where the result lies."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from ...records import Execution, GateResult
from . import run as card
from .columns import CARD, FAINT, badge, duration, html_table, metric_names, notes_html, number, text_table

_LIKE = {"met": "ok", "not met": "failed", "no such metric": "failed", "not judged": "warning"}


def text(execution: Execution) -> str:
    """Return it as lines of text."""
    lines = [card.text(execution.run)]
    if execution.failure is not None and execution.failure.cell is not None:
        lines.append(f"  {_ended(execution)}:")
        lines += [f"    {line}" for line in execution.failure.source.splitlines()[:8]]
    if execution.children:
        lines.append(text_table(("", "cell", "took", "metrics"), _children(execution), indent=2))
    lines += [f"  {gate_text(gate)}" for gate in execution.gates]
    lines += [f"  note: {note}" for note in execution.notes]
    lines.append(f"executed notebook: {execution.output}")
    if execution.html is not None:
        lines.append(f"as a web page:     {execution.html}")
    return "\n".join(lines)


def html(execution: Execution) -> str:
    """Return it as HTML."""
    parts = [card.html(execution.run)]
    if execution.failure is not None and execution.failure.cell is not None:
        parts.append(f'<div style="{CARD}">{_ended(execution)}<pre>{escape(execution.failure.source)}</pre></div>')
    if execution.children:
        rows = [(badge(s), escape(n), escape(t), escape(m)) for s, n, t, m in _children(execution)]
        parts.append(f'<div style="{CARD}">{html_table(("", "tracked cell", "took", "metrics"), rows)}</div>')
    if execution.gates:
        parts.append(f'<div style="{CARD}">{gates_html(execution.gates)}</div>')
    parts.append(notes_html(execution.notes))
    files = [execution.output] + ([execution.html] if execution.html else [])
    names = ", ".join(f"<code>{escape(Path(file).name)}</code>" for file in files)
    parts.append(f'<div style="{FAINT}">executed notebook: {names} in {escape(str(Path(files[0]).parent))}</div>')
    return "".join(parts)


def gates_html(gates: Iterable[GateResult]) -> str:
    """Return gates as a table."""
    judged = [
        (
            badge(gate.verdict, _LIKE[gate.verdict]),
            f"<code>{escape(gate.text)}</code>",
            escape(", ".join(filter(None, (gate.detail, gate.of and f"in {gate.of}")))),
        )
        for gate in gates
    ]
    return html_table(("", "gate", ""), judged)


def gate_text(gate: GateResult) -> str:
    """Return a gate as a line of text."""
    mark = "✓" if gate.passed else "–" if gate.verdict == "not judged" else "✗"
    detail = f" ({gate.detail})" if gate.detail else ""
    return f"{mark} {gate.verdict}: {gate.text}{detail}" + (f", in {gate.of}" if gate.of else "")


def _ended(execution: Execution) -> str:
    cell = None if execution.failure is None else execution.failure.cell
    verb = "stopped" if execution.run.status == "KILLED" else "failed"
    return f"{verb} at cell {cell} of {execution.cells} (counted from 0)"


def _children(execution: Execution) -> list[tuple[str, str, str, str]]:
    return [
        (
            child.status,
            child.name,
            duration(child.duration_s),
            "  ".join(f"{name}={number(child.metrics[name])}" for name in metric_names(child.metrics)[:4]),
        )
        for child in execution.children
    ]
