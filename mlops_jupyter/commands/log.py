"""``log``: metrics to the open run."""

from __future__ import annotations

import sys

from .. import settings
from ..capabilities import tracking
from ..errors import Conflict
from . import project


def log(step: int | None = None, **metrics: object) -> None:
    """Log metrics to the open run.

    The run is the one of the tracked cell, block or function around the call, also when the call comes from a
    worker thread; outside of any, the run that ``mlflow.start_run`` opened.

    Parameters
    ----------
    step
        The step, for instance an epoch; left out, each metric counts up from 0 by itself.
    **metrics
        Name and value: numbers, NumPy scalars, one-element arrays and tensors. NaN and infinities are taken.

    Raises
    ------
    CommandError
        When a value is no number.
    Conflict
        When no run is open; MLflow would start one here and leave it RUNNING.
    """
    values = {name: tracking.as_number(name, value) for name, value in metrics.items()}
    if (run := tracking.current()) is None:
        run = _run_of_mlflow()
    run.log(values, step)


_plain_runs: dict[str, tracking.OpenRun] = {}


def _run_of_mlflow() -> tracking.OpenRun:
    # Without mlflow imported nobody can have opened a run, and importing it to find that out takes seconds.
    if "mlflow" in sys.modules:
        store = project.tracking(settings.current())
        if (run_id := store.active_run_id()) is not None:
            if run_id not in _plain_runs:
                intent = tracking.Intent(experiment="")
                _plain_runs[run_id] = tracking.OpenRun(store, intent, run_id, variables=dict)
            return _plain_runs[run_id]
    raise Conflict("no run is open, so there is nothing to log to", "put %%mlops track above the cell")
