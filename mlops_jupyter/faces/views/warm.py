"""A project's warm process."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ...records import WarmImports, WarmProcess
from .columns import CARD, FAINT, html_table, notes_html, text_table

_HEAD = ("process", "memory", "kernels", "imported")
_MEGA = 1_000_000


def text(warm: WarmProcess) -> str:
    """Return what it holds, one line a set of imports, and what cannot be forked below."""
    lines = [_title(warm)]
    if warm.imports:
        lines.append(text_table(_HEAD, map(_row, warm.imports), indent=2))
    lines += [f"  {reason}" for reason in _reasons(warm)]
    lines += [f"note: {note}" for note in warm.notes]
    lines += [f"  {said}" for said in _footer(warm)]
    return "\n".join(lines)


def html(warm: WarmProcess) -> str:
    """Return the same as a card."""
    table = html_table(_HEAD, ([escape(word) for word in _row(one)] for one in warm.imports)) if warm.imports else ""
    reasons = "".join(f"<div>{escape(reason)}</div>" for reason in _reasons(warm))
    footer = "".join(f'<div style="{FAINT}">{escape(said)}</div>' for said in _footer(warm))
    return f'<div style="{CARD}">{escape(_title(warm))}{table}{reasons}{notes_html(warm.notes)}{footer}</div>'


def _title(warm: WarmProcess) -> str:
    if warm.pid is None:
        return f"no warm process for {warm.root}"
    return f"warm process {warm.pid} for {warm.root}"


def _row(one: WarmImports) -> tuple[str, ...]:
    memory = "" if one.memory_bytes is None else f"{one.memory_bytes / _MEGA:.0f} MB"
    here = [module for module in one.modules if module not in one.left_out]
    return "" if one.pid is None else str(one.pid), memory, str(one.children), ", ".join(here) or "the kernel alone"


def _reasons(warm: WarmProcess) -> Iterator[str]:
    for one in warm.imports:
        if one.refused is not None:
            yield f"{', '.join(one.modules) or 'the kernel'}: cannot be forked, kernels start normally: {one.refused}"
        for module, reason in one.left_out.items():
            yield f"{module} is imported by each kernel itself: {reason}"


def _footer(warm: WarmProcess) -> Iterator[str]:
    if warm.kernelspec is not None:
        yield f"kernelspec mlops-warm in {warm.kernelspec}: in JupyterLab “Python 3 (warm)”, papermill -k mlops-warm"
    if warm.log is not None:
        yield f"log {warm.log}"
    if warm.pid is not None:
        yield "mlops warm --stop ends it"
