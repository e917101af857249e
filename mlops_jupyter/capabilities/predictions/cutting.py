"""Data cut into scoring requests that an endpoint takes: by rows, and by the bytes that these become."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...protocols import ScoringBody

JSON = "application/json"
# Of one request. An endpoint takes more of both, but the others wait meanwhile, and it has a minute for an answer.
MOST_ROWS = 10_000
USUAL_BYTES = 4 * 1024 * 1024
_MOST_BYTES = 2 * USUAL_BYTES
# So many are written to see how long they become.
_TRIED = 64


def cut(rows: int, encode: Callable[[int, int], bytes], content_type: str = JSON) -> Iterator[ScoringBody]:
    """Yield rows as requests, each as long as is usual; one row that is longer is one request all the same.

    Parameters
    ----------
    rows
        How many there are.
    encode
        Returns the request with the rows from one number up to another.
    content_type
        Of what it returns.
    """
    if not rows:
        yield ScoringBody(encode(0, 0), content_type)
        return
    size = min(rows, MOST_ROWS)
    if size > _TRIED:
        size = _fitting(_TRIED, len(encode(0, _TRIED)))
    first = 0
    while first < rows:
        last = min(rows, first + size)
        content = encode(first, last)
        while len(content) > _MOST_BYTES and last - first > 1:
            last = first + (last - first) // 2
            content = encode(first, last)
        yield ScoringBody(content, content_type, first, last / rows)
        # What comes may be longer than what came.
        size = _fitting(last - first, len(content))
        first = last


def _fitting(rows: int, length: int) -> int:
    """Return how many rows make a request of the usual length, when so many had this length."""
    return max(1, min(MOST_ROWS, rows * USUAL_BYTES // max(1, length)))
