"""``reproduce``: a run's snapshot, executed once more, and what came out compared."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

from .. import registry, settings
from ..capabilities import comparison, reproducing, working_copy
from ..capabilities.environment import editables, requirements
from ..capabilities.headless_runs import headless_run_of
from ..capabilities.notebooks import reading
from ..capabilities.references import run_notebook
from ..capabilities.reproducing import REPRODUCED_BY_TAG, REPRODUCED_TAG, Pair
from ..capabilities.run_snapshot import ARTIFACT_ONLY, SNAPSHOT_TAG
from ..capabilities.tracking import REPRODUCES_TAG
from ..errors import CheckFailed, CommandError, ConfigurationError, Conflict, NotFound, Unavailable
from ..protocols import Limits, NotebookOutcome, Object, PythonEnvironments, Reporter, Silent, Tracking
from ..records import Execution, Reproduction, Run
from . import project
from .compare import meant
from .headless import OVERRIDES_TAG, Wanted, children_of, headless
from .snapshot import in_git

_REACH_TIMEOUT_S = 2.5
_KERNEL = "mlops-recorded"
_JUPYTER_PATH = "JUPYTER_PATH"


def reproduce(
    run: Object,
    *,
    tolerance: float = 1e-6,
    env: bool = False,
    keep: bool = False,
    timeout: float | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Reproduction:
    """Execute a run's snapshot once more, and compare the metrics.

    The snapshot is written to a temporary folder, with the project's files that it does not hold, such as data, copied
    into it. The whole notebook is executed there headless, in a fresh kernel, with the parameters of the run. Compared
    are the metrics but for times and the machine's load, the data by its digest, params, and the environment. The
    verdict becomes a tag of the run; the new runs are tagged ``mlops.reproduces``. A run that has ended as before, with
    no metric to compare, is ``not compared``, which is no success either.

    Parameters
    ----------
    run
        The run: of a tracked cell or of a notebook; its id, the beginning of it, or its name.
    tolerance
        How far a metric may be off, relative to the larger one.
    env
        Build the recorded environment with uv, and execute in that.
    keep
        Leave the temporary folder there, and say where.
    timeout
        Seconds a cell may take; else no limit.
    reporter
        Where progress is told.

    Returns
    -------
    Reproduction
        The verdict, and everything that was compared.

    Raises
    ------
    CheckFailed
        When the metrics or the data differ, the notebook does not end as it did, or there is no metric to compare.
    NotFound
        When there is no such run, it has no snapshot, or that is gone.
    ConfigurationError
        When the notebook's kernel is not installed, or the recorded environment cannot be built.
    Conflict
        When the run has not ended.
    """
    if not 0 <= tolerance < 1:
        raise CommandError(f"--tolerance must be from 0 to less than 1, not {tolerance}", "--tolerance 0.001")
    current = settings.current()
    store = project.tracking(current)
    store.reach(_REACH_TIMEOUT_S)
    left = project.flush(current, answers=True)
    chosen = _Chosen.of(store, meant(store, run, project.experiment(current, store), left))
    with _folder(keep=keep) as folder:
        notebook, notes = _lay_out(current, store, chosen, folder / "project")
        environment = _recorded_environment(store, chosen, notebook, folder) if env else None
        wanted = Wanted(
            parameters=chosen.parameters,
            limits=Limits(timeout),
            experiment=chosen.run.experiment,
            tags={REPRODUCES_TAG: chosen.run.run_id},
            environment=environment or {},
        )
        execution, outcome = headless(notebook, wanted, reporter)
    if outcome.kind == "interrupted":
        raise KeyboardInterrupt
    found = _compared(store, chosen, execution, outcome, tolerance)
    record = replace(found, folder=str(folder) if keep else None, notes=(*notes, *found.notes))
    _tag(current, record)
    if record.verdict == "reproduced":
        return record
    raise CheckFailed(_answer(record), record, _next(record))


class _Chosen(NamedTuple):
    """The run to reproduce, the headless run that it belongs to, if it does, and the runs within that."""

    run: Run
    outer: Run | None
    siblings: tuple[Run, ...]
    snapshot: str

    @classmethod
    def of(cls, store: Tracking, run: Run) -> _Chosen:
        if run.status in {"RUNNING", "SCHEDULED"}:
            raise Conflict(f"the run {run.run_id[:8]} {run.name} has not ended", "wait for its end")
        if original := run.tags.get(REPRODUCES_TAG):
            raise CommandError(f"{run.run_id[:8]} is a reproduction itself", f"mlops reproduce {original[:8]}")
        outer = headless_run_of(store, run)
        snapshot = run.tags.get(SNAPSHOT_TAG) or (outer.tags.get(SNAPSHOT_TAG) if outer is not None else None)
        if snapshot is None or run.notebook is None:
            raise NotFound(
                f"the run {run.run_id[:8]} {run.name} has no snapshot of a notebook, so it cannot be executed again",
                "runs of notebooks have one unless mlops.toml says otherwise",
            )
        return cls(run, outer, () if outer is None else children_of(store, outer), snapshot)

    @property
    def parameters(self) -> Mapping[str, object]:
        """What was given to the notebook's parameters."""
        if self.outer is None:
            return {}
        given = self.outer.tags.get(OVERRIDES_TAG, "").split(",")
        return {name: self.outer.params[name] for name in given if name in self.outer.params}


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mlops-reproduce-")).resolve()
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _lay_out(current: settings.Settings, store: Tracking, chosen: _Chosen, work: Path) -> tuple[Path, tuple[str, ...]]:
    """Write the snapshot into a folder, and beside it what it does not hold; say what was done."""
    work.mkdir()
    root = current.root.resolve()
    original = (root / (chosen.run.notebook or "")).resolve()
    notes: tuple[str, ...]
    if chosen.snapshot == ARTIFACT_ONLY:
        top, notes = root, ("only the notebook was kept, in no commit: all other files are as they are now",)
        notebook = work / _place_in(top, original)
        notebook.parent.mkdir(parents=True, exist_ok=True)
        notebook.write_bytes(run_notebook(store, chosen.run))
    else:
        top, notes = _export(root, chosen.snapshot, original, work)
        notebook = work / _place_in(top, original)
        if not notebook.is_file():
            name = original.relative_to(top)
            raise NotFound(f"there is no {name} in the snapshot {chosen.snapshot[:12]}", "mlops history")
    source = root if root.is_relative_to(top) else top
    try:
        filled = working_copy.fill(source, work / source.relative_to(top))
    except OSError as error:
        raise ConfigurationError(
            f"the project cannot be copied to {work}: {error.strerror or error}", "set TMPDIR to a larger disk"
        ) from error
    if filled.linked:
        yours = "what the notebook writes to them, it writes to yours"
        notes = (*notes, f"large files are linked, not copied, {filled.linked} of them: {yours}")
    if filled.copied and chosen.snapshot != ARTIFACT_ONLY:
        notes = (*notes, f"not in the snapshot, so copied as they are now: {_count(filled.copied)}")
    return notebook, notes


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"


