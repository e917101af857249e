"""Whether what a tracked cell depended on is what its notebook says.

A run from the top would go through the notebook's cells in their order. The names in the cells that this kernel has
executed tell which of them the tracked cell depended on, and whether a run from the top would have given it the same.
"""

from __future__ import annotations

import ast
import builtins
import json
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MlopsError
from ..records import Honesty, HonestyFinding, HonestyKind
from .cell_names import CellNames, Transform, names_of
from .notebooks import reading

if TYPE_CHECKING:
    from .executed_cells import ExecutedCell

HONESTY_TAG, NAMES_TAG, SAID_TAG = "mlops.honesty", "mlops.honesty.names", "mlops.honesty.says"
HONESTY_ARTIFACT = "mlops/honesty.json"
# How Papermill begins the cell that sets the parameters of a headless run.
_INJECTED = "# Parameters\n"
_LONGEST_TAG = 4000

# What is there in every IPython kernel: outputs and inputs by number, and what shells put among the user's names.
_IPYTHON = re.compile(r"_{1,3}|_i{1,3}|_i?\d+|_[dio]h|__\w+__|In|Out|get_ipython|display|exit|quit|open")
_BUILTIN = frozenset(dir(builtins))


class NotebookNow(NamedTuple):
    """The notebook as it is: its content, and when that was saved in seconds; ``None`` for a live document."""

    content: bytes
    saved_s: float | None


def examine(
    executed: Sequence[ExecutedCell],
    notebook: NotebookNow | None,
    *,
    transform: Transform,
    present: Callable[[str], bool],
    left_out: int = 0,
) -> Honesty:
    """Look at what the cell that ran last depended on.

    Parameters
    ----------
    executed
        The cells that ran, the oldest first, the tracked one last.
    notebook
        The notebook as it is, ``None`` where it is not known.
    transform
        Makes Python of a cell's source.
    present
        Whether the kernel has a variable of that name.
    left_out
        How many cells ran before those that are known.
    """
    steps = [_step(cell, transform) for cell in executed]
    if not steps:
        return Honesty(notes=("no cell is known to have run",))
    written, notes = _written(notebook, steps, transform)
    steps = _named(steps, written)
    flow = _follow(steps)
    needed = _slice(flow, len(steps) - 1)
    found = _Findings(steps, flow, needed)
    if written is None or notebook is None:
        # Of a cell that depends on no other there is nothing to tell.
        notes = notes if needed else []
    else:
        found.compare_sources(written, notebook.saved_s, transform)
        notes += _unknown(steps, needed)
    found.compare_order(written)
    found.look_outside(present, known=not left_out)
    if left_out:
        notes.append(f"{left_out} cells that ran before are not known any more")
    return Honesty(
        tuple(found.found.values()),
        tuple(steps[place].count for place in sorted(needed) if steps[place].count),
        (*notes, *found.notes),
    )


def tags(honesty: Honesty) -> dict[str, str]:
    """Return what a run's tags say of it."""
    names = dict.fromkeys(name for finding in honesty.findings for name in finding.names)
    said = "\n".join((*(finding.sentence for finding in honesty.findings), *honesty.notes))
    told = {HONESTY_TAG: honesty.verdict, NAMES_TAG: ",".join(names), SAID_TAG: said}
    return {tag: text[:_LONGEST_TAG] for tag, text in told.items() if text}


def verdict_of(tags_of_runs: Iterable[Mapping[str, str]]) -> str | None:
    """Return what the tags of several runs say together: the worst of it; ``None`` where none says anything."""
    words = {word for told in tags_of_runs for word in told.get(HONESTY_TAG, "").split(",") if word}
    return ",".join(sorted(words - {"clean"})) or ("clean" if words else None)


def as_json(honesty: Honesty) -> str:
    """Return it as the run's artifact."""
    return json.dumps({"verdict": honesty.verdict} | asdict(honesty), ensure_ascii=False, indent=1)


# --- who depends on whom ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """One cell, as it ran or as it would: ``key`` tells which cell it is, ``count`` is 0 for one that has not run."""

    key: Hashable
    count: int
    source: str
    names: CellNames
    readable: bool = True
    whole: bool = True
    ended_s: float = 0.0


def _step(cell: ExecutedCell, transform: Transform) -> _Step:
    ident, count, source, ok, ended_s = cell
    names = names_of(source, transform)
    # Without ids, the same text is taken for the same cell.
    key: Hashable = ident if ident is not None else ("text", source)
    # What failed and is no Python has never run.
    return _Step(key, count, source, names or CellNames(), names is not None or not ok, ok, ended_s)


@dataclass
class _Flow:
    """Of each step, the steps before it that it depends on, by the name; and the names that nothing has defined."""

    sources: list[dict[str, frozenset[int]]] = field(default_factory=list)
    missing: list[set[str]] = field(default_factory=list)


def _follow(steps: Sequence[_Step]) -> _Flow:
    flow, state = _Flow(), dict[str, frozenset[int]]()
    for place in range(len(steps)):
        sources, missing, sets = _resolve(steps, place, state)
        flow.sources.append(sources)
        flow.missing.append(missing)
        _apply(steps, place, state, sets)
    return flow


