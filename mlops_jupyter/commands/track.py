"""``track``: a cell, a block or a function as an MLflow run."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from .. import registry, settings
from ..capabilities import honesty, interrupts, snapshotting
from ..capabilities.cell_ids import id_in_file
from ..capabilities.honesty import NotebookNow
from ..capabilities.journal import Follower
from ..capabilities.redaction import scrubbed
from ..capabilities.shipping import MIRROR_TAG
from ..capabilities.snapshotting import RunningCell
from ..capabilities.tracking import PARENT_TAG, Intent, OpenRun, known, open_run, short_form
from ..capabilities.tracking import current as current_run
from ..errors import CommandError, Conflict
from ..protocols import Names, Reporter, Silent
from ..records import Run
from . import project
from .arguments import names
from .models_of_runs import log_named
from .snapshot import beside_run

if TYPE_CHECKING:
    from ..capabilities.executed_cells import ExecutedCell

_REACH_TIMEOUT_S = 3.0
_POINTS_A_LOOK = 100_000
# Of so many runs within a body the metrics are shown while it runs.
_RUNS_WITHIN = 20

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Choices:
    """What the caller of `track` chose; ``None`` leaves it to the settings."""

    name: str | None
    experiment: str | None
    tags: Mapping[str, str]
    params: tuple[str, ...]
    data: tuple[str, ...]
    model: tuple[str, ...]
    live: bool | None
    parent: str | None
    autolog: bool | None
    log_models: bool | None
    tensorboard: bool | None


class Tracked:
    """A body that will run as an MLflow run: a ``with`` block, a decorated function, or the magic's cell.

    One object may be used again, one body after the other; each use is a run of its own.

    Attributes
    ----------
    record
        The last run as it ended, ``None`` before.
    """

    def __init__(self, choices: Choices, reporter: Reporter) -> None:
        self.record: Run | None = None
        self._choices = choices
        self._reporter = reporter
        self._run: OpenRun | None = None
        self._notebook: Path | None = None
        # The id in its notebook of the cell that is tracked, once it runs and if it is known.
        self.cell_id: str | None = None
        self._variables: Callable[[], Mapping[str, object]] = dict

    @property
    def run_id(self) -> str:
        """The open run's id, or the last one's; empty when untracked."""
        if self._run is not None:
            return self._run.run_id
        return self.record.run_id if self.record is not None else ""

    @property
    def is_open(self) -> bool:
        """Whether a body runs now."""
        return self._run is not None

    @property
    def local_id(self) -> str:
        """The open run's id in this project's journals; empty when there is none."""
        return "" if self._run is None else self._run.local_id

    def log(self, step: int | None = None, **metrics: object) -> None:
        """Log metrics to this run, from any thread; see `mlops_jupyter.log`."""
        if self._run is None:
            raise Conflict("this run is not open, so there is nothing to log to", "log inside the tracked body")
        self._run.log(metrics, step)

    def open(
        self,
        variables: Callable[[], Mapping[str, object]],
        cell_id: str | None = None,
        *,
        source: str | None = None,
        within: str | None = None,
    ) -> None:
        """Open the run of a body.

        Parameters
        ----------
        variables
            Gives the names that the body can see.
        cell_id, source
            What the front end calls the notebook's cell, and its text as the kernel got it.
        within
            The tracked body around it.
        """
        if self._run is not None:
            raise Conflict("this run is open already", "call track() again for a second one")
        try:
            with interrupts.held():
                self._open(variables, cell_id, source, within)
        except BaseException as error:
            # An interrupt, for one: the body does not run, and nothing else may log to its run.
            if self.is_open:
                self.close(error)
            raise

    def _open(
        self, variables: Callable[[], Mapping[str, object]], cell_id: str | None, source: str | None, within: str | None
    ) -> None:
        current, chosen = settings.current(), self._choices
        self._variables = variables
        project.prepare(current)
        plain = project.plain()
        project.take_executed_notebook()
        experiment_id = None if chosen.experiment else current.experiment_id
        experiment = chosen.experiment or current.experiment
        if experiment_id is not None:
            experiment = plain.experiment_name(experiment_id) or f"id {experiment_id}"
        notebook, stem, provenance = project.provenance(current)
        self._notebook = notebook
        self.cell_id = cell_id = id_in_file(cell_id, source, notebook)
        intent = Intent(
            experiment=experiment,
            experiment_id=experiment_id,
            name=chosen.name,
            tags=self._tags(current),
            params=chosen.params,
            data=chosen.data,
            autolog=current.autolog if chosen.autolog is None else chosen.autolog,
            log_models=current.log_models if chosen.log_models is None else chosen.log_models,
            parent=_parent(chosen.parent, current) or within or project.outer_run(),
        )
        self._run = open_run(
            project.journals(current),
            plain,
            intent,
            provenance=provenance,
            stem=stem,
            notebook=notebook,
            cell_id=cell_id,
            variables=variables,
            datasets=project.datasets,
            # The process that lists what is installed stands in another directory.
            search_path=[str(Path(entry).absolute()) for entry in sys.path],
            source=source,
        )
        if notebook is not None and within is None:
            running = None if cell_id is None or source is None else RunningCell(cell_id, source)
            self._keep_notebook(self._run, current, notebook, running)
        if chosen.experiment is None and experiment_id is None:
            settings.announce("MLFLOW_EXPERIMENT_NAME", current.experiment)

    @staticmethod
    def _keep_notebook(run: OpenRun, current: settings.Settings, notebook: Path, running: RunningCell | None) -> None:
        if run.journal is not None and (snapshot := beside_run(current, notebook, run.journal, running)) is not None:
            run.attach(snapshot)

    def _tags(self, current: settings.Settings) -> Mapping[str, str]:
        if not (current.tensorboard if self._choices.tensorboard is None else self._choices.tensorboard):
            return self._choices.tags
        # What writes them is another process: whether it can is said here.
        registry.load("metric_mirror", "tensorboard")
        return {MIRROR_TAG: "tensorboard", **self._choices.tags}

    @property
    def live(self) -> bool:
        """Whether a chart shall be shown while the body runs: as asked for, else where somebody can see it."""
        if self._run is None or not self._run.tracked:
            return False
        return project.notebook_host().shows_widgets() if self._choices.live is None else self._choices.live

    @property
    def name(self) -> str:
        """The open run's name."""
        return "" if self._run is None else self._run.name

    @property
    def parent(self) -> str | None:
        """The open run's parent, if it has one."""
        return None if self._run is None else self._run.tags.get(PARENT_TAG)

    def follow(self) -> Callable[[], list[tuple[str, Sequence[str], bytes]]]:
        """Return a function that reads what the open run, and runs within it, have logged since its last call.

        It returns of each its name, the names of metrics, and whole slots of the journal (`journal.slots`), whose keys
        are places in that list.
        """
        run = self._run
        if run is None or run.journal is None:
            return list
        followed = [(run.name, Follower(run.journal.folder.path))]
        seen = set(known)

        def read() -> list[tuple[str, Sequence[str], bytes]]:
            # The folds of a cross-validation, say, by blocks of ours or by plain MLflow code.
            for run_id, journal in list(known.items()):
                if run_id not in seen and len(followed) <= _RUNS_WITHIN:
                    seen.add(run_id)
                    named = f"{journal.start.name} ({run_id[:6]})" if journal.start.name else run_id[:6]
                    followed.append((named, Follower(journal.folder.path)))
            return [
                (name, names, slots) for name, follower in followed for names, slots in follower.slots(_POINTS_A_LOOK)
            ]

        return read

    def keep(self, texts: Mapping[str, str], documents: Mapping[str, str]) -> None:
        """Keep texts, and JSON documents, with the run, each as the artifact of its name.

        Secrets that this process knows of are left out of the texts; out of a document they must have been before.
        """
        if self._run is None or self._run.journal is None:
            return
        cleaned = {path: scrubbed(text, os.environ) for path, text in texts.items()}
        for path, text in (cleaned | dict(documents)).items():
            if text:
                self._run.journal.log_text(path, text)

    def judge(
        self,
        executed: Sequence[ExecutedCell],
        transform: Callable[[str], str],
        present: Callable[[str], bool],
        left_out: int = 0,
    ) -> None:
        """Say on the run whether what its cell depended on is what the notebook says; see `honesty.examine`."""
        if self._run is None or self._run.journal is None:
            return
        try:
            now = None if self._notebook is None else _notebook_now(self._notebook)
            found = honesty.examine(executed, now, transform=transform, present=present, left_out=left_out)
        except Exception as failed:  # noqa: BLE001 -- a bug of ours must not end the user's cell
            said = {honesty.HONESTY_TAG: "unknown", honesty.SAID_TAG: f"could not be told: {short_form(failed)}"}
            self._run.journal.log_tags(said)
            return
        self._run.journal.log_tags(honesty.tags(found))
        self._run.journal.log_text(honesty.HONESTY_ARTIFACT, scrubbed(honesty.as_json(found), os.environ))

    def close(self, error: BaseException | None, traceback_text: str | None = None) -> Run:
        """Close the run with the truth and return it."""
        run, self._run = self._run, None
        if run is None:
            raise Conflict("this run is not open", "use it as: with mlops_jupyter.track():")
        variables, self._variables = self._variables, dict
        self.record = run.close(error, traceback_text)
        if self._choices.model and run.tracked and self.record.status == "FINISHED":
            said = log_named(settings.current(), run.local_id, self._choices.model, self._choices.data, variables())
            self.record = replace(self.record, notes=(*self.record.notes, *said))
        return self.record

    def __enter__(self) -> Self:
        frame = sys._getframe(1)  # noqa: SLF001 -- the documented way to a caller's variables, as warnings do
        self.open(lambda: {**frame.f_globals, **frame.f_locals}, within=_around())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._reporter.show(self.close(error))

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function: each call is a run, and ``param`` also names its arguments."""
        signature = inspect.signature(function)

        def arguments(*args: Any, **kwargs: Any) -> dict[str, object]:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return {**function.__globals__, **bound.arguments}

        def again() -> Tracked:
            # A function may call itself or run in two threads: every call needs an object of its own.
            return Tracked(replace(self._choices, name=self._choices.name or function.__name__), self._reporter)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def tracked_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                with again().over(arguments(*args, **kwargs)):
                    return await function(*args, **kwargs)

            return cast("Callable[P, T]", tracked_coroutine)

        @functools.wraps(function)
        def tracked_function(*args: P.args, **kwargs: P.kwargs) -> T:
            with again().over(arguments(*args, **kwargs)):
                return function(*args, **kwargs)

        return tracked_function

    def over(self, variables: Mapping[str, object]) -> _Block:
        """Return a ``with`` block whose ``param`` names are looked up in ``variables``."""
        return _Block(self, variables)


def _notebook_now(notebook: Path) -> NotebookNow | None:
    try:
        found = snapshotting.find(notebook)
        return NotebookNow(found.content, notebook.stat().st_mtime if found.origin == "disk" else None)
    except OSError:
        # Renamed or deleted meanwhile: the notebook is not known.
        return None


def _around() -> str | None:
    """Return the run of the tracked body that a block or function opens in."""
    around = current_run()
    return around.local_id if around is not None and around.tracked else None


def _parent(told: str | None, current: settings.Settings) -> str | None:
    """Return the id of the parent that the user names; one that is not of this process has to be in the store."""
    if told is None or told in known:
        return told
    project.flush(current)
    store = project.tracking(current)
    store.reach(_REACH_TIMEOUT_S)
    return store.get_run(told).run_id


class _Block:
    """`Tracked` as a ``with`` block over variables that are given, not the caller's."""

    def __init__(self, tracked: Tracked, variables: Mapping[str, object]) -> None:
        self._tracked = tracked
        self._variables = variables

    def __enter__(self) -> Tracked:
        self._tracked.open(lambda: self._variables, within=_around())
        return self._tracked

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._tracked.__exit__(kind, error, tb)


