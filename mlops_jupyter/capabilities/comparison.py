"""What differs between runs, and which of them is better."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..errors import ConfigurationError
from ..records import Dataset, Difference, MetricComparison, Run, Section
from .notebooks import diffing, reading, told
from .notebooks.alignment import Aligner
from .references import run_version

_PAIR = 2
ENVIRONMENT, CELL, CELLS = "mlops/environment.json", "mlops/cell.py", "mlops/cells.json"

# In a metric's name, a word or the end of a word that says that less is better.
_LOWER = {
    "aic", "bic", "brier", "cer", "cost", "deviance", "distance", "divergence", "duration", "eer", "elapsed", "err",
    "error", "errors", "fid", "fnr", "fpr", "kl", "latency", "logloss", "loss", "losses", "mad", "mae", "mape", "mse",
    "msle", "nll", "nrmse", "perplexity", "ppl", "regret", "rmse", "rmsle", "rmspe", "smape", "time", "wer",
}  # fmt: skip
_LOWER_END = re.compile(r"(loss|error|entropy|latency|perplexity)$")
# scikit-learn negates an error to make a score of it.
_NEGATED = {"neg", "negative"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

# MLflow's own tags that say where a run comes from; the rest of its tags are its book-keeping, as `mlops.` is ours.
_PROVENANCE = {
    "mlflow.note.content", "mlflow.source.git.branch", "mlflow.source.git.commit", "mlflow.source.git.dirty",
    "mlflow.source.git.repoURL", "mlflow.source.name", "mlflow.source.type", "mlflow.user",
}  # fmt: skip
_BOOK_KEEPING = ("mlflow.", "mlops.")


@dataclass(frozen=True)
class Recorded:
    """What is known of a run beyond its record: artifacts as text, ``None`` where there is none of them."""

    run: Run
    datasets: tuple[Dataset, ...] = ()
    environment: str | None = None
    cell: str | None = None
    cells: str | None = None
    notebook: bytes | None = None


def sections(runs: Sequence[Recorded], aligner: Aligner) -> tuple[Section, ...]:
    """Compare runs, one kind of things after the other; ``aligner`` is for cells that have no ids."""
    return (*facts(runs), _notebooks(runs, aligner))


def facts(runs: Sequence[Recorded]) -> tuple[Section, ...]:
    """Compare all but the notebooks."""
    return tuple(compare(runs) for compare in SECTIONS)


def metrics(
    runs: Sequence[Run], lower: Collection[str] = (), higher: Collection[str] = ()
) -> tuple[MetricComparison, ...]:
    """Compare the last values of all metrics; ``lower`` and ``higher`` name those of which the name says it wrong."""
    names = sorted(
        {name for run in runs for name in run.metrics}, key=lambda name: (name.startswith("training_"), name)
    )
    found = []
    for name in names:
        direction: Literal["lower", "higher"] = direction_of(name)
        told: Literal["name", "--lower", "--higher"] = "name"
        if name in lower:
            direction, told = "lower", "--lower"
        elif name in higher:
            direction, told = "higher", "--higher"
        values = tuple(run.metrics.get(name) for run in runs)
        found.append(MetricComparison(name, values, direction, told, _best(values, direction)))
    return tuple(found)


def direction_of(metric: str) -> Literal["lower", "higher"]:
    """Tell from a metric's name which of its values is better.

    Examples
    --------
    >>> direction_of("val_loss"), direction_of("valLogLoss"), direction_of("f1_score")
    ('lower', 'lower', 'higher')
    """
    words = [word.lower() for word in _WORD.findall(metric)]
    if _NEGATED.intersection(words):
        return "higher"
    return "lower" if any(word in _LOWER or _LOWER_END.search(word) for word in words) else "higher"


def _best(values: Sequence[float | None], direction: str) -> tuple[int, ...]:
    present = [value for value in values if value is not None]
    comparable = [value for value in present if not math.isnan(value)]
    # One alone is no better than others, nor are equals.
    if len(present) < 2 or not comparable:  # noqa: PLR2004
        return ()
    best = min(comparable) if direction == "lower" else max(comparable)
    places = tuple(place for place, value in enumerate(values) if value == best)
    return places if len(places) < len(present) else ()


# --- one kind after the other ---------------------------------------------------------------------------------------


def _params(runs: Sequence[Recorded]) -> Section:
    return _table("params", runs, [one.run.params for one in runs])


def _data(runs: Sequence[Recorded]) -> Section:
    known = [_facts_of_data(one.datasets) for one in runs]
    everywhere = set.intersection(*(set(facts) for facts in known if facts), set().union(*known))
    rows = [
        {
            f"{name}.{fact}": value
            for name, values in facts.items()
            for fact, value in values.items()
            # Of data that not all runs have, its digest says enough.
            if name in everywhere or fact == "digest"
        }
        for facts in known
    ]
    return _table("data", runs, [one or None for one in rows])


def _facts_of_data(datasets: Sequence[Dataset]) -> dict[str, dict[str, str]]:
    """Return of each dataset its facts by name; data of one name and context is told apart by its order."""
    found: dict[str, dict[str, str]] = {}
    for one in sorted(datasets, key=lambda one: (one.name, one.context, one.digest)):
        name = f"{one.name} ({one.context})" if one.context else one.name
        if (count := sum(known == name or known.startswith(f"{name} #") for known in found)) > 0:
            name = f"{name} #{count + 1}"
        facts = {"digest": one.digest, "source": one.source}
        if one.rows is not None:
            facts["rows"] = str(one.rows)
        found[name] = facts | {f"schema.{column}": kind for column, kind in one.columns.items()}
    return found


def _environment(runs: Sequence[Recorded]) -> Section:
    found = [_json(one.environment) for one in runs]
    return _table("environment", runs, [dict(_flat(one)) if isinstance(one, dict) else None for one in found])


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield above + name, value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _tracked_cell(runs: Sequence[Recorded]) -> Section:
    section = _table("cell", runs, [None if one.cell is None else {"source": one.cell} for one in runs])
    first, *others = [one for one in runs if one.cell is not None] or runs
    diffs = [_diff(first, other) for other in others if other.cell != first.cell]
    return replace(section, text="\n".join(diffs))


def _diff(first: Recorded, other: Recorded) -> str:
    lines = difflib.unified_diff(
        (first.cell or "").splitlines(),
        (other.cell or "").splitlines(),
        label(first.run),
        label(other.run),
        lineterm="",
    )
    return "\n".join(lines)


def _cells(runs: Sequence[Recorded]) -> Section:
    known = [_last_sources(one) for one in runs]
    present = [sources for sources in known if sources is not None]
    # A cell of another notebook has another id: where the same text ran, nothing differs.
    common = set.intersection(*(set(sources.values()) for sources in present)) if present else set()
    differing = {ident for sources in present for ident, source in sources.items() if source not in common}
    rows: list[dict[str, str] | None] = [
        None if sources is None else {ident: source for ident, source in sources.items() if ident in differing}
        for sources in known
    ]
    orders = [None if sources is None else _order(sources, present[0], common) for sources in known]
    if len({order for order in orders if order is not None}) > 1:
        rows = [None if row is None else row | {"order": order or ""} for row, order in zip(rows, orders, strict=True)]
    return replace(_table("cells", runs, rows), same=len(common) if len(present) > 1 else 0)


def _order(sources: Mapping[str, str], first: Mapping[str, str], common: Collection[str]) -> str:
    """Return the order in which the cells ran that all have, by their ids in the first run."""
    idents = {source: ident for ident, source in first.items()}
    return ", ".join(dict.fromkeys(idents[source] for source in sources.values() if source in common))


def _last_sources(one: Recorded) -> dict[str, str] | None:
    """Return of each cell the source that ran last, in that order; the tracked cell has a section of its own."""
    found = _json(one.cells)
    if not isinstance(found, list):
        return None
    sources: dict[str, str] = {}
    for cell in found:
        if isinstance(cell, dict) and isinstance(cell.get("source"), str):
            ident = str(cell.get("id") or f"[{cell.get('execution_count')}]")
            sources.pop(ident, None)
            sources[ident] = cell["source"]
    if sources and one.cell is not None:
        # It is the last that ran, and may have run before.
        sources.popitem()
    return sources


def _notebooks(runs: Sequence[Recorded], aligner: Aligner) -> Section:
    """Compare the notebooks that the runs keep: each with the first one's, cell by cell."""
    read = {one.run.run_id: known for one in runs if (known := _read(one)) is not None}
    missing = tuple(one.run.run_id for one in runs if one.run.run_id not in read)
    if len(read) < _PAIR:
        return Section("notebook", not_recorded=missing)
    first, *others = [one for one in runs if one.run.run_id in read]
    changed: dict[str, dict[str, str]] = {}
    texts = []
    same = len(read[first.run.run_id]["cells"])
    for other in others:
        versions = run_version(first.run), run_version(other.run)
        found = diffing.diff(read[first.run.run_id], read[other.run.run_id], versions, aligner)
        same = min(same, found.equal + found.noise)
        for cell in found.cells:
            name = cell.ident or f"cell {cell.place_before if cell.place_after is None else cell.place_after}"
            changed.setdefault(name, {})[other.run.run_id] = cell.kind
        if found.cells:
            texts.append("\n".join([f"--- {label(first.run)}", f"+++ {label(other.run)}", *told.lines(found)]))
    differences = tuple(
        Difference(name, tuple("" if one is first else kinds.get(one.run.run_id) for one in runs))
        for name, kinds in changed.items()
    )
    return Section("notebook", differences, same, missing, "\n\n".join(texts))


