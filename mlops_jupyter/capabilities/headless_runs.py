"""What the run of a notebook that was executed headless keeps of it."""

from __future__ import annotations

from ..errors import NotFound
from ..protocols import Tracking
from ..records import Run
from .tracking import KIND_TAG, NOTEBOOK_KIND

# The folder of a run's artifacts in which the executed notebook lies, and its page.
EXECUTED_ARTIFACTS = "mlops/executed"


def headless_run_of(store: Tracking, run: Run) -> Run | None:
    """Return the headless run that a run is, or in whose notebook it was tracked; ``None`` where it is of a kernel."""
    if run.tags.get(KIND_TAG) == NOTEBOOK_KIND:
        return run
    outer = None if run.parent is None else store.get_run(run.parent)
    return outer if outer is not None and outer.tags.get(KIND_TAG) == NOTEBOOK_KIND else None


def executed_notebook(store: Tracking, run: Run) -> tuple[Run, bytes]:
    """Return the headless run to which a run belongs, and the notebook as it was executed, with outputs.

    Raises
    ------
    NotFound
        When the run was not made by a headless one, or that keeps no executed notebook.
    """
    named = f"the run {run.run_id[:8]} {run.name}"
    outer = headless_run_of(store, run)
    if outer is None:
        raise NotFound(
            f"{named} is of no notebook that was executed headless, so no outputs are kept with it",
            f"mlops restore {run.run_id[:8]}, for the notebook without outputs",
        )
    paths = store.files(outer.run_id, EXECUTED_ARTIFACTS)
    path = next((one for one in paths if one.endswith(".ipynb")), None)
    text = None if path is None else store.read_text(outer.run_id, path)
    if text is None:
        raise NotFound(f"{named} has kept no executed notebook (it may run still)", "mlops runs")
    return outer, text.encode()
