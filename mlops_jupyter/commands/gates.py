"""What `run` requires of a notebook's metrics: read before it runs, judged when it has."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

from .. import registry, settings
from ..capabilities import gates
from ..capabilities.gates import Baseline, Comparison
from ..capabilities.run_names import find_run
from ..capabilities.run_query import NEWEST_FIRST
from ..capabilities.tracking import REPRODUCES_TAG
from ..errors import CheckFailed, CommandError, Conflict, NotFound, Unavailable
from ..protocols import ModelRegistry, ModelSource, Reporter, Tracking
from ..records import Execution, GateResult, Run
from . import project
from .headless import children_of

_REACH_TIMEOUT_S = 2.5
_MODELS = "models:/"
_ID = re.compile(r"[0-9a-fA-F]{4,32}")
_WORD = re.compile(r"[^\W\d_]+")
# Among so many runs, names are suggested; and among so many of one name the newest that is no reproduction is.
_RECENT, _NAMED = 200, 20
_TOLD = 3


@dataclass(frozen=True)
class Gates:
    """Gates that have been read, and the baselines that their names mean."""

    current: settings.Settings
    comparisons: tuple[Comparison, ...] = ()
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    def judge(self, execution: Execution) -> Execution:
        """Return an execution with its gates judged; those of a notebook that failed are not."""
        if not self.comparisons:
            return execution
        if execution.failure is not None:
            return self._unjudged(execution, "the notebook did not run to its end")
        own = (execution.run, *execution.children)
        judged = tuple(gates.judge(one, own, self.baselines) for one in self.comparisons)
        if any(one.verdict == "no such metric" for one in judged) and (left := project.flush(self.current)):
            # What was logged may hold the metric, and cannot be read yet.
            return self._unjudged(execution, left[0])
        return replace(execution, gates=judged)

    def _unjudged(self, execution: Execution, reason: str) -> Execution:
        results = tuple(GateResult(one.text, "not judged", detail=reason) for one in self.comparisons)
        return replace(execution, gates=results)


def planned(
    current: settings.Settings,
    require: Sequence[str],
    baselines: Mapping[str, object],
    notebooks: Sequence[Path],
    experiment: str | None,
) -> Gates:
    """Read gates, and find what their names mean before any notebook runs.

    Parameters
    ----------
    current
        The project's settings.
    require, baselines, experiment
        As of `run`.
    notebooks
        The notebooks that are to run; a name that one of them may give to a run of its own is looked for again when
        it has run.

    Raises
    ------
    CommandError
        When a gate cannot be read, or a baseline is named that none reads.
    NotFound
        When a name means nothing, or what it means has not the metric.
    Conflict
        When a name is an alias of several models.
    Unavailable
        When the store does not answer.
    """
    texts = (require,) if isinstance(require, str) else tuple(require)
    comparisons = tuple(one for text in texts for one in gates.parse(text))
    wanted = dict.fromkeys(
        metric.owner for one in comparisons for metric in one.bound_metrics if metric.owner is not None
    )
    if unread := [name for name in baselines if name not in wanted]:
        read = (
            f"gates read: {', '.join(wanted)}" if wanted else "for example: --require 'accuracy >= champion.accuracy'"
        )
        raise CommandError(f"no gate reads the baseline {unread[0]}", read)
    if not wanted:
        return Gates(current, comparisons)
    store = project.tracking(current, writes=False)
    store.reach(_REACH_TIMEOUT_S)
    project.flush(current, answers=True)
    finder = _Finder(current, store, experiment or project.experiment(current, store), notebooks)
    found = {
        name: finder.given(name, str(baselines[name])) if name in baselines else finder.named(name) for name in wanted
    }
    known = {name: baseline for name, baseline in found.items() if baseline is not None}
    for metric in (metric for one in comparisons for metric in one.bound_metrics):
        baseline = known.get(metric.owner or "")
        if baseline is None or gates.last_with(baseline.runs, metric.name) is not None:
            continue
        if baseline.given or not finder.may_be_made(metric.owner or ""):
            raise NotFound(gates.none_has(metric.name, baseline.runs, baseline.words), "mlops runs")
    return Gates(current, comparisons, known)


def answer(executions: Sequence[Execution], record: object, reporter: Reporter) -> None:
    """Raise what the gates of notebooks that ran to their end say, if it is no yes.

    Parameters
    ----------
    executions
        The notebooks, judged.
    record
        What the verb would return.
    reporter
        Shows the record where an error cannot carry it.

    Raises
    ------
    NotFound
        When a gate names a metric that no run has.
    Unavailable
        When the runs cannot be read.
    CheckFailed
        When a gate is not met.
    """
    results = list(_results(executions))
    if any(result.verdict in {"no such metric", "not judged"} for _, result, _ in results):
        reporter.show(record)
    for name, result, _ in results:
        if result.verdict == "no such metric":
            raise NotFound(f"{name}: the gate {result.text} cannot be judged: {result.detail}", "mlops runs")
        if result.verdict == "not judged":
            raise Unavailable("MLflow", f"{name}: the gates cannot be judged: {result.detail}", "mlops doctor --ship")
    failed = [one for one in results if not one[1].passed]
    if not failed:
        return
    told = "; ".join(f"{result.text} ({result.detail})" for _, result, _ in failed[:_TOLD])
    more = f"; and {len(failed) - _TOLD} more" if len(failed) > _TOLD else ""
    notebooks = ", ".join(dict.fromkeys(name for name, _, _ in failed))
    raise CheckFailed(f"{notebooks} does not meet its gate: {told}{more}", record, f"read {failed[0][2]}")


def _results(executions: Sequence[Execution]) -> Iterator[tuple[str, GateResult, str]]:
    for execution in executions:
        if execution.failure is None:
            for result in execution.gates:
                yield result.of or Path(execution.notebook).name, result, execution.output


@dataclass(frozen=True)
class _Finder:
    """Finds what a name in a bound means."""

    current: settings.Settings
    store: Tracking
    experiment: str
    notebooks: Sequence[Path]

    def given(self, name: str, reference: str) -> Baseline:
        """Return the baseline that the user has given a name."""
        if reference.startswith(_MODELS):
            source = self._model(reference)
            return self._of_model(source, f"{name}, version {source.version} of {source.model}", given=True)
        run = None if _ID.fullmatch(reference) else self._newest(reference)
        return self._of_run(run or find_run(self.store, reference, self.experiment), name, given=True)

    def named(self, name: str) -> Baseline | None:
        """Return what a name means by itself; ``None`` where only a run that the notebook makes can be meant."""
        if (run := self._newest(name)) is not None:
            return self._of_run(run, name)
        aliases = self._registry().aliases()
        models = aliases.get(name, ())
        if len(models) > 1:
            raise Conflict(
                f"{name} is an alias of {' and '.join(sorted(models))}",
                f"--baseline {name}={_MODELS}{min(models)}@{name}",
            )
        if models:
            source = self._registry().aliased(models[0], name)
            return self._of_model(source, f"{name}, version {source.version} of {source.model}")
        if self.may_be_made(name):
            return None
        near = difflib.get_close_matches(name, [*aliases, *self._recent()], n=1)
        raise NotFound(
            f"a gate reads {name}, and no baseline, run or alias has this name",
            f"did you mean {near[0]}? else --baseline {name}=RUN" if near else f"--baseline {name}=RUN",
        )

    def may_be_made(self, name: str) -> bool:
        """Whether a notebook may call a run of its own so: all words of the name stand in it."""
        words = _WORD.findall(name)
        texts = [one.read_text(encoding="utf-8", errors="replace") for one in self.notebooks]
        return any(all(word in text for word in words) for text in texts)

    def _model(self, reference: str) -> ModelSource:
        rest = reference.removeprefix(_MODELS)
        model, at, alias = rest.rpartition("@")
        if at and model and alias:
            return self._registry().aliased(model, alias)
        model, slash, version = rest.rpartition("/")
        if not (slash and model and version.isdecimal()):
            raise CommandError(f"{reference} names no version of a model", "models:/churn@champion or models:/churn/3")
        return self._registry().version(model, version)

    def _of_model(self, source: ModelSource, words: str, *, given: bool = False) -> Baseline:
        if source.run_id is None:
            raise NotFound(
                f"version {source.version} of {source.model} comes from no run, so it has no metrics",
                "register a version from a run, or name a run with --baseline",
            )
        run = self.store.get_run(source.run_id)
        return Baseline((run, *children_of(self.store, run)), f"{words}, run {run.run_id[:8]}", given)

    def _of_run(self, run: Run, name: str, *, given: bool = False) -> Baseline:
        which = f"the run {run.run_id[:8]}" if run.name == name else f"the run {run.run_id[:8]} {run.name}"
        return Baseline((run, *children_of(self.store, run)), f"{name}, {which}", given)

    def _newest(self, name: str) -> Run | None:
        """Return the newest finished run of a name in the experiment; a reproduction is none."""
        if "'" in name and '"' in name:
            return None
        mark = '"' if "'" in name else "'"
        query = f"attributes.run_name = {mark}{name}{mark} and attributes.status = 'FINISHED'"
        return next((run for run in self._search(query, _NAMED) if REPRODUCES_TAG not in run.tags), None)

    def _recent(self) -> list[str]:
        return list(dict.fromkeys(run.name for run in self._search("", _RECENT)))

    def _search(self, query: str, most: int) -> Sequence[Run]:
        try:
            return self.store.find_runs(self.experiment, query, NEWEST_FIRST, most).runs
        except NotFound:
            # The project's experiment comes to life with its first run.
            return ()

    def _registry(self) -> ModelRegistry:
        load = registry.load("model_registry", "mlflow")
        return cast("ModelRegistry", load(self.current.tracking_uri, self.current.registry_uri))
