"""Sweeps: what each parameter shall go through, and every combination of it, counted before any is made."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation

from ..errors import CommandError

# Digits of a range's ends and step, all together: more than any float tells apart.
_DIGITS = 60
_EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation])
_BOUND = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_BOUND})\.\.({_BOUND})(?::(.*))?")
_WHOLE = re.compile(r"[+-]?\d+")
_OPENING, _CLOSING = {"[": "]", "(": ")", "{": "}"}, "])}"
_LONGEST_NAME = 200
_LONGEST_VALUE = 40

Combination = Mapping[str, object]


@dataclass(frozen=True)
class Span:
    """Numbers from one to another by equal steps, as text; none of them is made before it is asked for."""

    first: Decimal
    step: Decimal
    count: int
    whole: bool

    def __iter__(self) -> Iterator[str]:
        for place in range(self.count):
            value = _EXACT.fma(self.step, Decimal(place), self.first)
            # Of 0.5, 1.0, 1.5 the second is no less a fraction than the others.
            yield f"{value:f}" if self.whole else repr(float(value))


@dataclass(frozen=True)
class Axis:
    """One parameter and the values that it goes through: text as on a command line, or objects."""

    name: str
    parts: tuple[Sequence[object] | Span, ...]

    @property
    def count(self) -> int:
        """How many values."""
        return sum(part.count if isinstance(part, Span) else len(part) for part in self.parts)

    def __iter__(self) -> Iterator[object]:
        return itertools.chain.from_iterable(self.parts)


def axes(given: Mapping[str, object]) -> tuple[Axis, ...]:
    """Read sweeps.

    Parameters
    ----------
    given
        Of each parameter ``a,b,c``, a range ``3..6`` or ``0.1..0.5:0.1`` (its end included), a list as text, or in
        Python any values one after the other.

    Raises
    ------
    CommandError
        When a sweep is empty, or a range is or leads nowhere.
    """
    return tuple(Axis(name, _parts(name, value)) for name, value in given.items())


def count(parts: Iterable[Axis], rows: int | None = None) -> int:
    """Count the combinations without making them; ``rows`` is how many a parameter file has."""
    return math.prod((axis.count for axis in parts), start=1 if rows is None else rows)


def combinations(parts: Sequence[Axis], rows: Sequence[Combination] | None = None) -> Iterator[dict[str, object]]:
    """Make the combinations one by one: rows of a parameter file outermost, then the first sweep, the last fastest."""
    for row in ({},) if rows is None else rows:
        yield from (dict(row) | values for values in _product(parts))


def _product(parts: Sequence[Axis]) -> Iterator[dict[str, object]]:
    """As `itertools.product`, which would first make a list of each axis."""
    if not parts:
        yield {}
        return
    first, *rest = parts
    for value in first:
        yield from ({first.name: value} | others for others in _product(rest))


def typed(axis: Axis, read: Callable[[str, object], object]) -> Axis:
    """Give an axis the values that a notebook will get.

    Parameters
    ----------
    axis
        As it was written.
    read
        Gives a parameter's value its type.

    Raises
    ------
    CommandError
        When a value is there twice.
    """
    values = []
    seen = set()
    for value in axis:
        kept = read(axis.name, value)
        mark = digest(kept)
        if mark in seen:
            raise CommandError(
                f"the sweep of {axis.name} has {shown(kept)} twice, so combinations would be the same",
                "write each value once",
            )
        seen.add(mark)
        values.append(kept)
    return Axis(axis.name, (tuple(values),))


def digest(*content: object) -> str:
    """Return a short text that is equal for equal values of equal types."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def named(values: Combination) -> str:
    """Name a combination: ``lr=0.1 depth=3``."""
    name = " ".join(f"{one}={shown(value)}" for one, value in values.items())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def shown(value: object) -> str:
    """Write a value as it is told: text as it is, all else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


# --- how a sweep is written -----------------------------------------------------------------------------------------


def _parts(name: str, value: object) -> tuple[Sequence[object] | Span, ...]:
    if isinstance(value, str):
        return _from_text(name, value)
    tolist = getattr(value, "tolist", None)
    found = tolist() if callable(tolist) else value
    if isinstance(found, Mapping) or not isinstance(found, Iterable):
        found = [found]
    # A range of Python's stays one.
    values = found if isinstance(found, Sequence) else tuple(found)
    if not values:
        raise CommandError(f"the sweep of {name} has no values", f"--sweep {name}=a,b,c")
    return (values,)


def _from_text(name: str, text: str) -> tuple[Sequence[object] | Span, ...]:
    if not text.strip():
        raise CommandError(f"the sweep of {name} has no values", f"--sweep {name}=a,b,c or --sweep {name}=3..6")
    listed = _listed(text.strip())
    if listed is not None:
        return _parts(name, listed)
    parts: list[Sequence[object] | Span] = []
    for word in _split(text):
        if not word:
            raise CommandError(
                f"the sweep of {name} has an empty value: {text}", f"""--sweep '{name}=["a", ""]' for an empty text"""
            )
        parts.append(_span(name, word) or (word,))
    return tuple(parts)


def _listed(text: str) -> list[object] | None:
    """Read a list as JSON or Python writes it; one list alone holds the values."""
    if not text.startswith("["):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return found if isinstance(found, list) else None
    return None


def _split(text: str) -> list[str]:
    """Split at commas, but not within brackets or quotation marks."""
    words, start, closing, mark = [], 0, "", ""
    for at, letter in enumerate(text):
        if mark:
            mark = "" if letter == mark else mark
        elif letter in "\"'" and closing:
            mark = letter
        elif letter in _OPENING:
            closing = _OPENING[letter] + closing
        elif letter in _CLOSING and closing.startswith(letter):
            closing = closing[1:]
        elif letter == "," and not closing:
            words.append(text[start:at].strip())
            start = at + 1
    return [*words, text[start:].strip()]


def _span(name: str, word: str) -> Span | None:
    """Read a range; text with two dots in it that is none stays text."""
    found = _RANGE.fullmatch(word)
    if found is None:
        return None
    start, end, by = found.groups()
    first, last = _decimal(name, word, start), _decimal(name, word, end)
    whole = all(_WHOLE.fullmatch(text) for text in (start, end, by or "1"))
    if by is None and not whole:
        raise CommandError(f"the range {name}={word} needs a step", f"--sweep {name}={word}:0.1")
    step = Decimal(1) if by is None else _decimal(name, word, by)
    if step <= 0:
        raise CommandError(f"the range {name}={word} has the step {by}, which leads nowhere", "a step is more than 0")
    if last < first:
        raise CommandError(f"the range {name}={word} is backwards, so it is empty", f"--sweep {name}={end}..{start}")
    try:
        steps = int(_EXACT.divide_int(_EXACT.subtract(last, first), step))
        _EXACT.fma(step, Decimal(steps), first)
    except (Inexact, InvalidOperation) as error:
        raise CommandError(f"the range {name}={word} has too many digits", "write the values one by one") from error
    return Span(first, step, steps + 1, whole)


def _decimal(name: str, word: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise CommandError(f"the range {name}={word} has a step that is no number: {text}", "first..last:step")
    if abs(value.adjusted()) > _DIGITS // 2:
        raise CommandError(f"the range {name}={word} has too many digits", "write the values one by one")
    return value
