"""A file of CSV cut at the ends of its records, each part with the header; no more than a part is in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...protocols import ScoringBody
from .cutting import Portion

_CSV = "text/csv"
# A field is quoted when a quote stands at its beginning; one within a field is a quote.
_OPENING = re.compile(rb'(?:\A|,)"')


def of_csv(path: Path, portion: Portion) -> Iterator[ScoringBody]:
    """Yield a file as requests: as it is, where it is one.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    size = path.stat().st_size
    if size <= portion.size:
        content = path.read_bytes()
        if content.count(b"\n") <= portion.rows:
            yield ScoringBody(content, _CSV)
            return
    with path.open("rb") as file:
        yield from _parts(file, size, portion)


def _parts(file: BinaryIO, size: int, portion: Portion) -> Iterator[ScoringBody]:
    records = _records(file)
    head = next(records, b"")
    # The last line of a file may lack its end, which it needs before another.
    head_line = head if head.endswith(b"\n") else head + b"\n"
    kept: list[bytes] = []
    first, length, read = 0, 0, len(head)
    for record in records:
        if kept and (len(kept) == portion.rows or length + len(record) > portion.size):
            yield ScoringBody(head_line + b"".join(kept), _CSV, first, read / size)
            first, length, kept = first + len(kept), 0, []
        kept.append(record)
        length += len(record)
        read += len(record)
    yield ScoringBody(head_line + b"".join(kept) if kept else head, _CSV, first)


def _records(file: BinaryIO) -> Iterator[bytes]:
    """Yield the records with their ends; an empty line is none, as to pandas."""
    lines: list[bytes] = []
    quoted = False
    for line in file:
        if not quoted and not line.strip():
            continue
        lines.append(line)
        quoted = _stays_quoted(line, quoted=quoted)
        if not quoted:
            yield b"".join(lines)
            lines.clear()
    if lines:
        yield b"".join(lines)


def _stays_quoted(line: bytes, *, quoted: bool) -> bool:
    """Tell whether a line ends within quotes, by whether it began there."""
    if b'"' not in line:
        return quoted
    at = 0
    while True:
        if not quoted:
            opening = _OPENING.match(line) if at == 0 else None
            opening = opening or _OPENING.search(line, at)
            if opening is None:
                return False
            quoted, at = True, opening.end()
            continue
        closing = line.find(b'"', at)
        if closing < 0:
            return True
        doubled = line[closing + 1 : closing + 2] == b'"'
        quoted, at = doubled, closing + (2 if doubled else 1)
