"""Many notebooks headless, or one with many parameters: a parent run, and a notebook run for each combination."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from .. import registry, settings
from ..capabilities import cores, interrupts, ranking, sweeping
from ..capabilities.ranking import Rank
from ..capabilities.tracking import LOCAL_ID_TAG
from ..errors import CommandError, ConfigurationError, MlopsError
from ..protocols import BatchEngine, CellProgress, NotebookOutcome, NotebookTask, Reporter
from ..records import Batch, BatchRow, Execution, Run
from . import project
from .batch_notes import Notes
from .batch_parent import Parent
from .batch_plan import Combination, Grid, Plan, ask_about_many
from .batch_results import BATCH_TAG, COMBINATION_TAG, SOURCE_TAG, Results, done_before
from .batch_telling import Telling
from .headless import Job, Wanted, children_of, forget_old_states, runner, without_secrets

_SHORT = 500
_UNFIT, _LONGEST_FILE = re.compile(r"[^\w.=+-]+"), 100


@dataclass(frozen=True)
class Choices:
    """What was asked of a batch; see `run`. The ``paths`` are those of all notebooks, also below folders."""

    notebooks: Sequence[Path]
    paths: Sequence[Path]
    wanted: Wanted
    sweep: Mapping[str, object]
    params: Path | None
    jobs: int | None
    engine: str
    best: str | None
    yes: bool


@dataclass(frozen=True)
class Ran:
    """A batch that has ended, with its notebooks by their places among the combinations.

    Attributes
    ----------
    executed, skipped
        What it has executed, and what was done before, as the run of then tells it.
    """

    batch: Batch
    executed: Mapping[int, Execution]
    skipped: Mapping[int, Execution]
    # Runs of which only the store knows what is within them.
    unknown: frozenset[str]
    current: settings.Settings

    @property
    def executions(self) -> list[Execution]:
        """All, in the order of the combinations, those that were done before included."""
        return [one for _, one in sorted({**self.executed, **self.skipped}.items())]

    def representatives(self) -> list[tuple[BatchRow, Execution]]:
        """Return of each notebook the best combination that ran to its end, now or before, by which it is judged."""
        found: dict[str, list[tuple[BatchRow, Execution]]] = {}
        for row, execution in zip(self.batch.rows, self.executions, strict=True):
            if execution.failure is None:
                found.setdefault(execution.notebook, []).append((row, execution))
        return [(row, self._whole(execution)) for row, execution in map(self._best, found.values())]

    def _best(self, ran: Sequence[tuple[BatchRow, Execution]]) -> tuple[BatchRow, Execution]:
        rows = [row for row, _ in ran]
        rank = ranking.by_itself(rows)
        if self.batch.metric is not None and self.batch.direction is not None:
            rank = Rank(self.batch.metric, self.batch.direction)
        best = None if rank is None else ranking.best(rows, rank)
        return ran[0 if best is None else rows.index(best)]

    def _whole(self, execution: Execution) -> Execution:
        """Return an execution with the runs within it, also where only the store knows them."""
        if execution.run.run_id not in self.unknown:
            return execution
        return replace(execution, children=children_of(project.tracking(self.current), execution.run))


def batch(chosen: Choices, reporter: Reporter) -> Ran:
    """Run a batch to its end, or until the user stops it.

    Raises
    ------
    ConfirmationRequired
        When there are very many combinations, and no yes.
    MlopsError
        As of `run`, before anything runs.
    """
    rank = ranking.asked(chosen.best)
    paths = chosen.paths
    grid = Grid.of(chosen.wanted.parameters, chosen.sweep, chosen.params)
    if not chosen.yes:
        ask_about_many(paths, grid)
    current = settings.current()
    folder = _folder(chosen.wanted.output, current.output)
    project.prepare(current)
    jobs = min(chosen.jobs or cores.usable(), len(paths) * grid.count)
    many = paths if len(paths) * grid.count > 1 else ()
    with (
        runner(current, many) as notebooks,
        contextlib.closing(Plan(paths, grid, notebooks, jobs)) as plan,
        interrupts.noted() as asked,
    ):
        engine = cast("BatchEngine", registry.load("batch_engine", chosen.engine)(notebooks))
        plan.check()
        done: Mapping[str, Run] = {}
        if chosen.wanted.resume:
            project.flush(current)
            store = project.tracking(current)
            experiment = chosen.wanted.experiment or project.experiment(current, store)
            done = done_before(store, experiment, {one.source for one in plan.notebooks})
        if asked():
            raise KeyboardInterrupt
        results = Results(lambda: project.tracking(current), None if rank is None else rank.metric)
        parent = Parent(_title(chosen, plan), current, chosen.wanted.experiment, plan, _params(chosen))
        with parent.closing():
            running = _Running(chosen, current, plan, parent, results, rank)
            return running.run(engine, jobs, folder, done, reporter, asked)


def _folder(output: Path | None, directory: Path) -> Path:
    """Return where the executed notebooks go, and see to it that they can."""
    folder = directory if output is None else output.expanduser().absolute()
    if folder.is_file() or folder.suffix == ".ipynb":
        raise CommandError(f"--output {output} is one file, and several notebooks are run", "name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder}: {error.strerror}", "name another --output") from error
    return folder


def _output(folder: Path, one: Combination, local_id: str) -> Path:
    """Return where a combination's executed notebook lies, by the id that its run was opened with."""
    words = _UNFIT.sub("_", f"{one.planned.path.stem}-{sweeping.named(one.parameters)}").strip("_-")
    return folder / f"{words[:_LONGEST_FILE]}-{local_id[:8]}.ipynb"