def track(
    name: str | None = None,
    *,
    experiment: str | None = None,
    tag: Mapping[str, str] | None = None,
    param: Names = (),
    data: Names = (),
    model: Names = (),
    live: bool | None = None,
    parent: str | None = None,
    autolog: bool | None = None,
    log_models: bool | None = None,
    tensorboard: bool | None = None,
    reporter: Reporter = Silent(),  # noqa: B008 -- stateless
) -> Tracked:
    """Run a cell, a block or a function as an MLflow run.

    Write ``%%mlops track NAME`` above a cell, ``with mlops_jupyter.track(NAME):`` around a block, or
    ``@mlops_jupyter.track(NAME)`` above a function. The run ends FINISHED, FAILED (the traceback is kept as
    ``mlops/traceback.txt``) or KILLED (an interrupt), and its card appears below the cell.

    Parameters
    ----------
    name
        The run's name; else the notebook's or script's with some digits of the run's id.
    experiment
        The experiment; else the one of ``mlflow.set_experiment``, of MLFLOW_EXPERIMENT_NAME, or of mlops.toml.
    tag
        Tags of the run, as key=value.
    param
        Variables whose values are logged as params when the body ends, as a,b.
    data
        Tables and arrays (pandas, numpy, polars, Arrow) that go in, as a,b: schema, size and digest are logged.
    model
        Models that are logged when the body has run to its end, as a,b, with signature and input example inferred from
        the --data that fits.
    live
        Show a chart while the cell runs [where somebody can see it]; a block or function has none of its own.
    parent
        The id of the run that this one is a child of [that of MLFLOW_RUN_ID]; a block or function within a tracked
        body is its child.
    autolog
        Let frameworks log params and metrics by themselves, silently [on unless mlops.toml says otherwise].
    log_models
        Let autologging log the fitted models too [off unless mlops.toml says otherwise].
    tensorboard
        Write the metrics as TensorBoard's event files too, for `mlops ui tensorboard` [off unless mlops.toml says
        otherwise].
    reporter
        Where the card is shown when the body ends.

    Returns
    -------
    Tracked
        The body to come; ``.run_id`` and ``.log(loss=0.1)`` inside it, ``.record`` after.

    Raises
    ------
    ConfigurationError
        When runs have nowhere to go. A server that is down raises nothing: what the body logs is kept and shipped
        when the server answers, and the card says so.
    NotFound
        When there is no such parent run.
    MissingDependency
        When TensorBoard is asked for and not installed.
    """
    if callable(name):
        raise CommandError("track takes a name, not a function", "write @mlops_jupyter.track() above the function")
    choices = Choices(
        name=name,
        experiment=experiment,
        tags=dict(tag or {}),
        params=names(param),
        data=names(data),
        model=names(model),
        live=live,
        parent=parent,
        autolog=autolog,
        log_models=log_models,
        tensorboard=tensorboard,
    )
    return Tracked(choices, reporter)