def _resolve(
    steps: Sequence[_Step], place: int, state: Mapping[str, frozenset[int]]
) -> tuple[dict[str, frozenset[int]], set[str], set[str]]:
    step = steps[place]
    sources: dict[str, frozenset[int]] = {}
    missing: set[str] = set()
    sets: set[str] = set()
    left, seen = [*step.names.uses, *step.names.may_use], set[str]()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in state:
            if name not in step.names.may_use and name not in step.names.defines:
                missing.add(name)
            continue
        found = frozenset(one for one in state[name] if not _repeated(steps, one, place, name))
        if found:
            sources[name] = found
        for one in found:
            # A function reads its names when it is used, not where it is written.
            left += steps[one].names.needs.get(name, ())
            sets |= steps[one].names.sets.get(name, frozenset())
    return sources, missing, sets


def _repeated(steps: Sequence[_Step], before: int, place: int, name: str) -> bool:
    """Whether a step only does again what an earlier run of the same cell has done: ``x["a"] = …``."""
    names = steps[before].names
    others = (names.defines, names.may_define, names.changes, names.calls)
    return steps[before].key == steps[place].key and name in names.stores and not any(name in one for one in others)


def _apply(steps: Sequence[_Step], place: int, state: dict[str, frozenset[int]], sets: Iterable[str]) -> None:
    step = steps[place]
    names, me = step.names, frozenset({place})

    def others(name: str) -> frozenset[int]:
        return frozenset(one for one in state.get(name, ()) if steps[one].key != step.key)

    for name in names.deletes:
        state.pop(name, None)
    for name in (*names.may_define, *sets):
        state[name] = others(name) | me
    for name in names.defines:
        state[name] = me if step.whole else others(name) | me
    for name in names.stores - names.defines:
        if name in state:
            state[name] = others(name) | me if _only_stores(names, name) else state[name] | me
    for name in (names.changes | names.calls) - names.defines:
        imported = any(name in steps[one].names.imports for one in state.get(name, ()))
        if name in state and (name in names.changes or not imported):
            state[name] |= me


def _only_stores(names: CellNames, name: str) -> bool:
    return name not in names.changes and name not in names.calls


def _slice(flow: _Flow, last: int) -> set[int]:
    needed, left = set[int](), [last]
    while left:
        for sources in flow.sources[left.pop()].values():
            new = sources - needed - {last}
            needed |= new
            left += new
    return needed


# --- the notebook as it is ----------------------------------------------------------------------------------------


def _written(
    notebook: NotebookNow | None, steps: Sequence[_Step], transform: Transform
) -> tuple[dict[Hashable, _Step] | None, list[str]]:
    """Return the notebook's code cells in order by their ids, or ``None`` and why they cannot be told."""
    if notebook is None:
        return None, ["the notebook is not known here, so edited and deleted cells cannot be told"]
    try:
        content = reading.read(notebook.content, "the notebook")
    except MlopsError as error:
        return None, [error.message]
    found: dict[Hashable, _Step] = {}
    last = {step.key: step for step in steps}
    for cell, ident in zip(content["cells"], reading.ids(content), strict=True):
        if ident is None:
            continue
        if cell["cell_type"] == "code":
            source = reading.source(cell)
            names = last[ident].names if ident in last else names_of(source, transform)
            found[ident] = _Step(ident, 0, source, names or CellNames(), names is not None)
    return found, []


def _named(steps: Sequence[_Step], written: Mapping[Hashable, _Step] | None) -> list[_Step]:
    """Give the steps that have no id, or none that the notebook knows, that of the one cell of their text."""
    if written is None:
        return list(steps)
    by_text: dict[str, list[Hashable]] = {}
    for key, cell in written.items():
        by_text.setdefault(cell.source.strip(), []).append(key)
    # Where the notebook has none of the ids, they are another's, and say nothing of cells that were deleted.
    known = any(step.key in written for step in steps)
    named = []
    for step in steps:
        if isinstance(step.key, str) and known:
            named.append(step)
            continue
        own = by_text.get(step.source.strip(), [])
        named.append(replace(step, key=own[0] if len(own) == 1 else ("text", step.source)))
    return named


def _unknown(steps: Sequence[_Step], needed: Iterable[int]) -> list[str]:
    """Say which cells may have been edited or deleted, since neither id nor text tells which cell they are."""
    unknown = [steps[place] for place in sorted(needed) if not isinstance(steps[place].key, str)]
    # What Papermill has put in is in no notebook, and on the run as its params.
    counts = dict.fromkeys(step.count for step in unknown if not step.source.startswith(_INJECTED))
    if not counts:
        return []
    cells = ", ".join(f"[{count}]" for count in counts)
    return [f"by neither id nor text one cell of the notebook is known for {cells}: edited or deleted cannot be told"]


