"""What the runs of a batch have logged, read for all of them at once; and what earlier batches have done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ..capabilities.tracking import LOCAL_ID_TAG
from ..protocols import Tracking
from ..records import BatchRow, Run

# The batch's id, on every run within it; what a notebook's run is of, and with which parameters.
BATCH_TAG, SOURCE_TAG, COMBINATION_TAG = "mlops.batch", "mlops.notebook_digest", "mlops.combination"
_PAGE = 1000
_OLDEST_FIRST = "attributes.start_time ASC"
# A run that ended so long before the last look may have arrived after it.
_LATE_MS = 5000


class Results:
    """The metrics of a batch's notebook runs: of each metric the last value, the runs within them included.

    Parameters
    ----------
    store
        Gives the store of runs; called at the first look.
    qualified
        A metric that is asked for as ``RUNNAME.metric``, if one is.
    """

    def __init__(self, store: Callable[[], Tracking], qualified: str | None = None) -> None:
        self._store = store
        self._qualified = qualified
        self._looked_ms = 0
        # Of each run in the store, the notebook's run around it, by the id that it was opened with.
        self._within: dict[str, str] = {}
        self._metrics: dict[str, dict[str, float]] = {}
        self._ids: dict[str, str] = {}

    def expect(self, run_id: str) -> None:
        """Take up a notebook's run."""
        self._within[run_id] = run_id

    def put_on(self, row: BatchRow) -> BatchRow:
        """Return a row with its metrics, and with its run's id in the store."""
        metrics = self._metrics.get(row.run_id)
        return row if metrics is None else replace(row, metrics=metrics, run_id=self._ids.get(row.run_id, row.run_id))

    def look(self, batch_id: str, now_ms: int) -> None:
        """Read the runs of a batch that ended since the last look."""
        since = max(0, self._looked_ms - _LATE_MS)
        self._read(f"tags.`{BATCH_TAG}` = '{batch_id}' AND attributes.end_time >= {since}")
        self._looked_ms = now_ms

    def read(self, batch_ids: Iterable[str]) -> None:
        """Read all runs of some batches anew."""
        self._metrics.clear()
        for batch_id in batch_ids:
            self._read(f"tags.`{BATCH_TAG}` = '{batch_id}'")

    def _read(self, query: str) -> None:
        # A notebook's run is older than those within it, and its metrics give way to theirs.
        for run in _pages(self._store(), query):
            own = self._within.get(run.tags.get(LOCAL_ID_TAG, run.run_id)) or self._within.get(run.run_id)
            around = own or self._within.get(run.parent or "")
            if around is None:
                continue
            self._within[run.run_id] = around
            if own is not None:
                self._ids.setdefault(around, run.run_id)
            known = self._metrics.setdefault(around, {})
            known |= run.metrics
            for name, value in run.metrics.items():
                if f"{run.name}.{name}" == self._qualified:
                    known[self._qualified] = value


def done_before(store: Tracking, sources: Iterable[str]) -> dict[str, Run]:
    """Return of each combination that some batch has run to its end the newest run, by the combination's digest."""
    found: dict[str, Run] = {}
    for source in sources:
        query = f"tags.`{SOURCE_TAG}` = '{source}' AND attributes.status = 'FINISHED'"
        found |= {run.tags.get(COMBINATION_TAG, ""): run for run in _pages(store, query)}
    return found


def _pages(store: Tracking, query: str) -> Iterator[Run]:
    page: str | None = None
    while True:
        found = store.find_runs(None, query, _OLDEST_FIRST, _PAGE, page)
        yield from found.runs
        page = found.next_page
        if page is None:
            return
