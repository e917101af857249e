"""The parent run of a batch, and how far it is."""

from __future__ import annotations

import contextlib
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping

from .. import settings
from ..capabilities.provenance import process_tags, user
from ..capabilities.tracking import ERROR_TAG, KIND_TAG, PARENT_TAG, as_record
from ..records import Batch, Run, RunStart, RunStatus
from . import project
from .batch_plan import Plan

BATCH_KIND, BEST_TAG = "batch", "mlops.best_run"
_ID_WAIT_S = 5.0
_SHORT = 500


class Parent:
    """The run that all others of a batch are within; open from here on.

    Parameters
    ----------
    name
        What it is called.
    current
        The project's settings.
    experiment
        The experiment; else the project's.
    plan
        What is run.
    params
        What was asked, as its params.
    """

    def __init__(
        self, name: str, current: settings.Settings, experiment: str | None, plan: Plan, params: Mapping[str, object]
    ) -> None:
        self._experiment = experiment or current.experiment
        only = plan.notebooks[0] if len(plan.notebooks) == 1 else None
        tags = process_tags(user(), None, {})
        tags |= project.notebook_tags(current, None) if only is None else only.tags
        tags[KIND_TAG] = BATCH_KIND
        if outer := project.outer_run():
            tags[PARENT_TAG] = outer
        start = RunStart(
            run_id=uuid.uuid4().hex,
            experiment=self._experiment,
            experiment_id=None if experiment else current.experiment_id,
            name=name,
            started_ms=time.time_ns() // 1_000_000,
            tags=tags,
            store=current.tracking_uri,
        )
        self.run_id = start.run_id
        self._journal = project.journals(current).open(start, warnings.warn)
        self._journal.log_params({name: _short(value) for name, value in params.items()})

    @property
    def arrived(self) -> bool:
        """Whether the store has it; before, somebody else may just be making the store's tables."""
        return self._journal.shipped().run_id is not None

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Close the run, whatever happens: with the error where nothing was said before."""
        try:
            yield
        except BaseException as error:
            self._journal.log_tags({ERROR_TAG: _short(f"{type(error).__name__}: {error}")})
            self._journal.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise
        finally:
            self._journal.close()

    def record(self, status: RunStatus) -> Run:
        """Tell the run as it is now."""
        return as_record(self._journal, status, experiment=self._experiment)

    def end(self, found: Batch) -> Run:
        """Write what came out and how it ended, and return the run."""
        status: RunStatus = "KILLED" if found.left else "FAILED" if found.failed else "FINISHED"
        counts = {"total": found.total, "done": found.done, "failed": found.failed, "skipped": found.skipped}
        self._journal.log({f"batch/{name}": float(value) for name, value in counts.items()})
        if found.best is not None:
            self._journal.log(found.best.metrics)
            self._journal.log_tags({BEST_TAG: found.best.run_id})
        if found.failed:
            self._journal.log_tags({ERROR_TAG: f"{found.failed} of {found.total} combinations failed"})
        self._journal.end(status)
        # A server says the run's id and page a moment later.
        self._journal.home_id(_ID_WAIT_S)
        return self.record(status)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