def _same_code(one: str, other: str, transform: Transform) -> bool:
    """Whether two sources are the same but for comments and spacing."""
    if one.strip() == other.strip():
        return True
    try:
        trees = [ast.dump(ast.parse(transform(source))) for source in (one, other)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return trees[0] == trees[1]


class _Findings:
    """Puts what is found into words, one finding a kind and cell."""

    def __init__(self, steps: Sequence[_Step], flow: _Flow, needed: set[int]) -> None:
        self.found: dict[tuple[Any, ...], HonestyFinding] = {}
        self.notes: list[str] = []
        self._steps = steps
        self._flow = flow
        self._users = sorted({*needed, len(steps) - 1})
        self._through: dict[int, set[str]] = {}
        for user in self._users:
            for name, sources in flow.sources[user].items():
                for place in sources:
                    self._through.setdefault(place, set()).add(name)

    def compare_sources(self, written: Mapping[Hashable, _Step], saved_s: float | None, transform: Transform) -> None:
        """Find cells that are not in the notebook, or not as they ran."""
        for place, names in sorted(self._through.items()):
            step = self._steps[place]
            if not isinstance(step.key, str):
                continue
            kind: HonestyKind
            if step.key not in written:
                kind, says = "deleted", "was deleted since it ran"
            elif not _same_code(written[step.key].source, step.source, transform):
                kind, says = "edited", "was edited after it ran"
            else:
                continue
            # A file that was saved before the cell ran says nothing of what became of the cell.
            if saved_s is not None and saved_s <= step.ended_s:
                kind, says = "unsaved", "differs from the saved notebook, which is older"
            self._say(kind, names, step.count, f"{_come(names)} from cell [{step.count}], which {says}")

    def compare_order(self, written: Mapping[Hashable, _Step] | None) -> None:
        """Find names that a run from the top would have taken from elsewhere."""
        order = [] if written is None else list(written.values())
        places = {step.key: place for place, step in enumerate(order)}
        expected = _follow(order)
        for user in self._users:
            mine = self._steps[user]
            for name, sources in self._flow.sources[user].items():
                again = [one for one in sources if self._steps[one].key == mine.key and one != user]
                if again:
                    count = self._steps[again[-1]].count
                    says = f"`{name}` was left by an earlier run of {self._called(user)}, which was run again"
                    self._say("out-of-order", {name}, count, says)
                    continue
                keys = {self._steps[one].key for one in sources}
                if mine.key not in places or not keys <= places.keys():
                    continue
                top = expected.sources[places[mine.key]].get(name, frozenset())
                self._compare_one(user, name, places, [order[one] for one in sorted(top)])

    def _compare_one(self, user: int, name: str, places: Mapping[Hashable, int], top: Sequence[_Step]) -> None:
        sources = sorted(self._flow.sources[user][name])
        below = [one for one in sources if places[self._steps[one].key] > places[self._steps[user].key]]
        counts = {step.key: step.count for step in self._steps}
        keys = {self._steps[one].key for one in sources}
        instead = [one for one in top if one.key not in keys]
        count = self._steps[(below or sources)[-1]].count
        here = f"`{name}` comes from cell [{count}]"
        if below:
            says = f"{here}, which stands below {self._called(user)} that uses it"
        elif instead:
            other = counts.get(instead[-1].key, 0)
            cell = f"cell [{other}]" if other else "a cell above that has not run"
            says = f"{here}; run from the top it would also depend on {cell}"
        elif len(top) < len(keys):
            says = f"{here}; run from the top it would not"
        else:
            return
        self._say("out-of-order", {name}, count, says)

    def look_outside(self, present: Callable[[str], bool], *, known: bool) -> None:
        """Find names that the kernel has and no cell has defined."""
        for user in self._users:
            for name in sorted(self._flow.missing[user]):
                if name in _BUILTIN or _IPYTHON.fullmatch(name) or not present(name):
                    continue
                if (maybe := self._may_come_from(user)) is not None:
                    self.notes.append(f"`{name}` may come from {maybe}")
                elif known:
                    says = f"`{name}` is used by {self._called(user)}, and no cell defines it"
                    self._say("outside", {name}, None, says)
                else:
                    self.notes.append(f"`{name}` is defined by no cell that is still known")

    def _may_come_from(self, user: int) -> str | None:
        """Name the last cell up to here of which the source does not say what it defines."""
        for step in reversed(self._steps[: user + 1]):
            if step.names.opaque:
                return f"{step.names.opaque[-1]} in cell [{step.count}]"
            if not step.readable:
                return f"cell [{step.count}], which cannot be read as Python"
        return None

    def _called(self, place: int) -> str:
        return "this cell" if place == len(self._steps) - 1 else f"cell [{self._steps[place].count}]"

    def _say(self, kind: HonestyKind, names: set[str], cell: int | None, says: str) -> None:
        self.found.setdefault((kind, cell, *sorted(names)), HonestyFinding(kind, tuple(sorted(names)), cell, says))


def _come(names: Iterable[str]) -> str:
    listed = [f"`{name}`" for name in sorted(names)]
    return f"{', '.join(listed)} {'comes' if len(listed) == 1 else 'come'}"
