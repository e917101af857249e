"""Text that others wrote, for files that are no terminal: no colours, no cursor moves, no longer than it may be."""

from __future__ import annotations

import re
from collections.abc import Callable

# What a person would read: scrubs secrets out of a text.
Clean = Callable[[str], str]

# Colours, titles, links and whatever else a terminal is told by an escape.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")
_CUT = "… "
# A secret that the cut would halve lies within this much more.
_MARGIN = 20_000


def plain(text: str) -> str:
    """Return a text as it would stand on paper: of a line that was written over, the last state.

    What has no shape of its own, such as control characters, lone surrogates and marks of direction, becomes ``·``.
    """
    text = _OVERWRITTEN.sub("", _ESCAPES.sub("", text).replace("\r\n", "\n"))
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in "\n\t" else "·" for one in text)


def tail(text: str, most: int, clean: Clean) -> str:
    """Return the end of a text, plain and without secrets; where something is left out, it says so."""
    found = clean(plain(text[-(most + _MARGIN) :]))
    return found if len(found) <= most and len(text) <= most + _MARGIN else _CUT + found[-most:]


def one_line(text: str, most: int, clean: Clean) -> str:
    """Return the beginning of a text in one line, plain and without secrets."""
    words = " ".join(clean(plain(text[: most + _MARGIN])).split())
    return words if len(words) <= most else words[: most - 1] + "…"
