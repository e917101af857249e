"""What the runs of a batch have logged, read for all of them at once; and what earlier batches have done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from ..capabilities.tracking import LOCAL_ID_TAG
from ..errors import NotFound
from ..protocols import Tracking
from ..records import BatchRow, Run

# The batch's id, on every run within it; what a notebook's run is of, and with which parameters.
BATCH_TAG, SOURCE_TAG, COMBINATION_TAG = "mlops.batch", "mlops.notebook_digest", "mlops.combination"
_PAGE = 1000
_OLDEST_FIRST = "attributes.start_time ASC"


class Results:
    """The metrics of a batch's notebook runs: of each metric the last value, the runs within them included.

    Parameters
    ----------
    store
        Gives the store of runs; called only for what runs have not told themselves.
    qualified
        A metric that is asked for as ``RUNNAME.metric``, if one is.
    """

    def __init__(self, store: Callable[[], Tracking], qualified: str | None = None) -> None:
        self._store = store
        self._qualified = qualified
        # Of each run in the store, the notebook's run around it, by the id that it was opened with.
        self._within: dict[str, str] = {}
        self._metrics: dict[str, dict[str, float]] = {}
        self._ids: dict[str, str] = {}

    def expect(self, run_id: str) -> None:
        """Take up a notebook's run that only the store knows."""
        self._within[run_id] = run_id

    def take(self, key: str, run: Run, children: tuple[Run, ...] | None) -> None:
        """Take up a notebook's run that has ended, by its id here, with the runs within it as they told themselves."""
        if children is None:
            self.expect(key)
            return
        self._ids[key] = run.run_id
        for one in (run, *children):
            self._add(key, one)

    def put_on(self, row: BatchRow) -> BatchRow:
        """Return a row with its metrics, and with its run's id in the store."""
        metrics = self._metrics.get(row.run_id)
        return row if metrics is None else replace(row, metrics=metrics, run_id=self._ids.get(row.run_id, row.run_id))

    def read(self, batch_id: str, earlier: Iterable[str]) -> None:
        """Read from the store what is not known: of runs of this batch, and of those that earlier ones have done."""
        if self._within:
            for one in {batch_id, *earlier}:
                self._read(f"tags.`{BATCH_TAG}` = '{one}'")

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
            self._add(around, run)

    def _add(self, around: str, run: Run) -> None:
        known = self._metrics.setdefault(around, {})
        known |= run.metrics
        for name, value in run.metrics.items():
            if f"{run.name}.{name}" == self._qualified:
                known[self._qualified] = value


def done_before(store: Tracking, experiment: str, sources: Iterable[str]) -> dict[str, Run]:
    """Return of each combination that some batch has run to its end the newest run, by the combination's digest.

    Parameters
    ----------
    store
        The store of runs.
    experiment
        The experiment whose runs count; it need not be there yet.
    sources
        The digests of the notebooks.
    """
    found: dict[str, Run] = {}
    for source in sources:
        query = f"tags.`{SOURCE_TAG}` = '{source}' AND attributes.status = 'FINISHED'"
        with suppress(NotFound):
            found |= {run.tags.get(COMBINATION_TAG, ""): run for run in _pages(store, query, experiment)}
    return found


def _pages(store: Tracking, query: str, experiment: str | None = None) -> Iterator[Run]:
    page: str | None = None
    while True:
        found = store.find_runs(experiment, query, _OLDEST_FIRST, _PAGE, page)
        yield from found.runs
        page = found.next_page
        if page is None:
            return
