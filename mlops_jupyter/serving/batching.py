"""Requests put together for a model, without a wait.

Whatever has arrived in one turn of the event loop is one batch. A lone request is called at once; under load the
turns grow longer, more arrives in each, and the batches grow by themselves. A model that takes long is called in a
thread of its own, so that the loop stays alive, and what arrives meanwhile is its next batch.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from time import monotonic, perf_counter
from typing import Any, Protocol

from ..capabilities.endpoints import Limits
from .failures import Failure
from .rows import Rows, joined
from .telemetry import Telemetry

# A call that takes longer than this is made in the thread.
_SLOW_S = 0.002
# So many rows at once take long with any model.
_MANY_ROWS = 4_096
# A call that nobody waits for any more is given up as well, after twice the requests' time, but not before this.
_HUNG_S = 5.0
# Of where a model raised so many frames are told, so often, of so many places.
_FRAMES, _TOLD_EVERY_S, _PLACES = 6, 60.0, 256
_LOG = logging.getLogger(__name__)


class Runner(Protocol):
    """What calls a model."""

    def predict(self, rows: Rows) -> Any:
        """Return what the model answers."""

    def close(self) -> None:
        """Let go of what the model holds."""


class Work(Protocol):
    """Rows that wait for a model."""

    rows: Rows
    request_id: bytes
    gone: bool
    arrived: float

    def answer(self, predictions: Any) -> None:
        """Take what the model said of the rows."""

    def fail(self, failure: Failure) -> None:
        """Take why there is no answer."""


# The rows of a batch put together, and what the model said of them all; ``None`` where each was asked about alone.
Whole = tuple[Rows, Any] | None
Observer = Callable[[Sequence[Work], Sequence[Any], Whole], None]


class Batcher:
    """The line before one version of a model.

    Parameters
    ----------
    runner
        What is called, by one call at a time.
    limits
        How many may wait, for how long, and how many rows are put together.
    telemetry, labels
        Where calls are counted, and as what.
    joins
        Whether rows of several requests may be given to the model at once.
    slow
        Whether the model is called in a thread.
    """

    def __init__(
        self,
        runner: Runner,
        limits: Limits,
        telemetry: Telemetry,
        labels: tuple[str, ...],
        *,
        joins: bool,
        slow: bool,
    ) -> None:
        self.runner = runner
        self.limits = limits
        self.joins = joins
        self.observer: Observer | None = None
        self._telemetry = telemetry
        self._labels = labels
        self._loop = asyncio.get_running_loop()
        self._line: deque[Work] = deque()
        self._calling: list[Work] = []
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Event | None = None
        self._pool: ThreadPoolExecutor | None = None
        self.on_hung: Callable[[], None] | None = None
        self._called_at = 0.0
        self._call_s = _SLOW_S * 2 if slow else 0.0

    def submit(self, work: Work) -> None:
        """Take rows into the line; answer or fail them later.

        Raises
        ------
        Failure
            When too many wait already.
        """
        line = self._line
        if len(line) >= self.limits.queued:
            raise Failure(
                429, "REQUEST_LIMIT_EXCEEDED", f"{len(line)} requests wait already; try again", retry_after_s=1
            )
        line.append(work)
        self._telemetry.queued += 1
        if not self._scheduled and not self._calling:
            self._scheduled = True
            self._loop.call_soon(self._turn)
        elif self._calling and self._timer is None:
            self._watch()

    async def drained(self) -> None:
        """Wait until nothing is in the line and no call is under way; then let go of the model."""
        while self._line or self._calling or self._scheduled:
            self._idle = asyncio.Event()
            await self._idle.wait()
        if self._timer is not None:
            self._timer.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=False)
        self.observer = None
        self.runner.close()

    def _turn(self) -> None:
        self._scheduled = False
        while self._line and not self._calling:
            batch = self._batch()
            if not batch:
                continue
            rows = sum(work.rows.count for work in batch)
            if self._call_s > _SLOW_S or rows > _MANY_ROWS:
                self._call_in_thread(batch)
            else:
                self._deliver(batch, *self._call(batch))
        if self._idle is not None and not self._line and not self._calling:
            self._idle.set()

    def _batch(self) -> list[Work]:
        """Take from the line what is called next: nothing whose client is gone."""
        line, most = self._line, self.limits.batch_rows
        batch: list[Work] = []
        rows = 0
        while line:
            work = line[0]
            if not work.gone:
                if batch and (not self.joins or rows + work.rows.count > most or not batch[0].rows.may_join(work.rows)):
                    break
                batch.append(work)
                rows += work.rows.count
            line.popleft()
            self._telemetry.queued -= 1
        return batch

    def _call_in_thread(self, batch: list[Work]) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._calling = batch
        self._called_at = perf_counter()
        self._watch()
        future = self._pool.submit(self._call, batch)
        future.add_done_callback(lambda done: self._loop.call_soon_threadsafe(self._called, batch, done))

    def _called(self, batch: list[Work], done: Future[tuple[list[Any], Whole, float]]) -> None:
        self._calling = []
        self._deliver(batch, *done.result())
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _call(self, batch: list[Work]) -> tuple[list[Any], Whole, float]:
        """Return what the model says of each, or a failure; of all together; and how long it took."""
        start = perf_counter()
        found, whole = self._call_together(batch) if len(batch) > 1 else (None, None)
        if found is None:
            found = [_call_alone(self.runner, work.rows) for work in batch]
            if len(batch) == 1 and type(found[0]) is not Failure:
                whole = batch[0].rows, found[0]
        return found, whole, perf_counter() - start

    def _call_together(self, batch: list[Work]) -> tuple[list[Any] | None, Whole]:
        """Return what the model says of each and of all; ``None`` when each is to be asked about alone."""
        parts = [work.rows for work in batch]
        try:
            rows = joined(parts)
            predictions = self.runner.predict(rows)
        except (Exception, SystemExit):  # noqa: BLE001 -- a model raises what it likes; the one at fault is told so
            return None, None
        counts = [part.count for part in parts]
        cut = split(predictions, counts, rows.count)
        if cut is None:
            # One answer for many rows: this model looks at all of them together.
            self.joins = False
            return None, None
        return cut, (rows, predictions)

    def _deliver(self, batch: list[Work], found: list[Any], whole: Whole, seconds: float) -> None:
        each = seconds if self.joins else seconds / len(batch)
        self._call_s += (each - self._call_s) * (0.5 if each < self._call_s else 0.2)
        self._telemetry.called(self._labels, sum(work.rows.count for work in batch), seconds)
        for work, predictions in zip(batch, found, strict=True):
            if work.gone:
                continue
            if type(predictions) is Failure:
                work.fail(predictions)
            else:
                work.answer(predictions)
        if self.observer is not None:
            self._loop.call_soon(self.observer, batch, found, whole)

    def _watch(self) -> None:
        """See to it that the oldest in the line or under way is given up in time."""
        if self._timer is not None:
            return
        oldest = next((work for work in chain(self._calling, self._line) if not work.gone), None)
        if oldest is not None:
            end = oldest.arrived + self.limits.deadline_s
        elif self._calling:
            end = self._hung_at()
        else:
            return
        self._timer = self._loop.call_later(max(end - perf_counter(), 0.001), self._give_up)

    def _hung_at(self) -> float:
        return self._called_at + max(2 * self.limits.deadline_s, _HUNG_S)

    def _give_up(self) -> None:
        self._timer = None
        if self._calling and perf_counter() >= self._hung_at() and self.on_hung is not None:
            self.on_hung()
            return
        limit = perf_counter() - self.limits.deadline_s
        for work in self._calling:
            if work.arrived <= limit and not work.gone:
                work.fail(_late(self.limits))
        while self._line and (self._line[0].gone or self._line[0].arrived <= limit):
            work = self._line.popleft()
            self._telemetry.queued -= 1
            if not work.gone:
                work.fail(_late(self.limits))
        self._watch()


def _late(limits: Limits) -> Failure:
    return Failure(504, "DEADLINE_EXCEEDED", f"the model has not answered within {limits.deadline_s:g} seconds")


class Raised:
    """Says in the log where a model raised: files and lines, without the error's words, which may hold values.

    A place is told once a minute.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], float] = {}

    def tell(self, name: str, error: BaseException) -> None:
        """Say where an error came from, unless that has been said just now."""
        # The first frame is that of the call here. No source is read: one bad request may follow the other.
        frames = list(traceback.walk_tb(error.__traceback__))[1:][-_FRAMES:]
        codes = [(frame.f_code, line) for frame, line in reversed(frames)]
        where = " < ".join(f"{code.co_filename}:{line} in {code.co_name}" for code, line in codes)
        now = monotonic()
        if now - self._told.get((name, where), float("-inf")) < _TOLD_EVERY_S:
            return
        if len(self._told) >= _PLACES:
            self._told.clear()
        self._told[name, where] = now
        _LOG.warning("the model raised %s at %s", name, where or "a place that is not Python's")


