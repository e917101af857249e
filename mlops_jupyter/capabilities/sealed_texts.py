"""Generated texts that carry the digest of what was generated: so it can be told whether somebody has edited one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import NamedTuple

from ..protocols import MergedText

_DIGITS = 12
# Stands somewhere in a text that is to be sealed, once: in a comment, or where the format keeps words.
PLACE = f"mlops:{'0' * _DIGITS}"
_SEAL = re.compile(rf"mlops:(?P<digest>[0-9a-f]{{{_DIGITS}}})")


class Renewed(NamedTuple):
    """A text that was generated anew.

    Attributes
    ----------
    text
        What it is from now on, sealed; where it clashes, the generated text.
    edited
        Whether it holds edits of the user's.
    clashes
        Whether the user and the generated text have changed the same, so that somebody has to choose.
    """

    text: str
    edited: bool
    clashes: bool


def digest(text: str) -> str:
    """Return the digest of a text that is not sealed yet."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def sealed(text: str, of: str | None = None) -> str:
    """Return a text with its seal in place.

    Parameters
    ----------
    text
        The text, with `PLACE` in it.
    of
        What was generated, where the text is not that, but holds edits.
    """
    return text.replace(PLACE, f"mlops:{digest(text if of is None else of)}", 1)


def unsealed(text: str) -> tuple[str, str] | None:
    """Return a text with `PLACE` for its seal, and the seal's digest; ``None`` without a seal."""
    found = _SEAL.search(text)
    return None if found is None else (_SEAL.sub(PLACE, text, count=1), found["digest"])


def renewed(
    found: str,
    new: str,
    *,
    base: Callable[[str], str | None],
    merge: Callable[[str, str, str], MergedText],
    readable: Callable[[str], bool],
) -> Renewed | None:
    """Bring a sealed text up to date; ``None`` where it has no seal, and so is not ours.

    Parameters
    ----------
    found
        The text as it is.
    new
        What is generated now, with `PLACE` in it.
    base
        From the digest of what was generated once to that text, as far as it can still be had.
    merge
        A three-way merge of (base, mine, theirs).
    readable
        Whether a text is still what its format wants: lines that were merged need not be.
    """
    opened = unsealed(found)
    if opened is None:
        return None
    mine, told = opened
    if digest(mine) == told or mine == new:
        return Renewed(sealed(new), edited=False, clashes=False)
    if told == digest(new):
        return Renewed(found, edited=True, clashes=False)
    before = base(told)
    if before is not None:
        merged = merge(before, mine, new)
        if not merged.clashes and PLACE in merged.text and readable(merged.text):
            return Renewed(sealed(merged.text, of=new), edited=True, clashes=False)
    return Renewed(sealed(new), edited=True, clashes=True)
