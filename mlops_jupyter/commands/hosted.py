"""A notebook that Papermill executes in a process of its own choice, as a run like those of `headless`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import settings
from ..capabilities.notebooks import reading
from ..protocols import NotebookEngine
from ..records import Execution
from . import project
from .headless import Job, Wanted, without_secrets
from .pushed_metrics import PushedMetrics


def hosted(
    engine: NotebookEngine,
    kernel_name: str,
    source: str | None,
    output: str | None,
    options: Mapping[str, Any],
) -> Execution:
    """Execute a notebook, and return its run.

    Parameters
    ----------
    engine
        Has the notebook.
    kernel_name
        The kernel that executes it.
    source, output
        Where Papermill has read it from and writes it to: paths, or addresses of its own kinds.
    options
        What else Papermill has to say to an engine.
    """
    current = settings.current()
    project.prepare(current)
    pushed = PushedMetrics(current)
    path = _path(source)
    wanted = Wanted(parameters=engine.given, output=_path(output))
    job = Job(path, current, wanted, engine.given, engine.declared)
    environment = {name: value for name, value in {**os.environ, **job.environment()}.items() if value is not None}
    # Papermill also reads from its standard input, and from stores elsewhere.
    cells = len(reading.read(path.read_bytes(), path.name).get("cells", ())) if path.is_file() else engine.written
    try:
        outcome = engine.execute(kernel_name, environment, cells, dict(options) | {"output_path": output})
    except BaseException as error:
        # Of its cells nobody can tell: no such kernel, no answer of it, nowhere to write.
        job.fail(error)
        raise
    job.cells = cells
    execution = job.end(without_secrets(outcome))
    if outcome.kind == "interrupted":
        return execution
    left = pushed.push([execution])
    return replace(execution, notes=(*execution.notes, *left))


def _path(place: str | None) -> Path:
    """Return a place as a path; an address of a store elsewhere names at least the notebook."""
    return Path(place or "notebook.ipynb").absolute() if "://" not in (place or "") else Path(Path(place or "").name)
