"""Markdown around text that others wrote, which must not become Markdown, a mention or a command of the host's."""

from __future__ import annotations

import re
from collections.abc import Sequence

_TICKS = re.compile("`+")
# Of a line, so many letters.
_LINE = 2_000


def code(text: str, *, cell: bool = False) -> str:
    """Return a text as a span of code, which shows it as it is; within a table's ``cell``, bars are escaped."""
    text = " ".join(printable(text).split())
    if not text:
        return "–"
    ticks = "`" * (max((len(found) for found in _TICKS.findall(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    span = f"{ticks}{pad}{text}{pad}{ticks}"
    return span.replace("|", "\\|") if cell else span


def fenced(text: str, language: str = "") -> str:
    """Return a text as a block of code that it cannot end itself."""
    body = "\n".join(printable(line) for line in text.splitlines())
    ticks = "`" * max(3, max((len(found) for found in _TICKS.findall(body)), default=0) + 1)
    return f"{ticks}{language}\n{body}\n{ticks}"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def printable(line: str) -> str:
    """Leave out of a line what would move a terminal's cursor or turn the direction of writing, and cut a long one."""
    line = line if len(line) <= _LINE else line[: _LINE - 1] + "…"
    return line if line.isprintable() else "".join(one if one.isprintable() or one == "\t" else "·" for one in line)
