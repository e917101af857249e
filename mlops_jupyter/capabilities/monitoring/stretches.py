"""Stretches of time as people write them: ``15m``, ``1h``, ``7d``."""

from __future__ import annotations

import re

from ...errors import CommandError

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_STRETCH = re.compile(r"(\d{1,9})([smhd])")
_MOST_S = 366 * 86_400


def seconds(written: str, option: str) -> float:
    """Return how long a stretch is.

    Parameters
    ----------
    written
        A whole number and a unit: ``s``, ``m``, ``h`` or ``d``.
    option
        What it was given for, for the error.

    Raises
    ------
    CommandError
        When it is none, or longer than a year.
    """
    found = _STRETCH.fullmatch(written.strip())
    length = 0 if found is None else int(found[1]) * _UNITS_S[found[2]]
    if not 0 < length <= _MOST_S:
        raise CommandError(f"{option} takes a time such as 15m, 1h or 7d, up to a year, not {written}", f"{option} 1h")
    return float(length)


def words(length_s: float) -> str:
    """Write a stretch in the largest unit that it is a whole number of."""
    for unit, size in reversed(_UNITS_S.items()):
        if length_s % size == 0:
            return f"{length_s / size:g}{unit}"
    return f"{length_s:g}s"