def _title(chosen: Choices, plan: Plan) -> str:
    if len(plan.notebooks) == 1:
        return plan.notebooks[0].path.stem
    if len(chosen.notebooks) == 1:
        return chosen.notebooks[0].expanduser().resolve().name
    return f"{len(plan.notebooks)} notebooks"


def _params(chosen: Choices) -> dict[str, object]:
    file = {} if chosen.params is None else {"params": chosen.params.name}
    return {**file, **chosen.wanted.parameters, **chosen.sweep}


class _Running:
    """A batch on its way: its rows so far, and the jobs that are open."""

    def __init__(  # noqa: PLR0917 -- what a batch is made of
        self,
        chosen: Choices,
        current: settings.Settings,
        plan: Plan,
        parent: Parent,
        results: Results,
        rank: Rank | None,
    ) -> None:
        self._chosen, self._current, self._plan = chosen, current, plan
        self._parent, self._results, self._rank = parent, results, rank
        self._rows: dict[int, BatchRow] = {}
        self._open: dict[str, tuple[Combination, Job]] = {}
        self._unsettled: list[tuple[str, Job]] = []
        self._notes = Notes(plan.total)
        # What each notebook was when its first combination began.
        self._sources: dict[Path, str] = {}
        self._shares: dict[str, float] = {}
        self._jobs = 1
        self._executed: dict[int, Execution] = {}
        self._skipped: dict[int, Execution] = {}
        self._unknown: set[str] = set()

    def run(  # noqa: PLR0917 -- how it is run
        self,
        engine: BatchEngine,
        jobs: int,
        folder: Path,
        done: Mapping[str, Run],
        reporter: Reporter,
        asked: Callable[[], bool],
    ) -> Ran:
        """Run all combinations that are not done, to their end or until the user asks to stop."""
        self._jobs = jobs
        telling = Telling(self, reporter, self._plan.total)

        def progress(key: str, at: CellProgress) -> None:
            self._progress(key, at)
            telling.tell()

        def cancelled() -> bool:
            if not (asked() or reporter.cancelled()):
                telling.tell()
                return False
            telling.stopping()
            return True

        tasks = self._tasks(folder, done, telling.skipped)
        ended = engine.execute(tasks, at_once=jobs, on_progress=progress, cancelled=cancelled)
        try:
            for key, outcome in ended:
                self._end(key, outcome)
        finally:
            # An iterator that is left early leaves no process behind once it is closed.
            if isinstance(ended, Generator):
                ended.close()
            for key in list(self._open):
                self._end(key, NotebookOutcome("interrupted"))
        found = self._finish({run.tags.get(BATCH_TAG, "") for run in done.values()})
        telling.end(found)
        return Ran(found, self._executed, self._skipped, frozenset(self._unknown), self._current)

    def _tasks(self, folder: Path, done: Mapping[str, Run], skipped: Callable[[], None]) -> Iterator[NotebookTask]:
        for one in self._plan:
            if (earlier := done.get(one.digest)) is not None:
                self._skip(one, earlier, folder)
                skipped()
                continue
            job = self._begin(one, folder)
            yield NotebookTask(
                job.local_id,
                job.path,
                job.output,
                job.parameters,
                job.environment(),
                job.limits,
                self._chosen.wanted.retries,
                job.kept,
            )

    def _skip(self, one: Combination, earlier: Run, folder: Path) -> None:
        self._results.expect(earlier.run_id)
        self._unknown.add(earlier.run_id)
        path = str(one.planned.path)
        self._rows[one.place] = BatchRow(one.name, path, one.parameters, "SKIPPED", earlier.run_id, earlier.duration_s)
        executed = _output(folder, one, earlier.tags.get(LOCAL_ID_TAG, earlier.run_id))
        self._skipped[one.place] = Execution(
            notebook=path,
            output=str(executed) if executed.is_file() else path,
            html=None,
            cells=one.planned.cells,
            parameters={each.name: each.default for each in one.planned.declared or ()} | dict(one.parameters),
            run=earlier,
            notes=("it was done before, and skipped",),
        )

    def _begin(self, one: Combination, folder: Path) -> Job:
        planned = one.planned
        source = planned.source
        if self._sources.setdefault(planned.path, source) != source:
            said = "was edited while the batch ran: this is another version than the first combination's"
            self._notes.take(one.name, [f"{planned.path.name} {said}"])
        wanted = replace(
            self._chosen.wanted,
            tags={BATCH_TAG: self._parent.run_id},
            own={SOURCE_TAG: source, COMBINATION_TAG: one.digest},
            parent=self._parent.run_id,
            name=one.name,
        )
        job = Job(planned.path, self._current, wanted, one.parameters, planned.declared or (), planned.tags)
        job.cells = planned.cells
        job.output = _output(folder, one, job.local_id)
        self._open[job.local_id] = (one, job)
        self._rows[one.place] = BatchRow(one.name, str(planned.path), one.parameters, "RUNNING", job.local_id)
        return job

    def _progress(self, key: str, at: CellProgress) -> None:
        one, _ = self._open[key]
        self._shares[key] = (at.cell + at.ended) / (at.cells + 1)
        self._rows[one.place] = replace(self._rows[one.place], cell=at.cell)

    def _end(self, key: str, outcome: NotebookOutcome) -> None:
        one, job = self._open.pop(key)
        self._shares.pop(key, None)
        outcome = without_secrets(outcome)
        closed = job.close(outcome, hurried=True)
        run, children = closed.run, closed.children
        self._results.take(key, run, children)
        if children is None:
            self._unknown.add(run.run_id)
        self._executed[one.place] = job.execution(closed, outcome, run, children or ())
        # A sentence about its files is one about the notebook, whichever combination it is of.
        self._notes.take(one.name, (note.replace(job.output.stem, job.path.stem) for note in run.notes))
        self._unsettled.append((one.name, job))
        self._settle(wait=False)
        said = f"{outcome.ename}: {outcome.evalue}" if outcome.evalue else outcome.ename
        self._rows[one.place] = replace(
            self._rows[one.place],
            status=run.status,
            duration_s=run.duration_s,
            output=str(job.output) if job.output.is_file() else None,
            cell=outcome.cell,
            error=None if outcome.kind in {"done", "interrupted"} else " ".join(said.split())[:_SHORT],
        )

    def _settle(self, *, wait: bool) -> None:
        """Take the notes of runs whose notebooks' snapshots are kept."""
        ready = [each for each in self._unsettled if wait or each[1].settled]
        self._unsettled = [each for each in self._unsettled if each not in ready]
        for name, job in ready:
            self._notes.take(name, job.settle())

    def _finish(self, earlier: set[str]) -> Batch:
        """Read what all runs have logged, close the parent, and return the whole."""
        self._settle(wait=True)
        forget_old_states(self._current)
        notes = [*self._notes.told(), *project.flush(self._current, patient=True)]
        try:
            self._results.read(self._parent.run_id, earlier)
        except MlopsError as error:
            # That takes nothing back of what ran.
            notes.append(f"the metrics could not be read: {error.message}")
        found = self.so_far()
        if found.skipped:
            notes.append(f"{found.skipped} of {found.total} were done before, and skipped")
        if found.left:
            notes.append(f"stopped with {found.left} of {found.total} left; --resume runs them")
        run = self._parent.end(found)
        return replace(found, run=run, notes=(*notes, *run.notes))

    # --- told meanwhile -----------------------------------------------------------------------------------------

    @property
    def ended(self) -> int:
        """How many combinations have ended."""
        return len(self._rows) - len(self._open)

    @property
    def share(self) -> float:
        """The same, with those that run counted by their cells."""
        return self.ended + sum(self._shares.values())

    def so_far(self) -> Batch:
        """Tell the batch as it is now."""
        rows = tuple(self._results.put_on(self._rows[place]) for place in sorted(self._rows))
        rank = self._rank or ranking.by_itself(rows)
        return Batch(
            notebooks=tuple(str(one.path) for one in self._plan.notebooks),
            jobs=self._jobs,
            engine=self._chosen.engine,
            run=self._parent.record("RUNNING"),
            total=self._plan.total,
            rows=rows,
            metric=None if rank is None else rank.metric,
            direction=None if rank is None else rank.direction,
            best=None if rank is None else ranking.best(rows, rank),
        )
