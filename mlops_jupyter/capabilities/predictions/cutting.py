"""Data cut into scoring requests that an endpoint takes: by rows, and by the bytes that these become."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...protocols import ScoringBody

JSON = "application/json"
# So many rows are written to see how long they become.
_TRIED = 64
_MB = 1_000_000


class Portion(NamedTuple):
    """How much goes into one request: of rows at the most, of bytes as a rule, of which it may be twice as many.

    An endpoint usually takes more of both, but the others wait meanwhile, and it has a minute for an answer.
    """

    rows: int = 10_000
    size: int = 4 * 1024 * 1024

    def within(self, rows: int, body_mb: float) -> Portion:
        """Return what does not go beyond an endpoint's limits either."""
        return Portion(min(self.rows, rows), max(1, min(self.size, int(body_mb * _MB) // 2)))


def cut(
    rows: int, encode: Callable[[int, int], bytes], portion: Portion, content_type: str = JSON
) -> Iterator[ScoringBody]:
    """Yield rows as requests, each as long as is usual; one row that is longer is one request all the same.

    Parameters
    ----------
    rows
        How many there are.
    encode
        Returns the request with the rows from one number up to another.
    portion
        How much goes into one.
    content_type
        Of what it returns.
    """
    if not rows:
        yield ScoringBody(encode(0, 0), content_type)
        return
    size = min(rows, portion.rows)
    if size > _TRIED:
        size = _fitting(portion, _TRIED, len(encode(0, _TRIED)))
    first = 0
    while first < rows:
        last = min(rows, first + size)
        content = encode(first, last)
        while len(content) > 2 * portion.size and last - first > 1:
            last = first + (last - first) // 2
            content = encode(first, last)
        yield ScoringBody(content, content_type, first, last / rows)
        # What comes may be longer than what came.
        size = _fitting(portion, last - first, len(content))
        first = last


def _fitting(portion: Portion, rows: int, length: int) -> int:
    """Return how many rows make a request of the usual length, when so many had this length."""
    return max(1, min(portion.rows, rows * portion.size // max(1, length)))
