"""Which answered rows are kept with their values: a share of them, and not more a second than was said."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# So many seconds' worth may come at once.
_BURST_S = 10.0


class Sampling:
    """The choice, by chance: no row is likelier than another that comes at the same time.

    Parameters
    ----------
    clock
        Seconds of any clock that only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._random = np.random.default_rng()
        self.told(0.0, 0.0)

    def told(self, share: float, rows_per_s: float) -> None:
        """Take the share, and the most rows a second."""
        self._share, self._rows_per_s = share, rows_per_s
        self._left, self._at = rows_per_s * _BURST_S, self._clock()

    def choose(self, count: int) -> NDArray[np.int64]:
        """Return the numbers of the rows to keep, out of so many, in their order."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._rows_per_s, self._rows_per_s * _BURST_S)
        self._at = now
        chosen = np.flatnonzero(self._random.random(count) < self._share)
        if len(chosen) > self._left:
            chosen = np.sort(self._random.choice(chosen, int(self._left), replace=False))
        self._left -= len(chosen)
        return chosen