def _place_in(top: Path, notebook: Path) -> Path:
    if not notebook.is_relative_to(top):
        raise NotFound(f"{notebook} lies outside {top}, of which the snapshot is", "cd to its own project")
    return notebook.relative_to(top)


def _export(root: Path, commit: str, notebook: Path, work: Path) -> tuple[Path, tuple[str, ...]]:
    directory = next((one for one in notebook.parents if one.is_dir()), root)
    git = in_git(directory)
    top = None if git is None else git.top(directory)
    if git is None or top is None or git.resolve(directory, commit) is None:
        raise NotFound(f"the snapshot {commit[:12]} is not in {directory} any more", "mlops history lists what is left")
    return top.resolve(), git.export(directory, commit, work)


def _recorded_environment(store: Tracking, chosen: _Chosen, notebook: Path, folder: Path) -> Mapping[str, str]:
    """Build the environment that the run recorded, let the notebook take its kernel, and return how that is found."""
    # A headless run has it on the runs within.
    texts = (store.read_text(one.run_id, comparison.ENVIRONMENT) for one in (chosen.run, *chosen.siblings))
    recorded = next(filter(None, texts), None)
    if recorded is None:
        raise NotFound(f"the run {chosen.run.run_id[:8]} has not recorded its environment", "leave out --env")
    wanted = requirements(json.loads(recorded), editables())
    uv = cast("PythonEnvironments", registry.load("python_environments", "uv")())
    python = uv.build(folder / "environment", wanted.python, wanted.lines)
    spec = folder / "jupyter" / "kernels" / _KERNEL
    spec.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": argv, "display_name": "as recorded", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel), encoding="utf-8")
    content = reading.read(notebook.read_bytes(), notebook.name, exact=True)
    content.setdefault("metadata", {})["kernelspec"] = {"name": _KERNEL, "display_name": "as recorded"}
    notebook.write_text(json.dumps(content), encoding="utf-8")
    paths = (str(folder / "jupyter"), os.environ.get(_JUPYTER_PATH))
    return {_JUPYTER_PATH: os.pathsep.join(filter(None, paths))}


