"""Very many runs, of which a page at a time is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import overload

from ..records import Run, RunTable

# The most that one call of the store returns: so large that sorting anew for each page costs little beside reading
# it, so small that a page is no matter of memory.
PAGE = 2000


class PagedRuns(Sequence[Run]):
    """Runs that are read from the store as they are asked for, from the first on.

    A store pages by counting, so a run that is added meanwhile moves the others on: what was on the page before is
    left out.

    Parameters
    ----------
    first
        The first page, read already.
    read
        Reads the page that a ``next_page`` names.
    limit
        How many runs at the most.
    """

    def __init__(self, first: RunTable, read: Callable[[str], RunTable], limit: int) -> None:
        self._first = first
        self._read = read
        self._limit = limit
        # Known once somebody has read to the end.
        self._length: int | None = None
        self._more = False

    @property
    def more(self) -> bool:
        """Whether the store has more runs than these; reads to the end to find out."""
        len(self)
        return self._more

    def __len__(self) -> int:
        if self._length is None:
            for _ in self:
                pass
        return self._length or 0

    def __iter__(self) -> Iterator[Run]:
        table, before, count = self._first, frozenset[str](), 0
        while True:
            fresh = [run for run in table.runs if run.run_id not in before]
            page = fresh[: self._limit - count]
            yield from page
            count += len(page)
            more = table.next_page is not None or len(fresh) > len(page)
            if table.next_page is None or count == self._limit:
                break
            before = frozenset(run.run_id for run in table.runs)
            table = self._read(table.next_page)
        self._length, self._more = count, more

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | Sequence[Run]:
        if isinstance(index, slice):
            if any(one is not None and one < 0 for one in (index.start, index.stop, index.step)):
                start, stop, step = index.indices(len(self))
                wanted = range(start, stop, step)
                found = {place: run for place, run in enumerate(self) if place in wanted}
                return tuple(found[place] for place in wanted)
            return tuple(islice(self, index.start, index.stop, index.step))
        place = index + len(self) if index < 0 else index
        for run in islice(self, max(place, 0), None):
            if place >= 0:
                return run
        raise IndexError(f"there is no run {index}")
