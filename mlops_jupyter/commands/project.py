"""The project a verb works in: its store, its journals, its notebook, its repository."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import cast

import mlops_jupyter

from .. import registry
from ..capabilities import lasting_processes, live_documents
from ..capabilities import tracking as tracking_of_runs
from ..capabilities.journal import Journals
from ..capabilities.provenance import process_tags, source_tags, told_from_outside, user
from ..protocols import Datasets, NotebookHost, RunSink, SourceControl, Tracking
from ..records import Checkout
from ..settings import EXECUTED_VARIABLE, PARENT_VARIABLE, Settings, announce, embedded_uri
from . import store_variables
from .plain import PlainMlflow

# Reading first sees to it that what was logged is there to be read; the first of all has to wait for MLflow's import.
_FLUSH_TIMEOUT_S, _PATIENT_S = 15.0, 60.0
# A kernel's manager may not wait as long; then the kernel is killed, and its journal is complete all the same.
_EXIT_WAIT_S = 30.0


def tracking(settings: Settings, *, writes: bool = True) -> Tracking:
    """Return the project's store of runs, and tell plain MLflow code of this process about it.

    A verb that only reads leaves no trace in a directory that may be no project at all.

    Raises
    ------
    ConfigurationError
        When the project's directory cannot be written, or the store cannot be used.
    """
    prepare(settings, writes=writes)
    return _tracking(settings.tracking_uri, settings.registry_uri, settings.artifacts if settings.embedded else None)


def prepare(settings: Settings, *, writes: bool = True) -> None:
    """See to it that the project can hold runs, and tell plain MLflow code of this process where they go.

    Raises
    ------
    ConfigurationError
        When the project's directory cannot be written, or MLflow would refuse the store.
    """
    settings.check_store()
    if writes:
        settings.prepare_state()
    announce("MLFLOW_TRACKING_URI", settings.tracking_uri)
    if settings.registry_uri is not None:
        announce("MLFLOW_REGISTRY_URI", settings.registry_uri)


def embedded_tracking(settings: Settings) -> Tracking:
    """Return the project's own sqlite file, to read what was tracked before the project was given another store."""
    try:
        return _tracking(embedded_uri(settings.root), None, settings.artifacts)
    finally:
        # A store that is made becomes that of plain MLflow code too, which goes on with the project's.
        _tracking.__wrapped__(settings.tracking_uri, settings.registry_uri, None)


@cache
def _tracking(uri: str, registry_uri: str | None, artifacts: Path | None) -> Tracking:
    return cast("Tracking", registry.load("tracking", "mlflow")(uri, registry_uri, artifacts))


def sink(settings: Settings) -> RunSink:
    """Return the writing side of the project's store of runs."""
    artifacts = settings.artifacts if settings.embedded else None
    return cast("RunSink", registry.load("run_sink", "mlflow")(settings.tracking_uri, artifacts))


def journals(settings: Settings, store: str | None = None) -> Journals:
    """Return the project's journals: where runs log to, on their way to the project's store or another."""
    return _journals(settings.journal, settings.root, store or settings.tracking_uri)


@cache
def _journals(folder: Path, root: Path, uri: str) -> Journals:
    return Journals(folder, uri, lambda: start_shipper(folder, root), store_variables.here)


def shipper_command(root: Path) -> list[str]:
    """Return the command that is a project's shipper."""
    # Safe path: a file of the project that is called like a module of Python's is not imported there.
    return [sys.executable, "-P", "-m", "mlops_jupyter.faces.shipper", str(root)]


def start_shipper(folder: Path, root: Path) -> None:
    """Start the process that brings journals to the store; it ends by itself, also when another is there."""
    with (folder / "shipper.log").open("ab") as log:
        lasting_processes.start(shipper_command(root), log, cwd=root)


