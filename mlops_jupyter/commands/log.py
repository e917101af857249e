"""``log``: metrics to the open run."""

from __future__ import annotations

from collections.abc import Mapping

from .. import settings
from ..capabilities import tracking
from ..capabilities.journal import RunJournal
from ..errors import CommandError, Conflict
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
        When a value is no number, or metrics are given as a mapping.
    Conflict
        When no run is open; MLflow would start one here and leave it RUNNING.
    """
    given: object = step
    if isinstance(given, Mapping):
        # As `mlflow.log_metrics` takes them.
        names = ", ".join(f"{name}=…" for name in given) if all(map(str.isidentifier, map(str, given))) else "**metrics"
        raise CommandError("metrics are given by name, not as a mapping", f"mlops_jupyter.log({names})")
    run = tracking.current()
    if run is not None:
        run.log(metrics, step)
    else:
        values = {name: tracking.as_number(name, value) for name, value in metrics.items()}
        _journal_of_mlflow().log(values, step)


def _journal_of_mlflow() -> RunJournal:
    """Return the journal of the run that ``mlflow.start_run`` has opened, here or before we were asked."""
    if (run_id := project.plain().active_run_id()) is not None:
        journal = tracking.known.get(run_id)
        if journal is None or journal.closed:
            # It was opened before anything of ours was used.
            journal = tracking.adopt(project.journals(settings.current()), run_id, own=False)
        return journal
    raise Conflict("no run is open, so there is nothing to log to", "put %%mlops track above the cell")