def _compared(
    store: Tracking, chosen: _Chosen, execution: Execution, outcome: NotebookOutcome, tolerance: float
) -> Reproduction:
    if execution.run.notes and not execution.children and (chosen.siblings or chosen.outer is None):
        # Without the runs in the store there is nothing to compare.
        raise Unavailable("MLflow", f"what was executed cannot be compared: {execution.run.notes[-1]}", "mlops doctor")
    pairs = [
        Pair(_recorded(store, one), None if other is None else _recorded(store, other))
        for one, other in _pairs(store, chosen, execution)
    ]
    judged = reproducing.judge(pairs, tolerance)
    notes = judged.notes
    if outcome.kind != "done":
        notes = (*notes, f"cell {outcome.cell} ended the notebook: {outcome.ename}: {outcome.evalue}"[:500])
    return Reproduction(
        run=chosen.run,
        verdict=judged.verdict,
        metrics=judged.metrics,
        params=judged.params,
        data=judged.data,
        environment=judged.environment,
        snapshot=chosen.snapshot,
        execution=execution,
        tolerance=tolerance,
        notes=notes,
    )


def _pairs(store: Tracking, chosen: _Chosen, execution: Execution) -> list[tuple[Run, Run | None]]:
    @cache
    def cell_of(run_id: str) -> str | None:
        return store.read_text(run_id, comparison.CELL)

    def counterpart(one: Run) -> Run | None:
        return reproducing.counterpart(one, chosen.siblings, execution.children, lambda run: cell_of(run.run_id))

    if chosen.outer is None or chosen.outer.run_id != chosen.run.run_id:
        return [(chosen.run, counterpart(chosen.run))]
    return [(chosen.run, execution.run), *((one, counterpart(one)) for one in chosen.siblings)]


def _recorded(store: Tracking, run: Run) -> comparison.Recorded:
    return comparison.Recorded(
        run, datasets=store.datasets(run.run_id), environment=store.read_text(run.run_id, comparison.ENVIRONMENT)
    )


def _tag(current: settings.Settings, record: Reproduction) -> None:
    """Say the verdict on the run."""
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tags = {REPRODUCED_TAG: f"{record.verdict} {when}", REPRODUCED_BY_TAG: record.execution.run.run_id}
    project.sink(current).write(record.run.run_id, (), {}, tags)


def _answer(record: Reproduction) -> str:
    name = f"{record.run.name or 'run'} {record.run.run_id[:8]}"
    if record.verdict == "data changed":
        return f"{name} is not reproduced: the data has changed: {', '.join(reproducing.changed_data(record.data))}"
    if record.verdict == "not compared":
        return f"{name} was executed once more, and has no metric that could be compared"
    if record.verdict == "failed":
        return f"{name} is not reproduced: {record.notes[-1]}"
    off = [f"{one.name} {one.before} → {one.after}" for one in record.metrics if not one.same]
    return f"{name} is not reproduced: {'; '.join(off[:3])}{' …' if len(off) > 3 else ''}"  # noqa: PLR2004


def _next(record: Reproduction) -> str:
    if record.verdict == "not compared":
        return "log what the notebook comes to as a metric: mlops_jupyter.log(accuracy=…)"
    return f"mlops compare {record.run.run_id[:8]} {_newest(record)[:8]}"


def _newest(record: Reproduction) -> str:
    """Return the run to compare with: that of the same name, else the notebook's."""
    named = [one.run_id for one in record.execution.children if one.name == record.run.name]
    return (named or [record.execution.run.run_id])[-1]