raised = Raised()


def _call_alone(runner: Runner, rows: Rows) -> Any:
    """Return what the model says, or the failure to answer with: MLflow answers 400 to whatever a model raises."""
    try:
        return runner.predict(rows)
    except Failure as failure:
        return failure
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- a model raises what it likes
        name = type(error).__name__
        raised.tell(name, error)
        return Failure(
            400,
            "BAD_REQUEST",
            f"the model raised {name}; see whether the rows are what it was trained on",
            verbose=f"the model raised {name}: {error}",
        )


def split(predictions: Any, counts: Sequence[int], total: int) -> list[Any] | None:
    """Cut what a model says of joined rows into what it says of each request; ``None`` when it cannot be cut."""
    if isinstance(predictions, dict):
        columns = {name: split(values, counts, total) for name, values in predictions.items()}
        if not columns or any(parts is None for parts in columns.values()):
            return None
        return [{name: (parts or ())[at] for name, parts in columns.items()} for at in range(len(counts))]
    shape = getattr(predictions, "shape", None)
    if shape is None:
        if not isinstance(predictions, list) or len(predictions) != total:
            return None
    elif not shape or shape[0] != total:
        return None
    sliced = getattr(predictions, "iloc", predictions)
    parts = []
    start = 0
    for count in counts:
        parts.append(sliced[start : start + count])
        start += count
    return parts