def _read(one: Recorded) -> dict[str, Any] | None:
    """Read a run's notebook; what somebody else has put in its place says nothing."""
    try:
        return None if one.notebook is None else reading.read(one.notebook, label(one.run))
    except ConfigurationError:
        return None


def _tags(runs: Sequence[Recorded]) -> Section:
    return _table("tags", runs, [{name: one.run.tags[name] for name in one.run.tags if _is_told(name)} for one in runs])


def _is_told(tag: str) -> bool:
    return tag in _PROVENANCE or not tag.startswith(_BOOK_KEEPING)


# Each makes one section; another kind of things to compare is another line.
SECTIONS: tuple[Callable[[Sequence[Recorded]], Section], ...] = (
    _params,
    _data,
    _environment,
    _tracked_cell,
    _cells,
    _tags,
)


def _table(name: str, runs: Sequence[Recorded], known: Sequence[Mapping[str, str] | None]) -> Section:
    """Compare what is known of each run by name; a run of which nothing is known is named, and compared with none."""
    missing = tuple(one.run.run_id for one, facts in zip(runs, known, strict=True) if facts is None)
    present = [facts for facts in known if facts is not None]
    differences, same = [], 0
    for fact in dict.fromkeys(fact for facts in present for fact in facts):
        if len({facts.get(fact) for facts in present}) > 1:
            differences.append(Difference(fact, tuple(None if facts is None else facts.get(fact) for facts in known)))
        elif len(present) > 1:
            same += 1
    return Section(name, tuple(differences), same, missing)


def _json(text: str | None) -> Any:
    """Read JSON; what somebody else has put in its place says nothing."""
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def label(run: Run) -> str:
    """Name a run so that it can be told from one of the same name."""
    return f"{run.name or 'run'} {run.run_id[:8]}"