def flush(settings: Settings, *, answers: bool = False, patient: bool = False) -> tuple[str, ...]:
    """Wait, briefly, until all that was logged is in the store; say in sentences what is not.

    Parameters
    ----------
    settings
        The project's.
    answers
        Whether the store has just answered: then it is asked again at once, also after it had been away.
    patient
        Whether it may take longer than usual, as long as runs keep arriving: a job in CI ends with everything that it
        has started, and a shipper on a slow machine needs a while to import MLflow.
    """
    if not settings.journal.is_dir():
        return ()
    wait_s = _PATIENT_S if patient else _FLUSH_TIMEOUT_S
    left = journals(settings).flush(wait_s, hurry=answers)
    while patient and left and not any(left.values()):
        before, left = left, journals(settings).flush(wait_s)
        if len(left) >= len(before):
            break
    reasons = sorted({reason for reason in left.values() if reason})
    if not left:
        return ()
    why = f": {reasons[0]}" if reasons else ""
    return (f"{len(left)} {'run is' if len(left) == 1 else 'runs are'} not all in the store yet{why}",)


@cache
def take_executed_notebook() -> None:
    """Take the notebook of a headless run as it is executed for what a front end would tell of it."""
    notebook, executed = os.environ.get("MLOPS_JUPYTER_NOTEBOOK"), os.environ.get(EXECUTED_VARIABLE)
    if notebook and executed:
        # Of a notebook from elsewhere there is none, nor of a run that is over.
        with suppress(FileNotFoundError):
            live_documents.tell(notebook, Path(executed).read_bytes())


def outer_run() -> str | None:
    """Return the run that this process was started within, if it was."""
    return os.environ.get("MLFLOW_RUN_ID") or os.environ.get(PARENT_VARIABLE) or None


@cache
def plain() -> PlainMlflow:
    """Return what plain MLflow code of this process sees; from now on it logs by way of our journals."""
    mlops_jupyter.journaling = True
    tracking_of_runs.exit_wait_s = _EXIT_WAIT_S if _nothing_outlives_us() else 0.0
    return PlainMlflow()


def _nothing_outlives_us() -> bool:
    # A CI job and a container end with their main process, the shipper among the rest.
    variables = ("CI", "KUBERNETES_SERVICE_HOST", "container")
    files = (Path("/.dockerenv"), Path("/run/.containerenv"))
    return any(map(os.environ.get, variables)) or any(file.exists() for file in files)


def datasets() -> Datasets:
    """Return what describes the data of a run."""
    return cast("Datasets", registry.load("datasets", "mlflow")())


def provenance(settings: Settings) -> tuple[Path | None, str, dict[str, str]]:
    """Say where a run from here comes from: its notebook, a stem for its name, its tags in MLflow's own words."""
    notebook = notebook_host().notebook()
    script = None if notebook is not None else _script()
    tags = process_tags(user(), script, told_from_outside(os.environ))
    tags |= notebook_tags(settings, notebook)
    tags |= plain().context_tags()
    stem = notebook.stem if notebook is not None else Path(script).stem if script else "run"
    return notebook, stem, tags


def notebook_tags(settings: Settings, notebook: Path | None) -> dict[str, str]:
    """Return the tags that name a notebook and the state of the repository around it, or around this process."""
    directory = Path.cwd() if notebook is None else notebook.parent
    return source_tags(settings.root, notebook, checkout(directory, notebook))


def _script() -> str | None:
    # An interactive session, a kernel among them, has no script; `python -c` has one called "-c".
    main = getattr(sys.modules["__main__"], "__file__", None)
    return None if main is None or sys.argv[0] in {"", "-c"} or "ipykernel" in sys.modules else str(main)


def shown_path(settings: Settings, path: Path) -> str:
    """Return a path as it is told: relative to the project where it lies in it."""
    return path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else str(path)


def experiment(settings: Settings, store: Tracking) -> str:
    """Return the experiment that runs go to unless told otherwise."""
    if settings.experiment_id is not None:
        return store.experiment_name(settings.experiment_id)
    return settings.experiment


def notebook_host() -> NotebookHost:
    """Return the front end that this process belongs to."""
    return cast("NotebookHost", registry.load("notebook_host", "jupyter")())


def checkout(directory: Path, file: Path | None = None) -> Checkout | None:
    """Describe the git repository around a directory, ``None`` outside one."""
    return cast("SourceControl", registry.load("source_control", "git")()).checkout(directory, file)
